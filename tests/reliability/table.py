"""The table of docs/reliability.md, made from what the stories find.

    python -m tests.reliability.table            prints it
    python -m tests.reliability.table --write    puts it into the page

Ends with 1 where an invariant is violated; each violation is named with the fault that leads to it.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from multiprocessing import Pool
from pathlib import Path

from tests.reliability.calls import Fault
from tests.reliability.enumeration import Case, cases
from tests.reliability.stories import STORIES, Story

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reliability.md"
BEGIN, END = "<!-- table -->\n", "<!-- end of table -->"


@dataclass(frozen=True, slots=True)
class Row:
    """What became of one story under every single fault."""

    story: str
    tells: str
    cases: dict[Fault, int]
    changed: dict[Fault, int]
    """The cases in which something could be seen of the fault from the outside."""
    around_launch: int
    """The cases at a call to the fleet."""
    most_machines: int
    latest_end: float
    violations: tuple[str, ...]

    @property
    def total(self) -> int:
        """Distinct cases."""
        return sum(self.cases.values())

    def __str__(self) -> str:
        kinds = " | ".join(f"{self.cases[fault]} ({self.changed[fault]})" for fault in Fault)
        ends = f"{self.most_machines} | {self.latest_end:.0f} s"
        return f"| {self.tells} | {kinds} | **{self.total}** | {self.around_launch} | {ends} | {len(self.violations)} |"


def examine(story: Story) -> Row:
    """Play every case of a story."""
    return _row(story, cases(story))


def _row(story: Story, found: Iterable[Case]) -> Row:
    count: Counter[Fault] = Counter()
    changed: Counter[Fault] = Counter()
    around = machines = 0
    latest = 0.0
    violations: list[str] = []
    for case in found:
        count[case.fault] += 1
        changed[case.fault] += case.changed
        around += case.call.name == "fleet.launch"
        machines = max(machines, case.played.outcome.machines)
        latest = max(latest, case.played.outcome.last_end)
        if case.played.violations:
            violations.append(f"{{{case.call.number}: {case.fault!s}}} {case.played.struck}: {case.played.violations}")
    kinds = {fault: count[fault] for fault in Fault}
    seen = {fault: changed[fault] for fault in Fault}
    tells = (story.__doc__ or story.__name__).rstrip(".")
    return Row(story.__name__, tells, kinds, seen, around, machines, latest, tuple(violations))


def table(rows: Iterable[Row]) -> str:
    """The whole table, with a line that sums up."""
    every = list(rows)
    kinds = " | ".join(
        f"{sum(row.cases[fault] for row in every)} ({sum(row.changed[fault] for row in every)})" for fault in Fault
    )
    around, failed = sum(row.around_launch for row in every), sum(len(row.violations) for row in every)
    lines = [
        f"| story | {' | '.join(Fault)} | cases | at CreateFleet | most machines | last job ended | violations |",
        "|---" * (len(Fault) + 6) + "|",
        *map(str, every),
        f"| **in all** | {kinds} | **{sum(row.total for row in every)}** | {around} | | | **{failed}** |",
    ]
    return "\n".join(lines) + "\n"


def main(arguments: list[str]) -> int:
    """Play everything on two processors."""
    with Pool(2) as pool:
        rows = pool.map(examine, STORIES, chunksize=1)
    text = table(rows)
    sys.stdout.write(text)
    for row in rows:
        for violation in row.violations:
            sys.stdout.write(f"{row.story} {violation}\n")
    if "--write" in arguments:
        before, _, rest = PAGE.read_text().partition(BEGIN)
        PAGE.write_text(before + BEGIN + text + END + rest.partition(END)[2])
    return int(any(row.violations for row in rows))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
