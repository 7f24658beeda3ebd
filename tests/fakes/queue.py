"""Queues in memory: what a door sends, and what the dispatcher takes by itself."""

from __future__ import annotations

from collections.abc import Sequence

from controller.messages import Chore, Delivery, JobMoved, JobQueued, Wake
from runner_agent.contract import wire
from tests.fakes.faults import Faults

Sent = JobQueued | JobMoved | Wake | Chore


class FakeOutbox:
    """Everything that was sent, in order."""

    def __init__(self) -> None:
        self.faults = Faults()
        self.sent: list[Sent] = []
        self.delays: list[float] = []
        """How long each of them stays unseen."""

    def send(self, message: Sent, after_s: float = 0.0) -> None:
        self.faults.strike()
        self.sent.append(message)
        self.delays.append(after_s)


class FakeBacklog:
    """A queue of wake-ups; those taken stay away until `come_back`, those done for ever."""

    def __init__(self) -> None:
        self.faults = Faults()
        self.ready: list[Delivery] = []
        self.taken: dict[str, Delivery] = {}
        self.receives = 0
        self._count = 0

    def put(self, *messages: Sent, sender: str = "AROASPOTRUNNER:webhook") -> list[Delivery]:
        """Put messages on the queue, as `FakeOutbox` would send them."""
        deliveries = [self._delivery(wire.dumps(message), sender) for message in messages]
        self.ready.extend(deliveries)
        return deliveries

    def come_back(self) -> None:
        """The visibility timeout of all that was taken has run out."""
        self.ready.extend(self.taken.values())
        self.taken.clear()

    def take(self, limit: int) -> list[Delivery]:
        self.faults.strike()
        self.receives += 1
        now, self.ready = self.ready[:limit], self.ready[limit:]
        self.taken.update({delivery.id: delivery for delivery in now})
        return now

    def done(self, deliveries: Sequence[Delivery]) -> None:
        self.faults.strike()
        for delivery in deliveries:
            self.taken.pop(delivery.id, None)

    def _delivery(self, text: str, sender: str) -> Delivery:
        self._count += 1
        return Delivery(f"message-{self._count}", text, sender, f"receipt-{self._count}")
