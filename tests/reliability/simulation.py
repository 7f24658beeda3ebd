"""Random days, by seed.

    python -m tests.reliability.simulation --seeds 1000 [--first 1]
    python -m tests.reliability.simulation --seed 17

Ends with 1 where an invariant is violated. With one seed it tells the day's story.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing import Pool

from tests.reliability.day import Day
from tests.reliability.invariants import violations_of_day

REPLAY = "make simulate SEED={seed}"


@dataclass(frozen=True, slots=True)
class Report:
    """What one seed's day came to."""

    seed: int
    jobs: int
    machines: int
    calls: int
    faults: int
    spares: int
    """Machines that waited for a first job."""
    violations: tuple[str, ...]


def simulate(seed: int, plant: Callable[[Day], None] = lambda _: None) -> Report:
    """Play the day of a seed; `plant` may put a bug into it before it begins."""
    return report(seed, _played(seed, plant))


def report(seed: int, day: Day) -> Report:
    """The day in numbers."""
    return Report(
        seed=seed,
        jobs=len(day.hub.jobs),
        machines=len(day.fates),
        calls=day.eye.count,
        faults=len(day.eye.struck),
        spares=sum(machine.was_spare for machine in day.fates.values()),
        violations=tuple(violations_of_day(day)),
    )


def _played(seed: int, plant: Callable[[Day], None]) -> Day:
    day = Day(seed)
    plant(day)
    day.play()
    return day


def main(arguments: list[str]) -> int:
    """Play many days on two processors, or one and tell it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int)
    parser.add_argument("--seeds", type=int, default=100)
    parser.add_argument("--first", type=int, default=1)
    asked = parser.parse_args(arguments)
    if asked.seed is not None:
        return _told(asked.seed)
    bad = jobs = machines = calls = faults = 0
    with Pool(2) as pool:
        for one in pool.imap_unordered(simulate, range(asked.first, asked.first + asked.seeds), chunksize=4):
            jobs, machines, calls, faults = (
                jobs + one.jobs,
                machines + one.machines,
                calls + one.calls,
                faults + one.faults,
            )
            if one.violations:
                bad += 1
                sys.stdout.write(
                    f"seed {one.seed}: {'; '.join(one.violations)[:600]}\n  {REPLAY.format(seed=one.seed)}\n"
                )
    sys.stdout.write(
        f"{asked.seeds} days: {jobs} jobs, {machines} machines, {calls} outside calls, {faults} of them struck, "
        f"{bad} days with violations\n"
    )
    return int(bool(bad))


def _told(seed: int) -> int:
    day = _played(seed, lambda _: None)
    for at, call, fault in day.eye.struck:
        sys.stdout.write(f"{at - day.timeline.began:9.1f}  {fault} at {call.door}: {call.site}: {call.name}\n")
    for event in day.told.events:
        sys.stdout.write(f"           {event}\n")
    found = report(seed, day)
    sys.stdout.write(f"{found}\n")
    return int(bool(found.violations))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
