"""Ends a running step the way the real worker does: SIGINT, then SIGTERM, then SIGKILL."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

SIGINT_S = 7.5
SIGTERM_S = 2.5
_PROC = Path("/proc")


def children(pid: int) -> list[int]:
    """The living children of a process (Linux; elsewhere none are seen, and only the parent is told)."""
    found = []
    for status in _PROC.glob("[0-9]*/stat"):
        state, parent = _state(status)
        if parent == pid and state != "Z":
            found.append(int(status.parent.name))
    return found


def end_steps(worker: int, prevent: Callable[[], None]) -> None:
    """Stop a worker's step gently, with the worker held still; it goes on once it is prevented from starting another."""
    os.kill(worker, signal.SIGSTOP)
    try:
        for number, patience in ((signal.SIGINT, SIGINT_S), (signal.SIGTERM, SIGTERM_S)):
            for pid in children(worker):
                _signal(pid, number)
            if _gone(worker, patience):
                return
    finally:
        prevent()
        # Pending until the worker goes on: it reads what the step still said and ends its whole process group.
        _signal(worker, signal.SIGTERM)
        _signal(worker, signal.SIGCONT)


def _gone(worker: int, patience: float) -> bool:
    deadline = time.monotonic() + patience
    while children(worker):
        if time.monotonic() > deadline:
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
