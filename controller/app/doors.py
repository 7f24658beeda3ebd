"""What the handlers of the functions work with."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from controller.messages import Chore, Delivery
from controller.ports import Tell
from runner_agent.contract.bundle import Bundle, Claim, Wait


@dataclass(frozen=True, slots=True)
class QueueDoor:
    """What the handler of a queue works with."""

    handle: Callable[[Sequence[Delivery]], list[str]]
    flush: Callable[[], None]


@dataclass(frozen=True, slots=True)
class ClaimDoor:
    """What the claim handler works with."""

    machine_roles: Collection[str]
    handle: Callable[[str, Claim], Bundle | Wait]
    flush: Callable[[], None]


@dataclass(frozen=True, slots=True)
class HousekeepingDoor:
    """What the housekeeping handler works with."""

    handle: Callable[[Chore], list[str]]
    tell: Tell
    flush: Callable[[], None]
