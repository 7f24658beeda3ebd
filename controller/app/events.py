"""The door for what EC2 says of machines."""

from __future__ import annotations

import time
from functools import cache

from controller.adapters.aws import notices
from controller.app.doors import QueueDoor
from controller.app.stack import stack_of
from controller.usecases.handle_interruption import HandleInterruption


@cache
def door() -> QueueDoor:
    """What EC2 says of machines."""
    stack = stack_of("events")
    handle = HandleInterruption(
        last_word_s=stack.settings.last_word_s,
        read=notices.read,
        jobs=stack.jobs,
        runners=stack.runners,
        ledger=stack.ledger,
        outbox=stack.outbox(),
        book=stack.capacity_book(),
        boots=stack.boot_book(),
        tell=stack.telemetry.tell,
        clock=time.time,
    )
    return QueueDoor(handle, stack.telemetry.flush)
