"""What is kept for good, in memory."""

from __future__ import annotations

from collections.abc import Sequence

from tests.fakes.faults import Faults


class FakeArchive:
    """Lines by the name that they are kept under."""

    def __init__(self) -> None:
        self.faults = Faults()
        self.kept: dict[str, tuple[str, ...]] = {}

    def keep(self, name: str, lines: Sequence[str]) -> None:
        self.faults.strike()
        self.kept[name] = tuple(lines)
