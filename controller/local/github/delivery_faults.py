"""What somebody has ordered to happen to webhooks: lost, failed, late, repeated, in the wrong order."""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from enum import StrEnum

ANY_JOB = ""


class Fate(StrEnum):
    """What becomes of a delivery."""

    SENT = "sent"
    LOST = "lost"
    """Never sent, and in no log."""
    FAILED = "failed"
    """Nobody gets it; in the log as failed."""
    DELAYED = "delayed"
    REPEATED = "repeated"
    """Several times with one GUID, as a nervous network does it."""
    HELD_BACK = "held back"
    """Sent after the job's `completed`."""


@dataclass(frozen=True, slots=True)
class Order:
    """The next deliveries of an action, of one job by its name or of any, share a fate."""

    fate: Fate
    action: str
    job: str = ANY_JOB
    times: int = 1
    seconds: float = 0.0
    """How late a delayed one is."""
    copies: int = 1
    """How often a repeated one is sent."""


SENT = Order(Fate.SENT, "")


class Orders:
    """Orders, used up first come, first served."""

    def __init__(self) -> None:
        self._orders: list[Order] = []
        self._lock = threading.Lock()

    def add(self, order: Order) -> None:
        """Have something happen to the next fitting deliveries."""
        with self._lock:
            self._orders.append(order)

    def take(self, action: str, job: str) -> Order:
        """What happens to this delivery; it counts as one of the order's times."""
        with self._lock:
            for n, order in enumerate(self._orders):
                if order.action == action and order.job in (ANY_JOB, job):
                    self._orders[n : n + 1] = [replace(order, times=order.times - 1)] if order.times > 1 else []
                    return order
            return SENT
