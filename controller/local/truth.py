"""What really happened, told by the outside alone: GitHub's jobs, the cloud's instances and calls, the processes.

Nothing here reads SpotRunner's own records, so that a bug in them cannot hide itself.
"""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class JobSeen:
    """A job as GitHub tells it. Times are seconds since the epoch."""

    job_id: int
    name: str
    labels: tuple[str, ...]
    status: str
    conclusion: str
    queued_at: float
    started_at: float | None = None
    completed_at: float | None = None
    runner: str = ""
    broken: str = ""
    """Why it ended without any step of its own having failed; empty for a job that ran as written."""
    may_fail: bool = False
    """Its author allows it to fail."""
    workflow: str = ""
    run_id: int = 0
    attempt: int = 1
    note: str = ""
    """Why GitHub ended it without a runner."""

    @property
    def needs_machine(self) -> bool:
        """Whether GitHub ever offered it to a runner."""
        return self.conclusion != "skipped"

    @property
    def identity(self) -> tuple[int, str]:
        """What its attempts have in common."""
        return (self.run_id, self.name) if self.run_id else (self.job_id, "")

    def machine_among(self, machines: Iterable[str]) -> str:
        """The machine it ran on, of these; empty where it ran on none."""
        return next((name for name in machines if self.runner and name in self.runner), "")


@dataclass(frozen=True, slots=True)
class MachineSeen:
    """A machine as the cloud tells it. Times are seconds since the epoch."""

    instance_id: str
    instance_type: str
    zone: str
    lifecycle: str
    running: bool
    launched_at: float
    ended_at: float | None = None
    config: str = ""
    """The configuration that its tags name."""
    booted: bool = True
    """EC2 has called it running."""
    hourly: float | None = None
    """Dollars an hour when it was launched; None where the cloud knows none."""
    given_up: bool = False
    """It was terminated by a call, having never been given work; one that asks too late is refused."""


@dataclass(frozen=True, slots=True)
class CallSeen:
    """One call to AWS or GitHub, as the one who was called counted it."""

    service: str
    action: str
    caller: str
    """`door`, `machine`, `aws` (what AWS does for us, such as polling a queue) or `stranger`."""


@dataclass(frozen=True, slots=True)
class Summary:
    """The verdict on a run."""

    jobs: int
    outcomes: dict[str, int]
    lost: tuple[str, ...]
    broken: tuple[str, ...]
    double: tuple[str, ...]
    leaked: tuple[str, ...]
    processes: tuple[str, ...]
    waited_p50: float | None
    """Seconds from queued to started."""
    waited_p95: float | None
    calls: dict[str, float] = field(default_factory=dict)
    """Calls for each job that needed a machine, by `caller service action`."""
    repaired: tuple[str, ...] = ()
    """What a machine broke, and a later attempt mended."""
    unanswered: tuple[str, ...] = ()
    """The mishaps that nobody did anything about."""

    @property
    def is_good(self) -> bool:
        """Whether nothing was lost, broken, doubled, leaked, left or unanswered."""
        return not (self.lost or self.broken or self.double or self.leaked or self.processes or self.unanswered)

    def line(self) -> str:
        """The verdict in one line."""
        words = (
            f"{self.jobs} jobs, {len(self.lost)} lost, {len(self.double)} double launches, "
            f"{len(self.leaked)} machines leaked, {len(self.processes)} processes left"
        )
        words += f", {len(self.broken)} broken by their machine" if self.broken else ""
        mishaps = "mishap" if len(self.unanswered) == 1 else "mishaps"
        return words + (f", {len(self.unanswered)} {mishaps} unanswered" if self.unanswered else "")


def judge(
    jobs: Sequence[JobSeen],
    machines: Sequence[MachineSeen],
    calls: Iterable[CallSeen],
    processes: Iterable[str],
    harmed: Collection[str] = (),
    unanswered: Iterable[str] = (),
) -> Summary:
    """Count what was lost, doubled, leaked and left behind; `harmed` machines came to nothing by bad luck."""
    last = latest(jobs)
    ended = [job for job in last if job.status == "completed"]
    waits = sorted(
        job.started_at - job.queued_at for job in jobs if job.status == "completed" and job.started_at is not None
    )
    counted = Counter(f"{call.caller} {call.service} {call.action}" for call in calls)
    served = sum(1 for job in jobs if job.needs_machine)
    return Summary(
        jobs=len(last),
        outcomes=dict(sorted(Counter(job.conclusion for job in ended).items())),
        lost=tuple(f"{job.name} is {job.status}" for job in last if job.status != "completed"),
        broken=tuple(f"{job.name}: {job.broken}" for job in ended if job.broken),
        double=tuple(_surplus(jobs, machines, harmed)),
        leaked=tuple(machine.instance_id for machine in machines if machine.running),
        processes=tuple(processes),
        waited_p50=_quantile(waits, 50),
        waited_p95=_quantile(waits, 95),
        calls={name: count / served for name, count in sorted(counted.items())} if served else {},
        repaired=tuple(_repaired(jobs, last)),
        unanswered=tuple(unanswered),
    )


OVERLAP_S = 1.0
"""A machine that has come to nothing may take so long to be off while another stands in for it."""


def crowded(jobs: Sequence[JobSeen], machines: Sequence[MachineSeen], harmed: Collection[str] = ()) -> list[str]:
    """The machines at whose launch more of them stood than there were attempts to stand for.

    Among thousands of jobs that take each other's runners some machine may come to nothing and be replaced;
    it is a double launch only where both stood at the same time.
    """
    over = _over(jobs, machines)
    found = []
    for machine in machines:
        now = machine.launched_at
        standing = sum(1 for each in machines if each.instance_id not in harmed and _stands(each, machine, over))
        open_ones = sum(1 for job in jobs if job.needs_machine and _is_open(job, now))
        unrun = sum(1 for job in jobs if job.needs_machine and not job.runner and not _is_open(job, now))
        if standing > open_ones + unrun:
            found.append(machine.instance_id)
    return found


def _over(jobs: Iterable[JobSeen], machines: Iterable[MachineSeen]) -> dict[str, float]:
    """When the job of each machine that ran one had ended."""
    names = [machine.instance_id for machine in machines]
    found = ((job.machine_among(names), job.completed_at) for job in jobs if job.completed_at is not None)
    return {name: ended for name, ended in found if name}


def _stands(machine: MachineSeen, launched: MachineSeen, over: dict[str, float]) -> bool:
    """Whether a machine stands, with its work still to be done, when another is launched."""
    if machine is launched:
        return True
    now = launched.launched_at
    alive = machine.launched_at <= now and (machine.ended_at is None or machine.ended_at > now + OVERLAP_S)
    return alive and over.get(machine.instance_id, now + 1.0) > now


def _is_open(job: JobSeen, now: float) -> bool:
    return job.queued_at <= now and (job.completed_at is None or job.completed_at > now)


def latest(jobs: Iterable[JobSeen]) -> list[JobSeen]:
    """The last attempt of each job, in order of first appearance."""
    found: dict[tuple[int, str], JobSeen] = {}
    for job in jobs:
        if job.identity not in found or found[job.identity].attempt < job.attempt:
            found[job.identity] = job
    return list(found.values())


def _repaired(jobs: Iterable[JobSeen], last: Iterable[JobSeen]) -> list[str]:
    well = {job.identity: job for job in last if job.status == "completed" and not job.broken}
    return [
        f"{job.name}: {job.broken}; attempt {well[job.identity].attempt} ended well"
        for job in jobs
        if job.broken and job.identity in well
    ]


def _surplus(jobs: Sequence[JobSeen], machines: Sequence[MachineSeen], harmed: Collection[str]) -> list[str]:
    """The machines that no job ran on, beyond those whose job ended or waits without one, and those that failed."""
    used = {job.runner for job in jobs if job.runner}
    idle = [
        machine.instance_id
        for machine in machines
        if not (machine.given_up or machine.instance_id in harmed or any(machine.instance_id in name for name in used))
    ]
    without = sum(1 for job in jobs if job.needs_machine and not job.runner)
    return idle[without:]


def _quantile(values: Sequence[float], percent: int) -> float | None:
    if len(values) < 2:  # noqa: PLR2004 - `quantiles` wants two
        return values[0] if values else None
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]
