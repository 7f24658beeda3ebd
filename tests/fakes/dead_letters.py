"""Dead-letter queues in memory, and what was sent back from them."""

from __future__ import annotations

from dataclasses import replace

from controller.domain.dead_letters import DeadLetter
from tests.fakes.faults import Faults


class FakeDeadLetters:
    """Letters lie by their receipts; those taken stay away until `come_back`."""

    def __init__(self) -> None:
        self.faults = Faults()
        self.lying: dict[str, DeadLetter] = {}
        self.sent_back: list[DeadLetter] = []
        """As they stand on their own queues now."""
        self._hidden: set[str] = set()

    def put(self, *letters: DeadLetter) -> None:
        """Doors have given these up."""
        self.lying |= {letter.receipt: letter for letter in letters}

    def come_back(self) -> None:
        """What was taken and not dealt with can be taken again."""
        self._hidden.clear()

    def take(self, queue: str, limit: int) -> list[DeadLetter]:
        self.faults.strike()
        ready = [letter for key, letter in self.lying.items() if letter.queue == queue and key not in self._hidden]
        self._hidden |= {letter.receipt for letter in ready[:limit]}
        return ready[:limit]

    def send_back(self, letter: DeadLetter) -> None:
        self.faults.strike()
        self.sent_back.append(replace(letter, returns=letter.returns + 1))

    def discard(self, letter: DeadLetter) -> None:
        self.faults.strike()
        self.lying.pop(letter.receipt, None)
