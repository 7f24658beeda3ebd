"""Commits are told, once for each job, what kept it from ending by itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from controller.domain.check_run import Words, words_on
from controller.domain.deliveries import MessageDelayed
from controller.domain.events import CommitTold
from controller.domain.job import Job
from controller.errors import Rejected, Unavailable
from controller.ports import CheckRun, Checks, Jobs, Ledger, Tell

_AT_ONCE = 100


@dataclass(frozen=True, slots=True)
class TellCommits:
    """A housekeeping task; also called with the jobs whose re-run has just been decided."""

    jobs: Jobs
    ledger: Ledger
    checks: Checks
    tell: Tell
    clock: Callable[[], float]

    def __call__(self, dry_run: bool) -> tuple[int, list[str]]:  # noqa: FBT001 - all tasks are called alike
        """Post the check runs that are still owed."""
        found = self.jobs.owed(_AT_ONCE)
        owed = [job for job in found if words_on(job)]
        return len(found), [_line(job) for job in owed] if dry_run else self.post(owed)

    def post(self, jobs: Iterable[Job]) -> list[str]:
        """Post what there is to say of these jobs; a line for each that is told."""
        return [_line(job) for job in jobs if (words := words_on(job)) and self._post(job, words)]

    def _post(self, job: Job, words: Words) -> bool:
        """Written down only after GitHub has it: a second check run of one name takes the first one's place."""
        outcome = "posted"
        try:
            if job.head_sha and job.installation_id:
                self.checks.post(_check(job, words), self.clock())
        except Unavailable as later:
            self.tell(MessageDelayed("checks", job.id, str(later)))
            return False
        except Rejected as refusal:
            outcome = f"refused: {refusal}"
        if not self.ledger.save([replace(job, told=True)]):
            self.tell(CommitTold(job.id, job.repository, words.title, outcome))
        return True


def _check(job: Job, words: Words) -> CheckRun:
    return CheckRun(
        server=job.server,
        installation_id=job.installation_id,
        repository=job.repository,
        head_sha=job.head_sha,
        name=f"SpotRunner: {job.name}",
        title=words.title,
        summary=words.summary,
        conclusion=words.conclusion,
        external_id=job.id,
    )


def _line(job: Job) -> str:
    words = words_on(job)
    return f"tell {job.repository} of job {job.id}: {words.title if words else 'nothing'}"
