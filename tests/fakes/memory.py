"""Shared small facts in memory."""

from __future__ import annotations

from tests.fakes.faults import Faults


class FakeMemory:
    """Facts by name, each with its expiry."""

    def __init__(self, about: str = "") -> None:
        self._about = f"{about}: " if about else ""
        self.faults = Faults()
        self.facts: dict[str, tuple[str, float]] = {}

    def only(self, about: str) -> FakeMemory:
        """The same memory for facts of one region."""
        part = FakeMemory(about)
        part.faults, part.facts = self.faults, self.facts
        return part

    def recall(self, name: str, now: float) -> str | None:
        self.faults.strike()
        name = self._about + name
        value, expires = self.facts.get(name, (None, 0.0))
        return value if expires > now else None

    def remember(self, name: str, value: str, expires: float) -> None:
        self.faults.strike()
        self.facts[self._about + name] = (value, expires)

    def swap(self, name: str, old: str | None, new: str, expires: float) -> str:
        self.faults.strike()
        name = self._about + name
        standing, _ = self.facts.get(name, (None, 0.0))
        if standing is None or standing == old:
            self.facts[name] = (new, expires)
        return self.facts[name][0]
