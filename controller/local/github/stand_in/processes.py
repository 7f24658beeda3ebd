"""Ends a job's processes the way the real worker does: its step gently, what the step left behind at once."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

PATIENCE = ((signal.SIGINT, 7.5), (signal.SIGTERM, 2.5))
"""What a step is sent, and the seconds it gets for each."""
STOPPED_S = 5.0
"""How long a worker may take to stand still; one that waits for a child to be born takes until it is."""
_PROC = Path("/proc")
_STILL = frozenset({"T", "t", "Z", "X", ""})
"""States of a thread that starts nothing any more: stopped, traced, ended, gone."""
_LOOK_S = 0.02


def children(pid: int) -> list[int]:
    """The living children of a process (Linux; elsewhere none are seen, and only the parent is told)."""
    found = []
    for status in _PROC.glob("[0-9]*/stat"):
        state, parent = _state(status)
        if parent == pid and state not in ("Z", "X"):
            found.append(int(status.parent.name))
    return found


def hold(worker: int) -> None:
    """Have a worker stand still: until every thread has stopped, which takes a moment, one may start a step."""
    _signal(worker, signal.SIGSTOP)
    deadline = time.monotonic() + STOPPED_S
    while not set(thread_states(worker)) <= _STILL and time.monotonic() < deadline:
        time.sleep(_LOOK_S / 10)


def thread_states(pid: int) -> Iterator[str]:
    """The state of each thread of a process; nothing when it is gone."""
    for status in (_PROC / str(pid) / "task").glob("[0-9]*/stat"):
        yield _state(status)[0]


def end_steps(
    worker: int, prevent: Callable[[], None], patience: Sequence[tuple[signal.Signals, float]] = PATIENCE
) -> None:
    """Stop a worker's step gently, with the worker held still until it is prevented from starting another."""
    hold(worker)
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


def end_orphans(tracking: str) -> None:
    """Kill what a job's steps left running, known by the job's mark in its environment, as the real worker does."""
    mark = f"RUNNER_TRACKING_ID={tracking}".encode()
    for environment in _PROC.glob("[0-9]*/environ"):
        try:
            marked = mark in environment.read_bytes().split(b"\0")
        except OSError:
            continue
        if marked:
            _signal(int(environment.parent.name), signal.SIGKILL)


def _gone(worker: int, seconds: float) -> bool:
    """Whether the worker, which stands still, has no child any more in time."""
    deadline = time.monotonic() + seconds
    while children(worker):
        if time.monotonic() > deadline:
            return False
        time.sleep(_LOOK_S)
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
