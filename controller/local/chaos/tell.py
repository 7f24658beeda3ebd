"""What was done to the platform and how it was answered: a line for each kind of strike, and the verdict."""

from __future__ import annotations

from collections import Counter

from rich.console import Console
from rich.table import Table

from controller.local.chaos.play import Chaos
from controller.local.chaos.verdict import Verdict
from controller.local.report.mishap import Mishap, Outcome
from controller.local.scenario.faults import FAULTS

_LISTS = ("lost", "broken", "double", "leaked", "processes", "unanswered")


def tell(verdict: Verdict, chaos: Chaos, console: Console) -> None:
    """Print it."""
    console.print()
    console.print(table(chaos.mishaps))
    outcomes = ", ".join(f"{count} {name}" for name, count in verdict.summary.outcomes.items())
    console.print(f"\nOutcomes     {outcomes}", highlight=False)
    waits = [each for each in (verdict.summary.waited_p50, verdict.summary.waited_p95) if each is not None]
    console.print(f"Queue time   p50, p95: {', '.join(f'{each:.1f} s' for each in waits)}", highlight=False)
    console.print(f"Took         {chaos.took_s:.0f} s", highlight=False)
    for name in verdict.explained:
        console.print(f"given up and told: {name}", highlight=False, markup=False)
    for what in verdict.poorly:
        console.print(f"poorly: {what}", style="yellow", highlight=False, markup=False, soft_wrap=True)
    for title in _LISTS:
        for what in getattr(verdict.summary, title):
            console.print(f"{title}: {what}", style="red", highlight=False, markup=False, soft_wrap=True)
    style = "bold green" if verdict.is_good else "bold red"
    console.print(f"\nSeed {chaos.wish.seed}: {verdict.line()}", style=style, highlight=False, soft_wrap=True)


def table(mishaps: list[Mishap]) -> Table:
    """How often each thing was done, and how that was answered; what befell nobody is counted apart."""
    made = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("WHAT WAS DONE", "TIMES", "ANSWERED", "BEFELL NOBODY", "UNANSWERED"):
        made.add_column(name, justify="left" if name.startswith("WHAT") else "right")
    done = Counter((each.fault, each.outcome) for each in mishaps)
    for fault in FAULTS:
        counts = [done[fault, outcome] for outcome in (Outcome.ANSWERED, Outcome.MOOT, Outcome.UNANSWERED)]
        if any(counts):
            made.add_row(FAULTS[fault].about, str(sum(counts)), *map(str, counts))
    return made
