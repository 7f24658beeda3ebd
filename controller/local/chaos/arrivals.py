"""When which jobs come: bursts of all sizes, by a seed."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass

SIZES = ((0.6, 1, 1), (0.3, 2, 8), (0.1, 9, 24))
"""Of so many bursts in all, each has at least and at most so many jobs."""
SHAPES = ("linux-2cpu",) * 7 + ("linux-4cpu",) * 2 + ("linux-arm",)
SHORTEST_S, LONGEST_S = 0.5, 4.0


@dataclass(frozen=True, slots=True)
class Arrival:
    """A workflow that somebody starts, so many seconds after the begin."""

    at: float
    name: str
    jobs: int
    workflow: str


def arrivals(seed: int, jobs: int, seconds: float) -> list[Arrival]:
    """So many jobs, in bursts, in order; the same for the same seed."""
    dice = random.Random(f"arrivals {seed}")  # noqa: S311 - bad luck, not a secret
    sizes = list(_sizes(dice, jobs))
    moments = sorted(dice.uniform(0.0, seconds) for _ in sizes)
    return [_burst(dice, number, at, size) for number, (at, size) in enumerate(zip(moments, sizes, strict=True), 1)]


def _sizes(dice: random.Random, jobs: int) -> Iterator[int]:
    left = jobs
    while left:
        [(_, least, most)] = dice.choices(SIZES, [weight for weight, _, _ in SIZES])
        size = min(left, dice.randint(least, most))
        left -= size
        yield size


def _burst(dice: random.Random, number: int, at: float, size: int) -> Arrival:
    # A label that only one run has keeps its runners for it; without one, equal jobs take each other's.
    own = "/run=${{ github.run_id }}" if dice.random() < 0.5 else ""  # noqa: PLR2004 - one of two
    text = _WORKFLOW.format(
        number=number,
        label=f"spotrunner/{dice.choice(SHAPES)}{own}",
        jobs=list(range(1, size + 1)),
        seconds=round(dice.uniform(SHORTEST_S, LONGEST_S), 1),
    )
    return Arrival(round(at, 2), f"burst-{number}", size, text)


_WORKFLOW = """\
name: Burst {number}
on: push
jobs:
  one:
    name: b{number}-${{{{ matrix.job }}}}
    runs-on: {label}
    strategy:
      fail-fast: false
      matrix:
        job: {jobs}
    steps:
      - run: sleep {seconds}
"""
