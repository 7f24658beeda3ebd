"""Judges one look at the machine: what is running short, and whether a job can still end in good order."""

from __future__ import annotations

from runner_agent.contract.record import Record
from runner_agent.vitals import MIB, Vitals

GIB = 1024 * MIB
DISK = ((2 * GIB, 0.10), (GIB, 0.05), (128 * MIB, 0.01))
"""Free space, in bytes and as a share of the disk, the smaller of which counts: two warnings and the end."""
FILES = (0.10, 0.05, 0.01)
"""The same for inodes."""
STALLED = 20.0
"""Percent of time lost to a lack of memory: what still runs there makes hardly any progress."""


class Strain(Record):
    """Something is running short."""

    what: str
    """`disk`, `files` or `memory`."""
    level: int
    """How many of its limits have been passed."""
    detail: str
    ends: bool
    """Nothing can be written soon, not even the job's log: it has to end now."""


def strains(seen: Vitals) -> tuple[Strain, ...]:
    """Everything that is running short."""
    return tuple(strain for strain in (_disk(seen), _files(seen), _memory(seen)) if strain)


def _disk(seen: Vitals) -> Strain | None:
    if seen.disk_total is None or seen.disk_free is None:
        return None
    free, total = seen.disk_free, seen.disk_total
    level = sum(free < min(least, total * share) for least, share in DISK)
    return _short("disk", level, len(DISK), f"{free // MIB} of {total // MIB} MiB of the disk are free")


def _files(seen: Vitals) -> Strain | None:
    if seen.files_total is None or seen.files_free is None:
        return None
    level = sum(seen.files_free < seen.files_total * share for share in FILES)
    return _short("files", level, len(FILES), f"{seen.files_free} of {seen.files_total} inodes of the disk are free")


def _memory(seen: Vitals) -> Strain | None:
    stalled = seen.memory_stalled
    if stalled is None or stalled < STALLED:
        return None
    return Strain("memory", 1, f"{stalled:.0f} % of the time is lost to a lack of memory", ends=False)


def _short(what: str, level: int, most: int, detail: str) -> Strain | None:
    return Strain(what, level, detail, ends=level == most) if level else None
