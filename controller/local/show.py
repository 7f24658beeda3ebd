"""What a run shows while it goes: a live table on a terminal, plain lines elsewhere, and the verdict at the end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Self

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from controller.local.report.mishap import Mishap, Outcome
from controller.local.truth import JobSeen, MachineSeen, Summary

_STYLES = {
    "success": "green",
    "failure": "red",
    "cancelled": "yellow",
    "skipped": "dim",
    "in_progress": "cyan",
    "queued": "blue",
}
_MARKS = {Outcome.ANSWERED: "green", Outcome.UNANSWERED: "bold red", Outcome.MOOT: "dim"}


def machine_of(job: JobSeen, machines: Mapping[str, MachineSeen]) -> MachineSeen | None:
    """The machine a job ran on, by the name of its runner."""
    return next((machine for name, machine in machines.items() if name in job.runner), None)


def in_order(mishaps: Sequence[Mishap]) -> list[Mishap]:
    """Mishaps as they are numbered, from 1: in the order in which they happened."""
    return sorted(mishaps, key=lambda mishap: mishap.at)


def title(job: JobSeen) -> str:
    """A job's name, with its attempt from the second on."""
    return job.name if job.attempt == 1 else f"{job.name} (attempt {job.attempt})"


def table(
    jobs: Sequence[JobSeen], machines: Mapping[str, MachineSeen], now: float, mishaps: Sequence[Mishap] = ()
) -> Table:
    """The jobs and their machines at one moment, with the numbers of what befell them."""
    made = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("JOB", "LABELS", "STATE", "MACHINE", "TYPE / ZONE", "WAITED", "RAN", "RESULT"):
        made.add_column(name, no_wrap=name != "LABELS", justify="right" if name in {"WAITED", "RAN"} else "left")
    for job in jobs:
        machine = machine_of(job, machines)
        made.add_row(
            Text.assemble(title(job), (marks(job, machine, mishaps), "magenta")),
            Text(" ".join(job.labels), style="dim"),
            Text(job.status, style=_STYLES.get(job.status, "")),
            machine.instance_id if machine else "",
            f"{machine.instance_type} {machine.zone} {machine.lifecycle}" if machine else "",
            waited(job, now),
            ran(job, now),
            Text(result(job), style="yellow" if _is_allowed(job) else _STYLES.get(job.conclusion, "")),
        )
    return made


def marks(job: JobSeen, machine: MachineSeen | None, mishaps: Sequence[Mishap]) -> str:
    """The numbers of the mishaps that befell a job or its machine, as ` !2 !5`."""
    subjects = {str(job.job_id), machine.instance_id if machine else ""} - {""}
    return "".join(f" !{n}" for n, each in enumerate(in_order(mishaps), 1) if each.subject in subjects)


def played(mishaps: Sequence[Mishap], began: float) -> Table:
    """Each mishap with its answer."""
    made = Table.grid(padding=(0, 2))
    made.add_column(justify="right", no_wrap=True)
    made.add_column(justify="right", no_wrap=True)
    made.add_column(overflow="fold")
    for n, each in enumerate(in_order(mishaps), 1):
        words = Text.assemble(each.text, "\n", (each.answer, _MARKS[each.outcome]))
        made.add_row(Text(f"!{n}", style="magenta"), f"{max(0.0, each.at - began):.1f} s", words)
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
        self._shown: set[int] = set()
        """The places of the mishaps that have been told."""

    def __enter__(self) -> Self:
        if self._live:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live:
            self._live.stop()

    def update(
        self,
        jobs: Sequence[JobSeen],
        machines: Mapping[str, MachineSeen],
        now: float,
        mishaps: Sequence[Mishap] = (),
    ) -> None:
        """Show the world as it is now."""
        if self._live:
            self._live.update(Group(table(jobs, machines, now, mishaps), Text(), played(mishaps, self._began)))
            return
        for place, mishap in enumerate(mishaps):
            # As long as it has met nobody, it has not happened.
            if place not in self._shown and mishap.outcome is not Outcome.MOOT:
                self._shown.add(place)
                self._print(max(0.0, mishap.at - self._began), f"! {mishap.text}")
        for job in jobs:
            if self._told.get(job.job_id) != job.status + job.conclusion:
                self._told[job.job_id] = job.status + job.conclusion
                self._print(now - self._began, _line(job, machine_of(job, machines), now))

    def _print(self, seconds: float, line: str) -> None:
        self._console.print(f"{seconds:6.1f} s  {line}", markup=False, highlight=False, soft_wrap=True)


def _line(job: JobSeen, machine: MachineSeen | None, now: float) -> str:
    where = (
        f" on {machine.instance_id} ({machine.instance_type}, {machine.zone}, {machine.lifecycle})" if machine else ""
    )
    match job.status:
        case "queued":
            return f"{title(job)}: queued for {' '.join(job.labels)}"
        case "in_progress":
            return f"{title(job)}: runs{where}, waited {waited(job, now)}"
        case _ if ran(job, now):
            return f"{title(job)}: {result(job)} after {ran(job, now)}"
        case _:
            return f"{title(job)}: {result(job)}"


def verdict(summary: Summary, console: Console, mishaps: Sequence[Mishap] = (), began: float = 0.0) -> None:
    """The summary, from the outside's truth."""
    if mishaps:
        console.print("\nMishaps, and what the platform did about them")
        console.print(played(mishaps, began))
    outcomes = ", ".join(f"{count} {name}" for name, count in summary.outcomes.items())
    console.print(f"\nOutcomes     {outcomes}", highlight=False)
    console.print(
        f"Queue time   p50 {_seconds(summary.waited_p50)}, p95 {_seconds(summary.waited_p95)}", highlight=False
    )
    console.print("Calls for each job", highlight=False)
    for name, count in summary.calls.items():
        console.print(f"  {count:6.2f}  {name}", highlight=False, soft_wrap=True)
    for title in ("lost", "broken", "double", "leaked", "processes", "unanswered"):
        for what in getattr(summary, title):
            console.print(f"{title}: {what}", style="red", highlight=False, markup=False, soft_wrap=True)
    console.print(f"\n{summary.line()}", style="bold green" if summary.is_good else "bold red", highlight=False)


def _seconds(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.1f} s"
