"""Work that waits for the cloud most of its time, several pieces of it at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

AT_ONCE = 8
"""No more than the SDK keeps connections for."""

T = TypeVar("T")
R = TypeVar("R")


def each(do: Callable[[T], R], pieces: Sequence[T]) -> list[R]:
    """What came of each piece, in their order; an error of one is raised after all have ended."""
    if len(pieces) <= 1:
        return [do(piece) for piece in pieces]
    with ThreadPoolExecutor(min(AT_ONCE, len(pieces)), "each") as pool:
        # Not `map`, which gives up what has not begun when one has failed.
        begun = [pool.submit(do, piece) for piece in pieces]
    return [one.result() for one in begun]
