"""What GitHub itself says of its jobs is compared with the records: a webhook that was lost is made good.

The second and third of the three intakes. All go through the same door: what is found here is put on
the queues as if a webhook had brought it, so that nothing is handled twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from controller.domain import lost_webhooks
from controller.domain.deliveries import MessageDelayed
from controller.domain.events import DeliverySentAgain, JobFound
from controller.domain.job import Job, JobState
from controller.domain.lost_webhooks import KEPT_S, Repository
from controller.domain.reading import recognition
from controller.errors import Rejected, Unavailable
from controller.messages import JobMoved, JobQueued, Step
from controller.ports import Census, Configs, DeliveryLog, Jobs, Memory, Outbox, RunRef, Tell

Word = JobQueued | JobMoved
Errand = Callable[[bool], tuple[int, list[str]]]

_LINE_READ = 500
_OVERLAP_S = 180.0
"""A delivery is logged some time after it was sent, and a redelivery after that."""
_FIRST_LOOK_S = 3_600.0
_AT_ONCE = 20
_MOST_RUNS = 8
"""Of one repository in one look, so that a busy one does not use up the calls of all."""
_RUNNING_S = 600.0
"""A job that has been running for so long may have ended without a word."""


@dataclass(frozen=True, slots=True)
class OnEveryServer:
    """A housekeeping task for each of the stack's servers; one that does not answer keeps nobody from the next."""

    errands: Sequence[Errand]
    tell: Tell

    def __call__(self, dry_run: bool) -> tuple[int, list[str]]:  # noqa: FBT001 - all tasks are called alike
        """What was looked at and found on all of them; raises what the last of the refused ones raised."""
        looked_at, found = 0, list[str]()
        refused: Rejected | None = None
        for errand in self.errands:
            try:
                number, words = errand(dry_run)
            except Rejected as refusal:
                refused = refusal
            except Unavailable as later:
                # Perhaps for an hour, while the budget is for the registrations; the next look begins where this did.
                self.tell(MessageDelayed("recovery", "a server", str(later)))
            else:
                looked_at, found = looked_at + number, found + words
        if refused is not None:
            raise refused
        return looked_at, found


@dataclass(frozen=True, slots=True)
class RecoverDeliveries:
    """A housekeeping task: deliveries that nobody took are asked for again."""

    server: str
    log: DeliveryLog
    memory: Memory
    tell: Tell
    clock: Callable[[], float]

    def __call__(self, dry_run: bool) -> tuple[int, list[str]]:  # noqa: FBT001 - all tasks are called alike
        """Look at the log since the last look, a little before it, and send again what never came through."""
        now = self.clock()
        name = f"deliveries {self.server}"
        known = self.memory.recall(name, now)
        since = float(known) if known else now - _FIRST_LOOK_S
        log = self.log.since(self.server, since - _OVERLAP_S, now)
        again = lost_webhooks.to_send_again(log)[:_AT_ONCE]
        if not dry_run:
            for delivery_id in again:
                self.log.send_again(self.server, delivery_id, now)
                self.tell(DeliverySentAgain(str(delivery_id)))
            # Those left over must be seen once more.
            if len(again) < _AT_ONCE:
                self.memory.remember(name, str(now), now + KEPT_S)
        return len(log), [f"send delivery {delivery_id} again" for delivery_id in again]


@dataclass(frozen=True, slots=True)
class RecoverJobs:
    """A housekeeping task: jobs that GitHub has and we do not, and jobs that have moved on unheard."""

    server: str
    grace_s: float
    """How long a webhook may take before its job is looked for."""
    most_calls: int
    """To GitHub, in one look."""
    jobs: Jobs
    configs: Configs
    census: Census
    memory: Memory
    outbox: Outbox
    tell: Tell
    clock: Callable[[], float]
    name: str = ""
    """The server's in the keys of its jobs."""

    def __call__(self, dry_run: bool) -> tuple[int, list[str]]:  # noqa: FBT001 - all tasks are called alike
        """Look at the runs of our open jobs, then at one repository after the other, as far as the calls reach."""
        now = self.clock()
        known = [*self.jobs.waiting(_LINE_READ), *self.jobs.under_way(_LINE_READ)]
        held = [job for job in known if job.key.server == self.name]
        looked_at = 0
        found: list[str] = []
        try:
            for words in self._words(held, now, dry_run=dry_run):
                looked_at += len(words)
                found += self._compare(words, now, dry_run=dry_run)
        except Unavailable as later:
            # Unknown is not gone: whatever was not seen is looked at the next time.
            self.tell(MessageDelayed("scan", self.server, str(later)))
        return looked_at, found

    def _words(self, held: Sequence[Job], now: float, *, dry_run: bool) -> Iterator[list[Word]]:
        """What GitHub says of each run in turn."""
        is_ours = recognition(self.configs.rules(now))
        calls = self.most_calls
        seen: set[RunRef] = set()
        for run in self._runs(held, now, dry_run=dry_run):
            if run is not None and run not in seen:
                seen.add(run)
                yield self._jobs(run, is_ours, now)
            calls -= 1
            if calls <= 0:
                return

    def _runs(self, held: Sequence[Job], now: float, *, dry_run: bool) -> Iterator[RunRef | None]:
        """The runs to look at; None stands for a call that lists some."""
        yield from dict.fromkeys(_run(job) for job in held if self._is_overdue(job, now))
        name = f"scan {self.server}"
        last = self.memory.recall(name, now) or ""
        busy = frozenset(job.repository for job in held)
        for repository in lost_webhooks.next_after(self.census.repositories(self.server, now), last, busy):
            active = self._active(repository, now)
            if repository.name not in busy and not dry_run:
                self.memory.remember(name, f"{repository.server} {repository.name}", now + KEPT_S)
            yield None
            yield from active[:_MOST_RUNS]

    def _is_overdue(self, job: Job, now: float) -> bool:
        patience = max(self.grace_s, _RUNNING_S) if job.state is JobState.RUNNING else self.grace_s
        return bool(job.installation_id) and now - job.since > patience

    def _active(self, repository: Repository, now: float) -> list[RunRef]:
        try:
            return self.census.active_runs(repository, now)
        except Rejected:
            # Renamed, archived, or Actions switched off there.
            return []

    def _jobs(self, run: RunRef, is_ours: Callable[[tuple[str, ...]], bool], now: float) -> list[Word]:
        try:
            return self.census.jobs(run, is_ours, now)
        except Rejected:
            return []

    def _compare(self, words: Sequence[Word], now: float, *, dry_run: bool) -> list[str]:
        known = self.jobs.get(word.key for word in words)
        news = [word for word in words if self._is_news(word, known.get(word.key), now)]
        for word in [] if dry_run else news:
            self.outbox.send(word)
            self.tell(JobFound(str(word.key), word.repository, word.kind))
        return [f"job {word.key} of {word.repository} is {word.kind}" for word in news]

    def _is_news(self, word: Word, known: Job | None, now: float) -> bool:
        """Whether its webhook is overdue and would change something."""
        if isinstance(word, JobQueued):
            return known is None and now - word.queued_at > self.grace_s
        if known is None or known.state is JobState.COMPLETED:
            return False
        if word.kind is Step.COMPLETED:
            return now - (word.completed_at or 0.0) > self.grace_s
        return known.state is not JobState.RUNNING and now - (word.started_at or 0.0) > self.grace_s


def _run(job: Job) -> RunRef:
    return RunRef(job.server, job.installation_id, job.repository, job.run_id)
