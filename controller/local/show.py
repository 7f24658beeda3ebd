"""What a run shows while it goes: a live table on a terminal, plain lines elsewhere, and the verdict at the end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Self

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from controller.local.truth import JobSeen, MachineSeen, Summary

_STYLES = {
    "success": "green",
    "failure": "red",
    "cancelled": "yellow",
    "skipped": "dim",
    "in_progress": "cyan",
    "queued": "blue",
}


def machine_of(job: JobSeen, machines: Mapping[str, MachineSeen]) -> MachineSeen | None:
    """The machine a job ran on, by the name of its runner."""
    return next((machine for name, machine in machines.items() if name in job.runner), None)


def table(jobs: Sequence[JobSeen], machines: Mapping[str, MachineSeen], now: float) -> Table:
    """The jobs and their machines at one moment."""
    made = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("JOB", "LABELS", "STATE", "MACHINE", "TYPE / ZONE", "WAITED", "RAN", "RESULT"):
        made.add_column(name, no_wrap=name != "LABELS", justify="right" if name in {"WAITED", "RAN"} else "left")
    for job in jobs:
        machine = machine_of(job, machines)
        made.add_row(
            job.name,
            Text(" ".join(job.labels), style="dim"),
            Text(job.status, style=_STYLES.get(job.status, "")),
            machine.instance_id if machine else "",
            f"{machine.instance_type} {machine.zone} {machine.lifecycle}" if machine else "",
            waited(job, now),
            ran(job, now),
            Text(result(job), style="yellow" if _is_allowed(job) else _STYLES.get(job.conclusion, "")),
        )
    return made


def waited(job: JobSeen, now: float) -> str:
    """How long a job was, or has been, in the queue."""
    if not job.needs_machine:
        return ""
    return f"{(job.started_at or job.completed_at or now) - job.queued_at:.1f} s"


def ran(job: JobSeen, now: float) -> str:
    """How long a job ran, or has been running."""
    ran_at_all = job.started_at is not None and job.needs_machine
    return f"{(job.completed_at or now) - (job.started_at or now):.1f} s" if ran_at_all else ""


def result(job: JobSeen) -> str:
    """How a job ended, in GitHub's word."""
    return f"{job.conclusion} (allowed)" if _is_allowed(job) else job.conclusion


def _is_allowed(job: JobSeen) -> bool:
    return job.may_fail and job.conclusion == "failure"


class Screen:
    """A live table where the output is a terminal, a line for each change where it is not."""

    def __init__(self, console: Console, began: float) -> None:
        self._console = console
        self._began = began
        self._live = Live(console=console, refresh_per_second=8) if console.is_terminal else None
        self._told: dict[int, str] = {}

    def __enter__(self) -> Self:
        if self._live:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live:
            self._live.stop()

    def update(self, jobs: Sequence[JobSeen], machines: Mapping[str, MachineSeen], now: float) -> None:
        """Show the world as it is now."""
        if self._live:
            self._live.update(table(jobs, machines, now))
            return
        for job in jobs:
            line = _line(job, machine_of(job, machines), now)
            if self._told.get(job.job_id) != job.status + job.conclusion:
                self._told[job.job_id] = job.status + job.conclusion
                self._console.print(
                    f"{now - self._began:6.1f} s  {line}", markup=False, highlight=False, soft_wrap=True
                )


def _line(job: JobSeen, machine: MachineSeen | None, now: float) -> str:
    where = (
        f" on {machine.instance_id} ({machine.instance_type}, {machine.zone}, {machine.lifecycle})" if machine else ""
    )
    match job.status:
        case "queued":
            return f"{job.name}: queued for {' '.join(job.labels)}"
        case "in_progress":
            return f"{job.name}: runs{where}, waited {waited(job, now)}"
        case _ if ran(job, now):
            return f"{job.name}: {result(job)} after {ran(job, now)}"
        case _:
            return f"{job.name}: {result(job)}"


def verdict(summary: Summary, console: Console) -> None:
    """The summary, from the outside's truth."""
    outcomes = ", ".join(f"{count} {name}" for name, count in summary.outcomes.items())
    console.print(f"\nOutcomes     {outcomes}", highlight=False)
    console.print(
        f"Queue time   p50 {_seconds(summary.waited_p50)}, p95 {_seconds(summary.waited_p95)}", highlight=False
    )
    console.print("Calls for each job", highlight=False)
    for name, count in summary.calls.items():
        console.print(f"  {count:6.2f}  {name}", highlight=False)
    for title in ("lost", "broken", "double", "leaked", "processes"):
        for what in getattr(summary, title):
            console.print(f"{title}: {what}", style="red", highlight=False, markup=False)
    console.print(f"\n{summary.line()}", style="bold green" if summary.is_good else "bold red", highlight=False)


def _seconds(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.1f} s"
