"""Answers that somebody has ordered to go wrong, by route."""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace

EVERY_ROUTE = "*"


@dataclass(frozen=True, slots=True)
class Failure:
    """The next calls of a route fail with a status."""

    route: str
    """A template as the request log has it, or `*` for every REST route."""
    status: int
    times: int
    done: bool
    """Whether what was asked is done all the same, and only its answer is lost."""


class Trouble:
    """Failures in the order they were asked for."""

    def __init__(self) -> None:
        self._failures: list[Failure] = []
        self._lock = threading.Lock()

    def order(self, failure: Failure) -> None:
        """Have calls fail."""
        with self._lock:
            self._failures.append(failure)

    def take(self, route: str, *, rest: bool = True) -> Failure | None:
        """The failure of a call to a route, which counts as one of its times."""
        names = (route, EVERY_ROUTE) if rest else (route,)
        with self._lock:
            for n, failure in enumerate(self._failures):
                if failure.route in names:
                    self._failures[n : n + 1] = [replace(failure, times=failure.times - 1)] if failure.times > 1 else []
                    return failure
            return None
