"""What becomes of a message that no door could handle: back on its queue after a while, or out of the way for good."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

WAITS_S = (0.0, 3_600.0, 6 * 3_600.0, 24 * 3_600.0)
"""How long it rests before it is sent back, each time longer: an outage must not use up all its chances."""

_ON_SCHEDULE = frozenset({"wake", "chore"})
"""Commands that a schedule gives again and again: an old copy does nothing that the next one would not."""


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message in a dead-letter queue. `sent_at` is seconds since the epoch."""

    queue: str
    """The name of its own queue."""
    id: str
    text: str = field(repr=False)
    sender: str
    """Who sent it first: `<role id>:<session name>`."""
    sent_at: float
    returns: int = 0
    """How often it has been sent back already."""
    receipt: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class SendBack:
    """Give it another chance."""

    letter: DeadLetter
    reason: str


@dataclass(frozen=True, slots=True)
class Park:
    """Keep it in the archive, where a person can look at it, and off the queues."""

    letter: DeadLetter
    reason: str


@dataclass(frozen=True, slots=True)
class Drop:
    """Forget it: somebody says the same anew."""

    letter: DeadLetter
    reason: str


Fate = SendBack | Park | Drop


def fate(letter: DeadLetter, now: float, unreadable: str = "") -> Fate | None:
    """What is to be done with it now; None: it rests. `unreadable` says why nobody will ever understand it."""
    if unreadable:
        return Park(letter, unreadable)
    if _kind(letter.text) in _ON_SCHEDULE:
        return Drop(letter, "a schedule sends another one")
    if letter.returns >= len(WAITS_S):
        return Park(letter, f"it failed after each of {letter.returns} returns")
    if now - letter.sent_at < WAITS_S[letter.returns]:
        return None
    return SendBack(letter, f"return {letter.returns + 1} of {len(WAITS_S)}")


def _kind(text: str) -> str:
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        return ""
    return str(data.get("kind", "")) if isinstance(data, dict) else ""
