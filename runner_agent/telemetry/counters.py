"""The moments that the runner itself noted, read from the files that it writes where RUNNER_PERFLOG says.

A job can write there as well: what is read here becomes spans, and decides nothing.
"""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path

FILES = ("Runner.perf", "Worker.perf")
MOST_BYTES = 64 * 1024


def read(folder: Path) -> dict[str, float]:
    """Counter name, without the id that some end in, to the first time it was reached (seconds since the epoch)."""
    found: dict[str, float] = {}
    for name in FILES:
        try:
            text = _head(folder / name)
        except OSError:
            continue
        for line in text.splitlines():
            counter, _, moment = line.partition(":")
            at = _time(moment.strip())
            if at is not None:
                found.setdefault(counter.partition("_")[0], at)
    return found


def clear(folder: Path) -> None:
    """Forget a former runner's."""
    for name in FILES:
        (folder / name).unlink(missing_ok=True)


def _head(path: Path) -> str:
    # Not what a job has put in its place: a pipe would never end, and a link leads anywhere.
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOFOLLOW", 0))
    try:
        return os.read(descriptor, MOST_BYTES).decode("utf-8-sig", "replace")
    finally:
        os.close(descriptor)


def _time(text: str) -> float | None:
    try:
        return datetime.fromisoformat(text).timestamp()
    except ValueError:
        return None
