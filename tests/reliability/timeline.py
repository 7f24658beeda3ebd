"""Virtual time: what is due happens in order, and everybody looks at the same clock."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from itertools import count

from tests.controller.usecases.world import Clock

Deed = Callable[[], object]


class Timeline(Clock):
    """A clock with an agenda. Background deeds recur for ever, so that nobody waits for them to run out."""

    def __init__(self) -> None:
        super().__init__()
        self.began = self.now
        self.foreground = 0
        """Deeds still to come that are not background."""
        self.perform: Callable[[Deed], object] = lambda deed: deed()
        """How a deed is done."""
        self._agenda: list[tuple[float, int, bool, Deed]] = []
        self._serial = count()

    @property
    def elapsed(self) -> float:
        """Seconds since the story began."""
        return self.now - self.began

    def peek(self) -> float:
        """The time, without the moment that a look takes."""
        return self.now

    def after(self, seconds: float, deed: Deed, *, background: bool = False) -> None:
        """Have a deed done in so many seconds."""
        self.foreground += not background
        heapq.heappush(self._agenda, (self.now + seconds, next(self._serial), background, deed))

    def step(self) -> None:
        """Go to the next deed, and do it."""
        at, _, background, deed = heapq.heappop(self._agenda)
        self.foreground -= not background
        self.now = max(self.now, at)
        self.perform(deed)
