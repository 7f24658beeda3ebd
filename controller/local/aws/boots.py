"""How the next machines will come up: as they should, or not."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass
from enum import StrEnum


class Boot(StrEnum):
    """What can go wrong with a machine that EC2 has launched."""

    SILENT = "silent"
    """It is running for EC2, and nothing ever runs on it."""
    SLOW = "slow"
    FAILS = "fails"
    """EC2 ends it before it runs."""


@dataclass(frozen=True, slots=True)
class Start:
    """How one machine comes up."""

    boot: Boot | None = None
    """None: as it should."""
    extra_s: float = 0.0


class Boots:
    """Hands each machine that is launched its start; without orders every one is good."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._ordered: deque[Start] = deque()

    def order(self, start: Start, times: int) -> None:
        """Let the next machines that nobody has ordered anything for come up like this."""
        with self._lock:
            self._ordered.extend([start] * times)

    def next(self) -> Start:
        """The start of the machine that is launched now."""
        with self._lock:
            return self._ordered.popleft() if self._ordered else Start()
