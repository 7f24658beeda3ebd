"""What can happen to a listener, and the codes it ends with."""

from __future__ import annotations

import queue
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, TypeAlias

from .worker import Outcome


class Exit(IntEnum):
    """Exit codes of Runner.Listener."""

    SUCCESS = 0
    TERMINATED = 1
    RETRYABLE = 2
    CONFLICT = 5
    DEPRECATED = 7
    RESULT = 100


class Left(Exception):
    """The listener must end with a code."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True)
class Arrived:
    """A message from the broker."""

    message: dict[str, Any]


@dataclass(frozen=True)
class Broken:
    """The poll has ended with an error."""

    error: Exception


@dataclass(frozen=True)
class Finished:
    """The worker is done."""

    outcome: Outcome


@dataclass(frozen=True)
class Shutdown:
    """A signal asks the listener to go."""


Event: TypeAlias = Arrived | Broken | Finished | Shutdown

# Its put may interrupt itself, so signal handlers can use it.
Inbox: TypeAlias = "queue.SimpleQueue[Event]"
