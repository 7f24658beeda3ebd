"""The provisioning door."""

from __future__ import annotations

import time
from functools import cache

from controller.adapters.aws.queue import SqsBacklog
from controller.adapters.threads import each
from controller.app.doors import QueueDoor
from controller.app.github import origins
from controller.app.launching import launcher
from controller.app.stack import stack_of
from controller.usecases.accept_job import AcceptJob
from controller.usecases.dispatch import Dispatch
from controller.usecases.give_spares import GiveSpares
from controller.usecases.hold_jobs import HoldJobs
from controller.usecases.pick_jobs import PickJobs


@cache
def door() -> QueueDoor:
    """The provisioning door."""
    stack = stack_of("dispatch")
    accept = AcceptJob(
        environment=stack.environment,
        watch=stack.watch,
        jobs=stack.jobs,
        configs=stack.configs,
        memory=stack.memory,
        tell=stack.telemetry.tell,
        clock=time.time,
        origins=origins(stack),
        peers=stack.peers(),
        market=stack.market,
    )
    launch = launcher(stack)
    dispatch = Dispatch(
        accept=accept,
        launch=launch,
        spares=GiveSpares(
            jobs=stack.jobs,
            runners=stack.runners,
            ledger=stack.ledger,
            configs=stack.configs,
            outbox=stack.outbox(),
            tell=stack.telemetry.tell,
            clock=time.time,
        ),
        hold=HoldJobs(stack.boot_book(), stack.ledger, stack.telemetry.tell),
        pick=PickJobs(stack.jobs, stack.configs, launch.book, stack.outbox(), stack.telemetry.tell, time.time),
        backlog=SqsBacklog(stack.clients, stack.settings.jobs_queue_url),
        tell=stack.telemetry.tell,
        drain_limit=stack.settings.drain_limit,
        side_by_side=each,
    )
    return QueueDoor(dispatch, stack.telemetry.flush)
