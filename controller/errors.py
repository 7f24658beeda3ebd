"""The three kinds of failure, cut by what the caller must do.

SpotRunnerError
  Rejected      drop it; the sender is told why (HTTP 4xx, or the dead-letter queue)
  AlreadyDone   somebody was first; treat it as success
  Unavailable   try again later; nothing was decided
"""

from __future__ import annotations


class SpotRunnerError(Exception):
    """The root of every failure the platform raises on purpose."""


class Rejected(SpotRunnerError):
    """What was asked can never be done; trying again will not help."""


class AlreadyDone(SpotRunnerError):
    """What was asked has been done before, by whoever was first."""


class NothingToDo(AlreadyDone):
    """There is no work left for the one who asks, and there will be none."""


class Unavailable(SpotRunnerError):
    """A service did not answer, refused for now, or is throttling; try again later."""

    def __init__(self, message: str, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s
