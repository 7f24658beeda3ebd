"""A region's sign of life, and what follows from another one's missing: its jobs get a new home, once.

A lost region's job is taken only where GitHub itself says that it still waits, and where no machine can come for
it any more. Whatever is not known counts against taking it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from controller.domain.deliveries import MessageDelayed
from controller.domain.events import JobRehomed, RegionLost
from controller.domain.housekeeping import Patience
from controller.domain.job import Job, JobState
from controller.domain.job_key import JobKey
from controller.domain.region_health import may_still_run, rehomed
from controller.domain.runner import Runner, RunnerState
from controller.errors import Rejected, Unavailable
from controller.messages import JobQueued, Wake
from controller.ports import (
    Census,
    Configs,
    GitHub,
    Jobs,
    Ledger,
    Memory,
    Outbox,
    Registration,
    Runners,
    RunRef,
    Tell,
)
from controller.usecases.move_jobs import is_pinned
from controller.usecases.region_watch import REPLICATED_S, RegionWatch, lease_of

_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Peer:
    """Another region of the environment."""

    jobs: Jobs
    """The jobs that live there, as they are seen from here."""
    memory: Memory
    """What it remembers itself, asked there."""
    outbox: Outbox


@dataclass(frozen=True, slots=True)
class TakeOver:
    """A housekeeping task; a region alone in its environment has nothing to do."""

    watch: RegionWatch
    peers: Mapping[str, Peer]
    patience: Patience
    jobs: Jobs
    runners: Runners
    ledger: Ledger
    """One that may give a record another home."""
    census: Census
    github: GitHub
    configs: Configs
    outbox: Outbox
    tell: Tell
    clock: Callable[[], float]

    def __call__(self, dry_run: bool) -> tuple[int, list[str]]:  # noqa: FBT001 - all tasks are called alike
        """Give a sign of life; then hand over what this region will not launch, or take what a lost one can not."""
        if self.watch.is_alone:
            return 0, []
        self.watch.look_afresh()
        if not dry_run:
            self.watch.beat()
        if self.watch.is_draining():
            return self._hand_over(dry_run=dry_run)
        looked_at, done = 0, []
        for region in sorted(self.watch.lost()):
            if self.watch.in_charge(region) == self.watch.region and self._is_lost(region):
                held = self._open(region)
                looked_at += len(held)
                done += self._take(held, region, dry_run=dry_run)
        return looked_at, done

    def _hand_over(self, *, dry_run: bool) -> tuple[int, list[str]]:
        """Waiting jobs that may run anywhere go to another region; those under way end here."""
        refuge = self.watch.refuge()
        waiting = self.jobs.waiting(_AT_ONCE)
        free = [job for job in waiting if refuge and not is_pinned(job)]
        moved = [job.id for job in free if dry_run or self._move(job, refuge, f"{self.watch.region} drains")]
        if moved and not dry_run:
            self.peers[refuge].outbox.send(Wake(f"{self.watch.region} drains"), REPLICATED_S)
        return len(waiting), [f"hand job {job} over to {refuge}" for job in moved]

    def _is_lost(self, region: str) -> bool:
        """What is seen of it here may be old: where it can be asked itself, that counts."""
        now = self.clock()
        try:
            lease = lease_of(self.peers[region].memory, region, now)
        except Unavailable:
            lease = None
        if lease is not None and not lease.is_lost(now, self.watch.lease_s):
            return False
        seen = lease or lease_of(self.watch.memory, region, now)
        self.tell(RegionLost(region, now - seen.until if seen else 0.0))
        return True

    def _open(self, region: str) -> list[Job]:
        theirs = self.peers[region].jobs
        return [*theirs.waiting(_AT_ONCE), *theirs.under_way(_AT_ONCE), *theirs.owed(_AT_ONCE)]

    def _take(self, held: Sequence[Job], region: str, *, dry_run: bool) -> list[str]:
        # An index is a moment behind its table, and the version that is replaced must be the latest.
        fresh = [job for job in self.jobs.get(job.key for job in held).values() if job.home == region]
        runners = self.runners.get(job.instance_id for job in fresh if job.instance_id)
        free = [job for job in fresh if job.owes or self._is_free(job, runners.get(job.instance_id))]
        wanted = [job for job in free if job.owes]
        for run, jobs in _by_run(job for job in free if not job.owes).items():
            queued = self._queued(run)
            wanted += [job for job in jobs if job.key in queued]
        moved = [job for job in wanted if dry_run or self._move(job, self.watch.region, f"{region} is lost")]
        if moved and not dry_run:
            self.outbox.send(Wake(f"{region} is lost"))
        return [f"take job {job.id} over from {region}" for job in moved]

    def _queued(self, run: RunRef) -> frozenset[JobKey]:
        """The jobs of a run that GitHub has queued; what it does not say is not queued."""
        try:
            words = self.census.jobs(run, _any, self.clock())
        except (Rejected, Unavailable) as unknown:
            self.tell(MessageDelayed("regions", f"run {run.run_id} of {run.repository}", str(unknown)))
            return frozenset()
        return frozenset(word.key for word in words if isinstance(word, JobQueued))

    def _is_free(self, job: Job, runner: Runner | None) -> bool:
        """Whether no machine works on it, or can still come for it."""
        if job.state is JobState.RUNNING:
            return False
        if may_still_run(job, runner, self.clock(), self.patience.provisioning_s, self.patience.grace_s):
            return False
        return runner is None or runner.state is not RunnerState.CLAIMED or not self._is_registered(job, runner)

    def _is_registered(self, job: Job, runner: Runner) -> bool:
        """Whether GitHub still has the runner that could take the job."""
        if runner.github_id is None:
            return False
        try:
            config = self.configs.find(runner.config, self.clock())
            wanted = Registration(
                server=job.server,
                installation_id=job.installation_id,
                repository=job.repository,
                organization=bool(config and config.organization),
                name=runner.name,
                labels=job.labels,
                group_id=config.runner_group_id if config else 1,
                group=config.runner_group if config else "",
            )
            return self.github.is_registered(wanted, runner.github_id, self.clock())
        except (Rejected, Unavailable) as unknown:
            self.tell(MessageDelayed("regions", job.id, str(unknown)))
            return True

    def _move(self, job: Job, home: str, reason: str) -> bool:
        """False where the job has moved on since it was read."""
        moved = rehomed(job, home, self.clock(), reason)
        if self.ledger.save([moved]):
            return False
        self.tell(JobRehomed(job.id, job.repository, job.home, home, moved.epoch, reason))
        return True


def _any(_labels: tuple[str, ...]) -> bool:
    return True


def _by_run(jobs: Iterable[Job]) -> dict[RunRef, list[Job]]:
    runs: dict[RunRef, list[Job]] = defaultdict(list)
    for job in jobs:
        if job.installation_id:
            runs[RunRef(job.server, job.installation_id, job.repository, job.run_id)].append(job)
    return dict(runs)
