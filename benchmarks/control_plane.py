"""What a burst costs in calls, in time and in dollars: `python -m benchmarks.control_plane [JOBS ...] [mix]`.

Calls are counted by the embedded AWS and GitHub, and are the same on every machine; seconds are this machine's,
and no promise. Up to a hundred jobs every machine is a tree of real processes with the agent in it; beyond that,
and in the mix, machines are light: threads that claim and report over real HTTP.
"""

from __future__ import annotations

import os
import platform
import resource
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks.prices import GOAL, Line, bill
from controller.local import burst, flood
from controller.local.burst import Cost
from controller.local.stage import Stage

DEFAULT = ("1", "10", "100")
MIX = "mix"
MIXED_JOBS = 1_000


@dataclass(frozen=True, slots=True)
class Measured:
    """A burst, and what it took on this machine."""

    name: str
    cost: Cost
    wall_s: float
    cpu_s: float
    """Of everything: the platform, the machines, and the embedded AWS and GitHub."""
    bill: tuple[Line, ...]

    @property
    def dollars(self) -> float:
        """For a million such jobs."""
        return sum(line.dollars for line in self.bill)


def measure(word: str, folder: Path) -> Measured:
    """Run one burst."""
    lines: list[Line] = []
    jobs = MIXED_JOBS if word == MIX else int(word)

    def seen(stage: Stage) -> None:
        lines.extend(bill(stage, jobs))

    began, used = time.monotonic(), _cpu_s()
    if word == MIX:
        cost = flood.run(jobs, folder / word, timeout_s=3_600, say=lambda _: None, seen=seen).cost
    else:
        cost = burst.run(jobs, folder / word, timeout_s=60 + 3 * jobs, seen=seen)
    return Measured(word, cost, time.monotonic() - began, _cpu_s() - used, tuple(lines))


def _cpu_s() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


def main() -> None:
    """Print the tables."""
    words = sys.argv[1:] or DEFAULT
    print(f"{platform.platform()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    print(f"load {os.getloadavg()[0]:.1f} at the begin\n")
    print("| jobs | verdict | AWS calls a job | EC2 | GitHub | wall s | wall ms a job | CPU s a job | $ a million |")
    print("|---|---|---|---|---|---|---|---|---|")
    measured = []
    for word in words:
        with tempfile.TemporaryDirectory() as folder:
            measured.append(measure(word, Path(folder)))
        print(_row(measured[-1]))
    last = measured[-1]
    print(f"\n{last.name} line by line, calls a job (polls of queues apart):\n")
    for name, number in {**last.cost.aws, **last.cost.github}.items():
        print(f"  {number:7.3f}  {name}")
    print("\nPolls, which depend on time and not on jobs:\n")
    for name, number in last.cost.polls.items():
        print(f"  {number:7.3f}  {name}")
    print(f"\nDollars for a million such jobs at list prices; the goal is {GOAL:.0f}:\n")
    for line in last.bill:
        print(f"  {line.dollars:7.2f}  {line.what}")
    print(f"  {last.dollars:7.2f}  in all")


def _row(done: Measured) -> str:
    cost, jobs = done.cost, done.cost.jobs
    name = f"{jobs}, mixed" if done.name == MIX else done.name
    return (
        f"| {name} | {cost.summary.line()} | {cost.aws_total:.2f} | {cost.ec2_total:.3f} | {cost.github_total:.2f} "
        f"| {done.wall_s:.0f} | {1_000 * done.wall_s / jobs:.0f} | {done.cpu_s / jobs:.2f} | {done.dollars:.2f} |"
    )


if __name__ == "__main__":
    main()
