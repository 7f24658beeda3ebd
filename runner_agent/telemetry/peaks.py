"""The most that a job used, out of looks at the machine before, during and after it."""

from __future__ import annotations

from collections.abc import Callable

from runner_agent.contract.reports import Peaks
from runner_agent.oom import KernelLog
from runner_agent.vitals import MIB, Look, Vitals

LEAST_CPU_S = 1.0
"""Processor time between two looks below which their quotient says nothing."""


class Meter:
    """Measures one job at a time; before a job there are no peaks."""

    def __init__(self, look: Look, kernel_log: Callable[[], KernelLog] = KernelLog) -> None:
        self._look = look
        self._kernel_log = kernel_log
        self._first: Vitals | None = None
        self._last = self._marked = Vitals()
        self._log: KernelLog | None = None
        self._cpu: float | None = None
        self._memory: float | None = None
        self._disk_used: float | None = None

    def begin(self) -> None:
        """A job starts now."""
        self._cpu = self._memory = self._disk_used = None
        self._log = self._kernel_log()
        self._first = self._marked = self._look()
        self.add(self._first)

    def add(self, seen: Vitals) -> None:
        """One more look at the machine, while the job runs."""
        if self._first is None:
            return
        self._last = seen
        self._memory = _most(self._memory, seen.memory_mib)
        self._disk_used = _most(self._disk_used, _less(self._first.disk_free, seen.disk_free))
        self._cpu = _most(self._cpu, self._load(seen))

    def end(self) -> Peaks | None:
        """The last look; what the job used at most, None where there was none."""
        if self._first is None:
            return None
        self.add(self._look())
        moved = _less(self._last.network_bytes, self._first.network_bytes)
        return Peaks(
            cpu_percent=_rounded(self._cpu),
            memory_mib=_rounded(self._memory),
            disk_used_mib=_rounded(None if self._disk_used is None else self._disk_used / MIB),
            network_mib=_rounded(None if moved is None else max(0, moved) / MIB),
        )

    def starved(self) -> tuple[str, ...] | None:
        """The programs that the kernel ended for lack of memory during the job; None where it ended none."""
        if self._first is None or not _less(self._last.oom_kills, self._first.oom_kills):
            return None
        return self._log.victims() if self._log else ()

    def _load(self, seen: Vitals) -> float | None:
        """Percent of all cores together, since the look before."""
        busy = _less(seen.busy_s, self._marked.busy_s)
        passed = _less(seen.passed_s, self._marked.passed_s)
        if busy is None or passed is None or passed < LEAST_CPU_S:
            return None
        self._marked = seen
        return min(100.0, 100.0 * max(0.0, busy) / passed)


def _most(one: float | None, other: float | None) -> float | None:
    return max(one, other) if one is not None and other is not None else one if other is None else other


def _less(one: float | None, other: float | None) -> float | None:
    return None if one is None or other is None else one - other


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 1)
