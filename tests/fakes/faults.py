"""Failures that a test plans ahead: each call of a fake takes the next one."""

from __future__ import annotations

from collections import deque


class Faults:
    """A queue of failures; None lets one call through."""

    def __init__(self) -> None:
        self._planned: deque[Exception | None] = deque()

    def plan(self, *failures: Exception | None) -> None:
        """Let the coming calls fail so, in this order."""
        self._planned.extend(failures)

    def strike(self) -> None:
        """Raise the failure planned for this call, if there is one."""
        failure = self._planned.popleft() if self._planned else None
        if failure is not None:
            raise failure
