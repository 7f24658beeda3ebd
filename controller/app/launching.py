"""How machines are launched, for jobs and ahead of them."""

from __future__ import annotations

import time
import uuid

from controller import settings as environment
from controller.adapters.fences import FencedLedger
from controller.app.stack import Stack, own_roles
from controller.domain import quotas
from controller.domain.quotas import Quotas
from controller.usecases import count_quotas
from controller.usecases.kept_fact import KeptFact
from controller.usecases.launch_machines import Ground, LaunchMachines
from controller.usecases.move_jobs import MoveJobs

QUOTAS_TTL_S = 60.0
"""How long a door knows what housekeeping has learnt of the account's limits before it reads it again."""


def launcher(stack: Stack) -> LaunchMachines:
    """Where a stack's machines come from."""
    ground = Ground(
        stack=stack.settings.stack,
        region=stack.settings.region,
        templates=environment.pairs(stack.settings.launch_templates),
        subnets=environment.pairs(stack.settings.subnets),
        claim_deadline_s=stack.settings.claim_deadline_s,
        own_roles=own_roles(stack.settings),
    )
    return LaunchMachines(
        ground=ground,
        jobs=stack.jobs,
        runners=stack.runners,
        launches=stack.launches,
        ledger=stack.ledger,
        fleet=stack.fleet,
        configs=stack.configs,
        book=stack.capacity_book(),
        tell=stack.telemetry.tell,
        clock=time.time,
        new_id=lambda: uuid.uuid4().hex,
        market=stack.market,
        quotas=_quotas(stack),
        elsewhere=MoveJobs(
            stack.watch,
            FencedLedger(stack.bare_ledger, stack.fence, gives_away=True),
            stack.peers(),
            stack.telemetry.tell,
            time.time,
        ),
    )


def _quotas(stack: Stack) -> KeptFact[Quotas]:
    unknown = quotas.Quotas()
    return KeptFact(stack.own_memory(), quotas.FACT, count_quotas.read, unknown, QUOTAS_TTL_S, time.time)
