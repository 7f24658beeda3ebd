"""A fact that housekeeping learns now and then, as a door knows it: read again after a while, never waited for."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from controller.errors import Rejected, Unavailable
from controller.ports import Memory

T = TypeVar("T")


@dataclass(slots=True)
class KeptFact(Generic[T]):
    """Called for what is known; where nothing can be read that is what was known last."""

    memory: Memory
    name: str
    read: Callable[[str], T]
    known: T
    """What is known before anything was learnt."""
    ttl_s: float
    clock: Callable[[], float]
    _until: float = field(default=0.0)

    def __call__(self) -> T:
        """What is known now."""
        now = self.clock()
        if now >= self._until:
            self._until = now + self.ttl_s
            with suppress(Unavailable, Rejected):
                text = self.memory.recall(self.name, now)
                self.known = self.read(text) if text else self.known
        return self.known
