"""The last rung of the capacity ladder: another region becomes the home of jobs for which one has no machine at all."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from controller.domain import routing
from controller.domain.events import JobRehomed
from controller.domain.fleet_config import RunnerConfig
from controller.domain.job import Job
from controller.domain.region_health import may_leave, rehomed
from controller.errors import Rejected
from controller.messages import Wake
from controller.ports import Ledger, Outbox, Tell
from controller.usecases.region_watch import REPLICATED_S, RegionWatch


@dataclass(frozen=True, slots=True)
class MoveJobs:
    """Asked by the dispatcher when every rung of its own region was refused."""

    watch: RegionWatch
    ledger: Ledger
    """One that may give a record another home."""
    peers: Mapping[str, Outbox]
    tell: Tell
    clock: Callable[[], float]

    def __call__(self, jobs: Sequence[Job], config: RunnerConfig, why: str) -> Sequence[Job]:
        """Hand over those that may go, where the configuration says so; those that stay."""
        if config.elsewhere_after_s is None or self.watch.is_alone:
            return jobs
        refuge = self.watch.refuge()
        if not refuge:
            return jobs
        reason = f"{self.watch.region} has no machine ({why})"
        now = self.clock()
        free = [job for job in jobs if may_leave(job, config.elsewhere_after_s, now) and not is_pinned(job)]
        gone = {job.id for job in free if self._move(job, refuge, reason)}
        if gone:
            self.peers[refuge].send(Wake(f"{self.watch.region} has no machine"), REPLICATED_S)
        return [job for job in jobs if job.id not in gone]

    def _move(self, job: Job, home: str, reason: str) -> bool:
        """False where the job has moved on since it was read."""
        moved = replace(rehomed(job, home, self.clock(), reason), reason=reason)
        if self.ledger.save([moved]):
            return False
        self.tell(JobRehomed(job.id, job.repository, job.home, home, moved.epoch, reason))
        return True


def stay(jobs: Sequence[Job], _config: RunnerConfig, _why: str) -> Sequence[Job]:
    """Where there is no other region."""
    return jobs


def is_pinned(job: Job) -> bool:
    """Whether a job's label names its region, or says nothing that can still be read."""
    try:
        return bool(routing.wish(job).region)
    except Rejected:
        return True
