"""Ends a running step the way the real worker does: SIGINT, then SIGTERM, then SIGKILL."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Sequence
from pathlib import Path

PATIENCE = ((signal.SIGINT, 7.5), (signal.SIGTERM, 2.5))
"""What a step is sent, and the seconds it gets for each."""
_PROC = Path("/proc")


_LOOKS = 2


def children(pid: int) -> list[int]:
    """The living children of a process (Linux; elsewhere none are seen, and only the parent is told)."""
    found = []
    for status in _PROC.glob("[0-9]*/stat"):
        state, parent = _state(status)
        if parent == pid and state != "Z":
            found.append(int(status.parent.name))
    return found


def end_steps(
    worker: int, prevent: Callable[[], None], patience: Sequence[tuple[signal.Signals, float]] = PATIENCE
) -> None:
    """Stop a worker's step gently, with the worker held still until it is prevented from starting another."""
    os.kill(worker, signal.SIGSTOP)
    try:
        for number, seconds in patience:
            for pid in children(worker):
                _signal(pid, number)
            if _gone(worker, seconds):
                return
    finally:
        prevent()
        # Pending until the worker goes on: it reads what the step still said and ends its whole process group.
        _signal(worker, signal.SIGTERM)
        _signal(worker, signal.SIGCONT)


def _gone(worker: int, seconds: float) -> bool:
    """Whether the worker has no child any more: seen twice, because a process may change between two reads."""
    deadline = time.monotonic() + seconds
    empty = 0
    while empty < _LOOKS:
        empty = 0 if children(worker) else empty + 1
        if not empty and time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def _signal(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return


def _state(status: Path) -> tuple[str, int]:
    try:
        fields = status.read_text("utf-8", "replace").rpartition(")")[2].split()
    except OSError:
        return "", 0
    return fields[0], int(fields[1])
