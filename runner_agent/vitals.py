"""What the machine has and uses right now, as Linux tells it in /proc; what cannot be known is None."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from runner_agent.contract.record import Record

T = TypeVar("T")

MIB = 1024 * 1024
PROC = Path("/proc")
_IDLE = (3, 4)
"""Of the processor's times: idle, and idle while it waits for a disk."""


class Vitals(Record):
    """One look at the machine."""

    busy_s: float | None = None
    """Processor time spent by everybody since boot, of all cores together."""
    passed_s: float | None = None
    """Processor time there was since boot, of all cores together."""
    memory_mib: float | None = None
    """In use: all there is without what could be had at once."""
    memory_stalled: float | None = None
    """Percent of the last ten seconds in which nobody could go on for lack of memory."""
    disk_total: int | None = None
    disk_free: int | None = None
    """Bytes that an ordinary user can still have."""
    files_total: int | None = None
    files_free: int | None = None
    """Inodes; unknown where the file system makes them as it goes."""
    network_bytes: int | None = None
    """Received and sent since boot, but for what stays on this machine."""
    oom_kills: int | None = None
    """Processes that the kernel has ended since boot for lack of memory."""


Look = Callable[[], Vitals]


def on_linux(folder: Path, proc: Path = PROC) -> Vitals:
    """One look, with the disk that a folder is on."""
    busy, passed = _known(lambda: _processor(proc)) or (None, None)
    disk = _known(lambda: _disk(folder))
    return Vitals(
        busy_s=busy,
        passed_s=passed,
        memory_mib=_known(lambda: _memory(proc)),
        memory_stalled=_known(lambda: _stalled(proc)),
        disk_total=disk[0] if disk else None,
        disk_free=disk[1] if disk else None,
        files_total=disk[2] or None if disk else None,
        files_free=disk[3] if disk and disk[2] else None,
        network_bytes=_known(lambda: _network(proc)),
        oom_kills=_known(lambda: int(_table(proc / "vmstat")["oom_kill"])),
    )


def _known(look: Callable[[], T]) -> T | None:
    with suppress(OSError, ValueError, LookupError):
        return look()
    return None


def _disk(folder: Path) -> tuple[int, int, int, int]:
    if sys.platform == "win32":
        raise LookupError("Windows counts no inodes")
    found = os.statvfs(folder)
    return found.f_blocks * found.f_frsize, found.f_bavail * found.f_frsize, found.f_files, found.f_favail


def _processor(proc: Path) -> tuple[float, float]:
    ticks = [int(field) for field in _lines(proc / "stat")[0].split()[1:9]]
    passed, hertz = sum(ticks), _hertz()
    return (passed - sum(ticks[place] for place in _IDLE)) / hertz, passed / hertz


def _hertz() -> int:
    if sys.platform == "win32":
        raise LookupError("Windows counts no ticks")
    return os.sysconf("SC_CLK_TCK")


def _memory(proc: Path) -> float:
    found = _table(proc / "meminfo")
    return (int(found["MemTotal:"]) - int(found["MemAvailable:"])) / 1024


def _stalled(proc: Path) -> float:
    (full,) = (line for line in _lines(proc / "pressure/memory") if line.startswith("full "))
    return float(full.split()[1].removeprefix("avg10="))


def _network(proc: Path) -> int:
    total = 0
    for line in _lines(proc / "net/dev")[2:]:
        name, _, counters = line.partition(":")
        # Containers' bridges would count everything a second time.
        if not name.strip().startswith(("lo", "docker", "veth", "br-")):
            fields = counters.split()
            total += int(fields[0]) + int(fields[8])
    return total


def _table(path: Path) -> Mapping[str, str]:
    return {fields[0]: fields[1] for line in _lines(path) if len(fields := line.split()) > 1}


def _lines(path: Path) -> list[str]:
    return path.read_text("ascii", "replace").splitlines()
