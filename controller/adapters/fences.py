"""Ports that write only while their region may: one whose lease has run out may have lost its jobs to another."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from controller.domain.job import Job
from controller.domain.job_key import JobKey
from controller.domain.launch import LaunchAnswer, LaunchPlan
from controller.errors import Unavailable
from controller.ports import CloudMachine, Fleet, Jobs, Ledger, Record


@dataclass(frozen=True, slots=True)
class Fence:
    """What every write has to pass."""

    region: str
    may_write: Callable[[], bool]

    def check(self, what: str) -> None:
        """Raises `Unavailable` while the region may not write."""
        if not self.may_write():
            raise Unavailable(f"{what}: {self.region} does not hold its lease, so others may act for it")


@dataclass(frozen=True, slots=True)
class FencedLedger:
    """The `Ledger` port; what lives in another region is never written."""

    ledger: Ledger
    fence: Fence
    gives_away: bool = False
    """Whether a record may get another home by this port."""

    def save(self, records: Sequence[Record]) -> frozenset[str]:
        """Write all of the records, or none."""
        for record in records:
            if record.home != self.fence.region and not self.gives_away:
                raise Unavailable(f"{record.id} lives in {record.home}, and only there it is written")
        self.fence.check(f"{len(records)} records")
        return self.ledger.save(records)

    def forget(self, jobs: Sequence[Job]) -> frozenset[str]:
        """Delete the jobs that are still as they were read."""
        for job in jobs:
            if job.home != self.fence.region:
                raise Unavailable(f"{job.id} lives in {job.home}, and only there it is deleted")
        self.fence.check(f"{len(jobs)} old jobs")
        return self.ledger.forget(jobs)


@dataclass(frozen=True, slots=True)
class FencedJobs:
    """The `Jobs` port."""

    jobs: Jobs
    fence: Fence

    def add(self, jobs: Sequence[Job]) -> frozenset[JobKey]:
        """Write down the jobs that are not known yet."""
        if jobs:
            self.fence.check(f"{len(jobs)} new jobs")
        return self.jobs.add(jobs)

    def get(self, keys: Iterable[JobKey]) -> dict[JobKey, Job]:
        """The known ones among these jobs."""
        return self.jobs.get(keys)

    def waiting(self, limit: int) -> list[Job]:
        """Jobs in line."""
        return self.jobs.waiting(limit)

    def under_way(self, limit: int) -> list[Job]:
        """Jobs with a machine."""
        return self.jobs.under_way(limit)

    def owed(self, limit: int) -> list[Job]:
        """Jobs about which something is still to be said."""
        return self.jobs.owed(limit)

    def ended(self, queued_from: float, queued_before: float, limit: int) -> list[Job]:
        """Jobs of which nothing is left to do."""
        return self.jobs.ended(queued_from, queued_before, limit)


@dataclass(frozen=True, slots=True)
class FencedFleet:
    """The `Fleet` port; ending a machine is always allowed."""

    fleet: Fleet
    fence: Fence

    def request(self, plan: LaunchPlan) -> str:
        """The frozen request for a plan."""
        return self.fleet.request(plan)

    def launch(self, request: str) -> LaunchAnswer:
        """Ask for the machines."""
        self.fence.check("a launch")
        return self.fleet.launch(request)

    def machines(self) -> list[CloudMachine]:
        """All machines of this stack."""
        return self.fleet.machines()

    def machine(self, instance_id: str) -> CloudMachine | None:
        """One machine of this stack."""
        return self.fleet.machine(instance_id)

    def terminate(self, instance_ids: Sequence[str]) -> None:
        """End the machines."""
        self.fleet.terminate(instance_ids)

    def console(self, instance_id: str) -> str:
        """What a machine has last written on its console."""
        return self.fleet.console(instance_id)
