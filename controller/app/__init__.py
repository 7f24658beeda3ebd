"""The one place where ports meet adapters: what each door is made of, a room for each.

A door is built at a function's first call and kept for its warm ones. Its room is entered only then, because
a function loads no more than its own door needs: the webhook's start is part of everybody's queue time.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from controller.app.doors import ClaimDoor, HousekeepingDoor, QueueDoor
    from controller.app.webhook import WebhookDoor


def webhook_door() -> WebhookDoor:
    """GitHub's deliveries."""
    from controller.app import webhook

    return webhook.door()


def dispatch_door() -> QueueDoor:
    """Jobs that want machines."""
    from controller.app import dispatch

    return dispatch.door()


def claim_door() -> ClaimDoor:
    """The machines' claims."""
    from controller.app import claim

    return claim.door()


def reports_door() -> QueueDoor:
    """What GitHub and the machines say."""
    from controller.app import reports

    return reports.door()


def events_door() -> QueueDoor:
    """What EC2 says of machines."""
    from controller.app import events

    return events.door()


def housekeeping_door() -> HousekeepingDoor:
    """The sweeps."""
    from controller.app import housekeeping

    return housekeeping.door()


_DOORS: dict[str, Callable[[], object]] = {
    "webhook": webhook_door,
    "dispatch": dispatch_door,
    "claim": claim_door,
    "reports": reports_door,
    "housekeeping": housekeeping_door,
    "events": events_door,
}


def warm_up(handler: str) -> None:
    """Build the door of a function while it starts, before anybody waits for it; `handler` is its dotted name."""
    build = _DOORS.get(handler.rpartition(".")[2])
    if build:
        build()
