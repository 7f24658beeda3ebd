"""What became of what was delivered to a door, by GitHub or by a queue: events that every door may tell."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class DeliveryRefused:
    """A webhook delivery that we will not act on, with the HTTP status it was answered with."""

    delivery: str
    status: int
    reason: str


@dataclass(frozen=True, slots=True)
class DeliveryPassed:
    """A webhook delivery answered well: queued, or ignored with its reason."""

    delivery: str
    event: str
    action: str
    outcome: str


@dataclass(frozen=True, slots=True)
class MessageRejected:
    """A message that can never be handled; the dead-letter queue keeps it."""

    queue: str
    message: str
    reason: str


@dataclass(frozen=True, slots=True)
class MessageDelayed:
    """A message that could not be handled now and comes again."""

    queue: str
    message: str
    reason: str
