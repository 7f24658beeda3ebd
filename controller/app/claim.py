"""The door for the machines' claims."""

from __future__ import annotations

import os
import time
from functools import cache

from controller import settings as environment
from controller import wiring
from controller.adapters.aws.offers import SignedOffers
from controller.adapters.github.api import GitHubApi
from controller.app.doors import ClaimDoor
from controller.app.github import installations
from controller.app.stack import stack_of
from controller.settings import AwsAccess
from controller.usecases.claim_runner import ClaimRunner, Terms
from runner_agent.contract.bundle import Targets


@cache
def door() -> ClaimDoor:
    """The machines' claims."""
    stack = stack_of("claim")
    settings = stack.settings
    github = GitHubApi(installations(stack), stack.memory)
    terms = Terms(
        targets=Targets(
            region=settings.region,
            reports_queue_url=settings.reports_queue_url,
            log_group=settings.log_group,
            log_role=settings.log_role,
            otlp_endpoint=settings.otlp_endpoint,
        ),
        cache_bucket=settings.runner_cache_bucket,
        job_limit_s=settings.job_limit_s,
        idle_limit_s=settings.idle_limit_s,
        notice_poll_s=settings.notice_poll_s,
        set_up_limit_s=settings.set_up_limit_s,
        release_ttl_s=settings.release_ttl_s,
        spare_poll_s=settings.spare_poll_s,
        spare_life_s=settings.spare_life_s,
        artifacts=environment.pairs(settings.artifacts),
    )
    claim = ClaimRunner(
        terms=terms,
        jobs=stack.jobs,
        runners=stack.runners,
        launches=stack.launches,
        ledger=stack.ledger,
        fleet=stack.fleet,
        configs=stack.configs,
        github=github,
        memory=stack.memory,
        tell=stack.telemetry.tell,
        clock=time.time,
        offers=SignedOffers(AwsAccess.read(os.environ)),
        pause=github.pause,
    )
    own = environment.pairs(settings.machine_roles)
    kinds = (wiring.MACHINE, *map(wiring.own_machine, own))
    return ClaimDoor(frozenset(wiring.role_name(settings.stack, kind) for kind in kinds), claim, stack.telemetry.flush)
