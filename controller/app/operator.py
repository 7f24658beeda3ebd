"""What the `spotrunner` command works with, under the operator's own credentials."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from controller import documents, schema
from controller.adapters.aws import stacks
from controller.adapters.aws.clients import Clients
from controller.adapters.aws.configs import SsmConfigs
from controller.adapters.aws.depths import SqsDepths
from controller.adapters.aws.history import JobHistory
from controller.adapters.aws.jobs import DynamoJobs
from controller.adapters.aws.runners import DynamoRunners
from controller.adapters.aws.state import DynamoMemory
from controller.adapters.overheard import Overheard
from controller.app.doors import HousekeepingDoor
from controller.app.housekeeping import housekeeping
from controller.app.stack import assembled, own_roles
from controller.errors import Rejected
from controller.ports import Configs, Jobs, Launches, Memory, Runners
from controller.settings import Settings
from controller.usecases.boot_book import BootBook
from controller.usecases.capacity_book import CapacityBook
from controller.usecases.region_watch import RegionWatch


@dataclass(frozen=True, slots=True)
class OperatorDoor:
    """A stack as the command sees it."""

    settings: Settings
    watch: RegionWatch
    memory: Memory
    jobs: Callable[[str], Jobs]
    """The jobs of a region; any job can be got by its key, wherever it lives."""
    runners: Callable[[str], Runners]
    """The machines of a region; the same holds for them."""
    launches: Launches
    history: JobHistory
    capacity: CapacityBook
    boots: BootBook
    depths: SqsDepths
    overheard: Overheard
    house: Callable[[], HousekeepingDoor]
    """Housekeeping in this process."""


def door(stack: str = "", region: str = "") -> OperatorDoor:
    """A stack's own adapters for an operator; without a name, the only stack there is in the usual region.

    Raises `Rejected` where there is no such stack, or more than one to choose from.
    """
    # The SDK itself knows the older name only.
    region = region or os.environ.get("AWS_REGION") or stacks.usual_region()
    clients = Clients(region)
    settings = stacks.settings(clients, stack or _only(stacks.names(clients), region))
    overheard = Overheard()
    known = assembled(settings, overheard)
    return OperatorDoor(
        settings=settings,
        watch=known.watch,
        memory=known.memory,
        jobs=lambda home: DynamoJobs(known.clients, settings.jobs_table, home),
        runners=lambda home: DynamoRunners(known.clients, settings.runners_table, home),
        launches=known.launches,
        history=JobHistory(known.clients, settings.jobs_table, settings.region),
        capacity=known.capacity_book(),
        boots=known.boot_book(),
        depths=SqsDepths(known.clients),
        overheard=overheard,
        house=lambda: housekeeping(known),
    )


def _only(found: Sequence[str], region: str) -> str:
    if len(found) != 1:
        there = f"there are {', '.join(found)}" if found else "there is none"
        raise Rejected(f"which stack? In {region} {there}; name one with --stack, or in SPOTRUNNER_STACK")
    return found[0]


def configs(stack: str, region: str) -> Configs:
    """A stack's configurations and rules, read with the operator's own credentials."""
    clients = Clients(region)
    settings = stacks.settings(clients, stack)
    routing = f"{settings.config_prefix}{documents.ROUTING}"
    always = own_roles(settings).rules()
    return SsmConfigs(clients, settings.config_prefix, ttl_s=60.0, routing=routing, always=always)


def memory(environment: str, region: str) -> Memory:
    """What a stack remembers of its region, read with the operator's own credentials."""
    return DynamoMemory(Clients(region), schema.physical(environment, schema.MEMORY), region)
