"""The adapters of a stack that several doors share."""

from __future__ import annotations

import os
import secrets
import time
from dataclasses import dataclass
from functools import cache

from controller import settings as environment
from controller.adapters.aws.archive import S3Archive
from controller.adapters.aws.clients import Clients
from controller.adapters.aws.configs import SsmConfigs
from controller.adapters.aws.fleet import Ec2Fleet
from controller.adapters.aws.jobs import DynamoJobs
from controller.adapters.aws.queue import SqsOutbox
from controller.adapters.aws.routes import Queues
from controller.adapters.aws.runners import DynamoRunners
from controller.adapters.aws.state import DynamoLaunches, DynamoLedger, DynamoMemory, Tables
from controller.adapters.fences import Fence, FencedFleet, FencedJobs, FencedLedger
from controller.adapters.overheard import Overheard
from controller.adapters.telemetry import Telemetry
from controller.domain import market
from controller.domain import own_roles as roles
from controller.domain.breaker import BreakerPolicy
from controller.domain.capacity import Terms
from controller.domain.market import Market
from controller.domain.own_roles import OwnRoles
from controller.ports import Archive, Jobs, Memory, Outbox
from controller.settings import Settings
from controller.usecases.boot_book import BootBook
from controller.usecases.capacity_book import CapacityBook
from controller.usecases.kept_fact import KeptFact
from controller.usecases.region_watch import RegionWatch

MARKET_TTL_S = 900.0
"""How long a door knows what housekeeping has learnt of the market before it reads it again."""


@dataclass(frozen=True, slots=True)
class Stack:
    """The adapters that several doors share."""

    settings: Settings
    clients: Clients
    watch: RegionWatch
    fence: Fence
    jobs: FencedJobs
    runners: DynamoRunners
    launches: DynamoLaunches
    bare_ledger: DynamoLedger
    ledger: FencedLedger
    memory: DynamoMemory
    fleet: FencedFleet
    configs: SsmConfigs
    market: KeptFact[Market]
    telemetry: Telemetry | Overheard

    @property
    def environment(self) -> str:
        """The stack's name without its region."""
        return self.settings.stack.removesuffix(f"-{self.settings.region}")

    def outbox(self) -> Outbox:
        """The stack's own queues."""
        settings = self.settings
        queues = Queues(settings.jobs_queue_url, settings.reports_queue_url, settings.housekeeping_queue_url)
        return SqsOutbox(self.clients, queues)

    def peers(self) -> dict[str, Outbox]:
        """The queues of the environment's other regions, each reached in its own region."""
        urls = environment.pairs(self.settings.peer_queues)
        others = [region for region in self.watch.regions if region != self.watch.region]
        return {
            region: SqsOutbox(Clients(region), Queues(urls[f"{region}/jobs"], urls[f"{region}/reports"]))
            for region in others
        }

    def jobs_of(self, region: str) -> Jobs:
        """The jobs that live in another region, as this region's replica has them."""
        return DynamoJobs(self.clients, self.settings.jobs_table, region)

    def own_memory(self) -> Memory:
        """Facts about this region alone, in the table that all regions share."""
        return DynamoMemory(self.clients, self.settings.memory_table, self.settings.region)

    def memory_of(self, region: str) -> Memory:
        """What another region's own replica remembers."""
        return DynamoMemory(Clients(region), self.settings.memory_table)

    def archive(self) -> Archive | None:
        """What is kept when records are deleted; None for a stack without a bucket."""
        return S3Archive(self.clients, self.settings.archive_bucket) if self.settings.archive_bucket else None

    def boot_book(self) -> BootBook:
        """This door's copy of what is known of boots."""
        settings = self.settings
        policy = BreakerPolicy(settings.boot_failures, settings.boot_window_s, settings.boot_rest_s)
        return BootBook(self.own_memory(), policy, time.time, lambda: secrets.token_urlsafe(9))

    def capacity_book(self) -> CapacityBook:
        """This door's copy of what is known of capacity."""
        terms = Terms(pool_s=self.settings.refusal_ttl_s, wall_s=self.settings.quota_look_s)
        return CapacityBook(self.own_memory(), terms, time.time, lambda: secrets.token_urlsafe(9))


@cache
def stack_of(door: str) -> Stack:
    """The stack that a function's environment names."""
    settings = Settings.read(os.environ)
    return assembled(settings, Telemetry(settings.stack, door, settings.otlp_endpoint))


def assembled(settings: Settings, telemetry: Telemetry | Overheard) -> Stack:
    """What the settings name, told of through `telemetry`."""
    clients = Clients(settings.region, telemetry.tell)
    tables = Tables(settings.jobs_table, settings.runners_table, settings.launches_table)
    memory = DynamoMemory(clients, settings.memory_table)
    regions = tuple(settings.regions.split(",")) if settings.regions else (settings.region,)
    watch = RegionWatch(settings.region, regions, settings.region_lease_s, memory, time.time)
    fence = Fence(settings.region, watch.may_write)
    ledger = DynamoLedger(clients, tables)
    own = DynamoMemory(clients, settings.memory_table, settings.region)
    return Stack(
        settings=settings,
        clients=clients,
        watch=watch,
        fence=fence,
        jobs=FencedJobs(DynamoJobs(clients, settings.jobs_table, settings.region), fence),
        runners=DynamoRunners(clients, settings.runners_table, settings.region),
        launches=DynamoLaunches(clients, settings.launches_table, settings.region),
        bare_ledger=ledger,
        ledger=FencedLedger(ledger, fence),
        memory=memory,
        fleet=FencedFleet(Ec2Fleet(clients, settings.stack, environment.pairs(settings.subnets)), fence),
        configs=SsmConfigs(
            clients,
            settings.config_prefix,
            settings.config_ttl_s,
            settings.routing_parameter,
            always=own_roles(settings).rules(),
        ),
        market=KeptFact(own, market.FACT, market.known, market.shipped(), MARKET_TTL_S, time.time),
        telemetry=telemetry,
    )


def own_roles(settings: Settings) -> OwnRoles:
    """The machines' roles beside the usual one."""
    return roles.read(environment.pairs(settings.machine_roles), environment.pairs(settings.role_templates))
