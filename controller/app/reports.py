"""The door for what GitHub and the machines say."""

from __future__ import annotations

import time
from functools import cache

from controller.app.doors import QueueDoor
from controller.app.stack import stack_of
from controller.usecases.hear_reports import HearReports


@cache
def door() -> QueueDoor:
    """What GitHub and the machines say."""
    stack = stack_of("reports")
    hear = HearReports(
        watch=stack.watch,
        idle_limit_s=stack.settings.idle_limit_s,
        job_limit_s=stack.settings.job_limit_s,
        jobs=stack.jobs,
        runners=stack.runners,
        ledger=stack.ledger,
        outbox=stack.outbox(),
        tell=stack.telemetry.tell,
        clock=time.time,
        peers=stack.peers(),
    )
    return QueueDoor(hear, stack.telemetry.flush)
