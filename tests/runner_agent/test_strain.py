from __future__ import annotations

import pytest

from runner_agent.strain import GIB, STALLED, strains
from runner_agent.vitals import MIB, Vitals


@pytest.mark.parametrize(
    ("total", "free", "level"),
    [
        (100 * GIB, 3 * GIB, 0),
        (100 * GIB, GIB, 1),
        (100 * GIB, GIB - 1, 2),
        (100 * GIB, 127 * MIB, 3),
        (GIB, 103 * MIB, 0),
        (GIB, 60 * MIB, 1),
        (GIB, 50 * MIB, 2),
        (GIB, 9 * MIB, 3),
    ],
)
def test_a_disk_is_judged_by_its_own_size_and_never_too_early(total: int, free: int, level: int) -> None:
    found = strains(Vitals(disk_total=total, disk_free=free))

    assert sum(strain.level for strain in found) == level
    assert any(strain.ends for strain in found) == (level == 3)


@pytest.mark.parametrize(("free", "level"), [(100, 0), (99, 1), (49, 2), (9, 3)])
def test_so_are_inodes(free: int, level: int) -> None:
    assert sum(strain.level for strain in strains(Vitals(files_total=1_000, files_free=free))) == level


def test_a_lack_of_memory_is_told_but_ends_nothing() -> None:
    (strain,) = strains(Vitals(memory_stalled=STALLED))

    assert (strain.what, strain.ends) == ("memory", False)
    assert strains(Vitals(memory_stalled=STALLED - 1)) == ()


def test_what_is_unknown_is_no_strain() -> None:
    assert strains(Vitals()) == ()
