"""How long it takes from a fault to its alarm, in real time: the table in docs/watching.md.

python -m tests.watching.detection [--write]
"""

from __future__ import annotations

import math
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from infra.alarms import alarms
from tests.watching.alarm_state import rises
from tests.watching.runs import RUNS, Fault, Run

PAGE = Path(__file__).resolve().parents[2] / "docs" / "watching.md"
BEGIN, END = "<!-- detection: begin -->", "<!-- detection: end -->"
PHASES_S = tuple(range(0, 60, 10))
"""When in a minute CloudWatch looks is its own affair: the slowest of these counts."""
LIMIT_S = 300.0
PLAYS = 3
"""A fault may fall on any second of a minute, and a machine may be busy: one play says little."""


@dataclass(frozen=True, slots=True)
class Detection:
    """One alarm and its fault."""

    alarm: str
    fault: str
    seconds: float | None
    """None: never."""

    @property
    def minutes(self) -> str:
        """Rounded up, because CloudWatch looks once a minute."""
        return "never" if self.seconds is None else f"{max(1, math.ceil(self.seconds / 60))} min"


def detections(run: Run) -> list[Detection]:
    """How long each fault of a run took to be told."""
    return [Detection(fault.alarm, fault.text, _seconds(fault, run)) for fault in run.faults]


def quickest(play: Callable[[Path], Run], folder: Path, most_s: Mapping[tuple[str, str], float]) -> list[Detection]:
    """How long each fault took at best, played again while one was slower than its limit.

    A play's time is never too short: what this machine was busy with is stretched like all else, and comes on top.
    """
    best: dict[tuple[str, str], Detection] = {}
    for number in range(PLAYS):
        place = folder / str(number)
        place.mkdir()
        for each in detections(play(place)):
            key = each.alarm, each.fault
            best[key] = min(best.get(key, each), each, key=_slowness)
        if all(_slowness(each) <= most_s.get(key, LIMIT_S) for key, each in best.items()):
            break
    return list(best.values())


def slowest(played: Iterable[Detection], page: Mapping[tuple[str, str], float]) -> list[Detection]:
    """The most that each fault took in any play, and no less than the page has said of it so far.

    What was once seen can happen again, so a lucky round must not lower a row; whoever has made an alarm
    quicker takes its row off the page first.
    """
    worst: dict[tuple[str, str], Detection] = {}
    for each in played:
        key = each.alarm, each.fault
        seen = Detection(each.alarm, each.fault, page[key]) if key in page else each
        worst[key] = max(worst.get(key, seen), each, key=_slowness)
    return list(worst.values())


def _slowness(found: Detection) -> float:
    return math.inf if found.seconds is None else found.seconds


def false_alarms(run: Run) -> list[str]:
    """The alarms that rose in a run, whichever minute CloudWatch looks at."""
    return sorted(
        {
            alarm.name
            for stack, metrics, ended in run.metrics
            for alarm in alarms(stack)
            for phase in PHASES_S
            if any(rises(alarm, metrics, metrics.real(ended), phase))
        }
    )


def _seconds(fault: Fault, run: Run) -> float | None:
    alarm = next(each for each in alarms(fault.stack) if each.name == f"{fault.stack}-{fault.alarm}")
    ended = next(end for stack, metrics, end in run.metrics if metrics is fault.metrics and stack == fault.stack)
    began = fault.metrics.real(fault.at)
    worst = 0.0
    for phase in PHASES_S:
        told = [at for at in rises(alarm, fault.metrics, fault.metrics.real(ended), phase) if at >= began]
        if not told:
            return None
        worst = max(worst, told[0] - began)
    return worst


def table(found: Iterable[Detection]) -> str:
    """The rows of the page, by the alarm's name."""
    rows = [f"| `{each.alarm}` | {each.fault} | {each.minutes} |" for each in sorted(found, key=lambda one: one.alarm)]
    return "\n".join(("| alarm | fault | told after |", "|---|---|---|", *rows))


def written() -> str:
    """The table as the page has it."""
    return PAGE.read_text().partition(BEGIN)[2].partition(END)[0].strip()


def limits() -> dict[tuple[str, str], float]:
    """By alarm and fault, the seconds that the page allows."""
    rows = [[cell.strip() for cell in line.split("|")] for line in written().splitlines() if line.startswith("| `")]
    return {(row[1].strip("`"), row[2]): 60.0 * int(row[3].split()[0]) for row in rows}


def main(words: list[str]) -> int:
    """Play every run several times and print the table of the slowest, or write it into the page."""
    played: list[Detection] = []
    for play in [each for each in RUNS.values() for _ in range(PLAYS)]:
        with tempfile.TemporaryDirectory() as folder:
            played += detections(play(Path(folder)))
    found = slowest(played, limits())
    text = table(found)
    if "--write" in words:
        before, _, rest = PAGE.read_text().partition(BEGIN)
        after = rest.partition(END)[2]
        PAGE.write_text(f"{before}{BEGIN}\n\n{text}\n\n{END}{after}")
    sys.stdout.write(f"{text}\n")
    return 0 if all(each.seconds is not None and each.seconds <= LIMIT_S for each in found) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
