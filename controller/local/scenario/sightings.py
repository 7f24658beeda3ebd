"""What happens to jobs, as it is seen from outside: each event once, in order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from controller.local.scenario.outside import Outside, RunnerSeen
from controller.local.scenario.pairs import Pairs
from controller.local.scenario.plan import Event
from controller.local.truth import JobSeen, MachineSeen

_REACHED = {
    "queued": (Event.QUEUED,),
    "in_progress": (Event.QUEUED, Event.STARTED),
    "completed": (Event.QUEUED, Event.STARTED, Event.COMPLETED),
}


@dataclass(frozen=True, slots=True)
class Sighting:
    """An event that befell a job, with the machine that is most likely meant for it."""

    event: Event
    job: JobSeen
    machine: str = ""


class Lookout:
    """Sees each event once."""

    def __init__(self) -> None:
        self.pairs = Pairs()
        self._seen: set[tuple[Event, int, str]] = set()

    def look(self, outside: Outside) -> list[Sighting]:
        """What has happened since the last look."""
        jobs, machines, runners = outside.jobs(), outside.machines(), outside.runners()
        self.pairs.look(jobs, machines, runners)
        return [sighting for sighting in self._all(jobs, machines, runners) if self._is_new(sighting)]

    def _all(
        self, jobs: Sequence[JobSeen], machines: Mapping[str, MachineSeen], runners: Sequence[RunnerSeen]
    ) -> Iterator[Sighting]:
        by_id = {job.job_id: job for job in jobs}
        for job in jobs:
            if job.needs_machine:
                mine = job.machine_among(machines) or self.pairs.machine_of(job.job_id)
                yield from (Sighting(event, job, mine) for event in _REACHED.get(job.status, ()) if _came(event, job))
        for name, machine in machines.items():
            job_of = by_id.get(self.pairs.job_of(name) or 0)
            if job_of is not None:
                yield from (Sighting(event, job_of, name) for event in _stages(machine, runners))

    def _is_new(self, sighting: Sighting) -> bool:
        of_machine = sighting.event in {Event.LAUNCHED, Event.BOOTED, Event.CLAIMED}
        key = (sighting.event, sighting.job.job_id, sighting.machine if of_machine else "")
        new = key not in self._seen
        self._seen.add(key)
        return new


def _came(event: Event, job: JobSeen) -> bool:
    return event is not Event.STARTED or bool(job.runner)


def _stages(machine: MachineSeen, runners: Sequence[RunnerSeen]) -> Iterator[Event]:
    yield Event.LAUNCHED
    if machine.booted:
        yield Event.BOOTED
    if any(machine.instance_id in runner.name for runner in runners):
        yield Event.CLAIMED
