"""Random days end well, the same way for the same seed; each planted bug is found."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.reliability.day import Day
from tests.reliability.mutants import MUTANTS
from tests.reliability.simulation import REPLAY, simulate

DAYS = range(1, 25)
MOST_DAYS = 60
"""To look for a planted bug in."""


@pytest.mark.parametrize("seed", DAYS)
def test_a_random_day_loses_no_job_leaks_no_machine_and_launches_nothing_twice(seed: int) -> None:
    found = simulate(seed)

    assert found.violations == (), REPLAY.format(seed=seed)


def test_a_seed_is_the_same_day_each_time() -> None:
    assert simulate(11) == simulate(11)


def test_days_differ_and_are_full() -> None:
    found = [simulate(seed) for seed in (3, 5, 7)]

    assert len({report.calls for report in found}) == len(found)
    assert all(report.jobs for report in found)
    assert any(report.faults for report in found)
    assert any(report.spares for report in found)


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.__name__)
def test_a_planted_bug_is_found(mutant: Callable[[Day], None]) -> None:
    found = next((seed for seed in range(1, MOST_DAYS + 1) if simulate(seed, mutant).violations), None)

    assert found is not None, f"{mutant.__doc__}: nobody has noticed"
