"""The one place where ports meet adapters: what each door is made of.

A door is built at a function's first call and kept for its warm ones. Imports stand inside, because a
function loads only what its own door needs: the webhook's start is part of everybody's queue time.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING

from controller import settings as environment
from controller.errors import Unavailable
from controller.servers import Server, servers
from controller.settings import AwsAccess, Settings

if TYPE_CHECKING:
    from controller.adapters.aws.clients import Clients
    from controller.adapters.aws.configs import SsmConfigs
    from controller.adapters.aws.depths import SqsDepths
    from controller.adapters.aws.history import JobHistory
    from controller.adapters.aws.runners import DynamoRunners
    from controller.adapters.aws.signed import SignedCalls, SignedSecrets
    from controller.adapters.aws.state import DynamoLaunches, DynamoLedger, DynamoMemory
    from controller.adapters.fences import Fence, FencedFleet, FencedJobs, FencedLedger
    from controller.adapters.github.installations import Installations
    from controller.adapters.overheard import Overheard
    from controller.adapters.telemetry import Telemetry
    from controller.domain.market import Market
    from controller.domain.own_roles import OwnRoles
    from controller.domain.quotas import Quotas
    from controller.messages import Chore, Chores, Delivery
    from controller.ports import Archive, Configs, Jobs, Launches, Memory, Origins, Outbox, Runners, Tell
    from controller.usecases.boot_book import BootBook
    from controller.usecases.capacity_book import CapacityBook
    from controller.usecases.fill_pools import FillPools
    from controller.usecases.keep_house import Errand
    from controller.usecases.kept_fact import KeptFact
    from controller.usecases.launch_machines import LaunchMachines
    from controller.usecases.region_watch import RegionWatch
    from controller.usecases.take_over import TakeOver
    from runner_agent.contract.bundle import Bundle, Claim, Wait

REREAD_S = 30.0
"""A bad signature may mean that the secret was replaced; forged ones must not make us ask each time."""

MARKET_TTL_S = 900.0
QUOTAS_TTL_S = 60.0
"""How long a door knows what housekeeping has learnt before it reads it again."""


@dataclass(slots=True)
class WebhookDoor:
    """What the webhook handler works with."""

    servers: Sequence[Server]
    secrets: SignedSecrets
    outbox: Outbox
    tell: Tell
    is_ours: Callable[[tuple[str, ...]], bool]
    clock: Callable[[], float]
    front_digests: tuple[str, ...] = ()
    _reread_at: float = field(default=0.0)
    _unread_until: dict[str, float] = field(default_factory=dict)
    """Servers whose secret could not be read, and until when it is not tried again."""

    def signed_by(self, body: bytes, signature: str) -> dict[str, str]:
        """The servers, name by address, whose webhook secret made the signature; no header proves where it is from.

        Raises `Unavailable` where it is made with none that is known, and not all are.
        """
        now = self.clock()
        found = self._signers(body, signature, now, fresh=False)
        if not found and signature and now - self._reread_at >= REREAD_S:
            self._reread_at = now
            found = self._signers(body, signature, now, fresh=True)
        if not found and any(until > now for until in self._unread_until.values()):
            raise Unavailable(f"the webhook secret of {self._unread(now)} can not be read")
        return found

    def _signers(self, body: bytes, signature: str, now: float, *, fresh: bool) -> dict[str, str]:
        from controller.adapters.github.webhook import is_signed

        found = {}
        for server in self.servers:
            if is_signed(body, signature, self._secrets_of(server, now, fresh=fresh)):
                found[server.api_url] = server.name
        return found

    def _secrets_of(self, server: Server, now: float, *, fresh: bool) -> list[str]:
        if self._unread_until.get(server.api_url, 0.0) > now:
            return []
        try:
            return self.secrets.read(server.webhook_secret_id, now, fresh=fresh).splitlines()
        except Unavailable:
            if len(self.servers) == 1:
                raise
            # One server's trouble is not the others'.
            self._unread_until[server.api_url] = now + REREAD_S
            return []

    def _unread(self, now: float) -> str:
        return ", ".join(url for url, until in self._unread_until.items() if until > now)


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


@cache
def webhook_door() -> WebhookDoor:
    """GitHub's deliveries."""
    from controller.adapters.aws.routes import Queues
    from controller.adapters.aws.signed import SignedCalls, SignedOutbox, SignedSecrets
    from controller.adapters.telemetry import Telemetry

    settings = Settings.read(os.environ)
    calls = SignedCalls(AwsAccess.read(os.environ))
    return WebhookDoor(
        servers=servers(settings),
        secrets=SignedSecrets(calls, settings.secret_ttl_s),
        outbox=SignedOutbox(calls, Queues(settings.jobs_queue_url, settings.reports_queue_url)),
        tell=Telemetry(settings.stack, "webhook").tell,
        is_ours=_recognition(settings, calls),
        clock=time.time,
        front_digests=tuple(filter(None, settings.front_digests.split(","))),
    )


def _recognition(settings: Settings, calls: SignedCalls) -> Callable[[tuple[str, ...]], bool]:
    from controller.domain.recognition import Recognition

    if not settings.routing_parameter:
        return Recognition()
    from controller.adapters.aws.signed_rules import SignedRecognition

    return SignedRecognition(calls, settings.routing_parameter, settings.config_ttl_s, time.time)


@cache
def dispatch_door() -> QueueDoor:
    """The provisioning door."""
    from controller.adapters.aws.queue import SqsBacklog
    from controller.adapters.threads import each
    from controller.usecases.accept_job import AcceptJob
    from controller.usecases.dispatch import Dispatch
    from controller.usecases.give_spares import GiveSpares
    from controller.usecases.hold_jobs import HoldJobs
    from controller.usecases.pick_jobs import PickJobs

    stack = _stack("dispatch")
    accept = AcceptJob(
        environment=stack.environment,
        watch=stack.watch,
        jobs=stack.jobs,
        configs=stack.configs,
        memory=stack.memory,
        tell=stack.telemetry.tell,
        clock=time.time,
        origins=stack.origins(),
        peers=stack.peers(),
        market=stack.market,
    )
    launch = stack.launcher()
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


@cache
def reports_door() -> QueueDoor:
    """What GitHub and the machines say."""
    from controller.usecases.hear_reports import HearReports

    stack = _stack("reports")
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


@cache
def events_door() -> QueueDoor:
    """What EC2 says of machines."""
    from controller.adapters.aws import notices
    from controller.usecases.handle_interruption import HandleInterruption

    stack = _stack("events")
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


@cache
def claim_door() -> ClaimDoor:
    """The machines' claims."""
    from controller import wiring
    from controller.adapters.aws.offers import SignedOffers
    from controller.adapters.github.api import GitHubApi
    from controller.usecases.claim_runner import ClaimRunner, Terms
    from runner_agent.contract.bundle import Targets

    stack = _stack("claim")
    settings = stack.settings
    github = GitHubApi(stack.installations(), stack.memory)
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


@cache
def housekeeping_door() -> HousekeepingDoor:
    """The sweeps."""
    return _housekeeping(_stack("housekeeping"))


def _housekeeping(stack: _Stack) -> HousekeepingDoor:
    from controller.domain.housekeeping import Patience
    from controller.messages import Chores
    from controller.usecases.keep_house import KeepHouse

    installations, boots, launcher = stack.installations(), stack.boot_book(), stack.launcher()
    keep = KeepHouse(
        patience=Patience(stack.settings.provisioning_deadline_s, stack.settings.lease_grace_s),
        launch_replay_s=stack.settings.launch_replay_s,
        jobs=stack.jobs,
        runners=stack.runners,
        launches=stack.launches,
        ledger=stack.ledger,
        fleet=stack.fleet,
        outbox=stack.outbox(),
        launch=launcher,
        boots=boots,
        errands={
            **_reruns(stack, installations),
            **_recovery(stack, installations),
            **_machines_watch(stack, launcher, boots),
            **_lessons(stack),
            Chores.REGIONS: _take_over(stack, installations),
            **_cleaning(stack, installations),
            **_accounts(stack),
        },
        tell=stack.telemetry.tell,
        clock=time.time,
    )
    return HousekeepingDoor(keep, stack.telemetry.tell, stack.telemetry.flush)


def _reruns(stack: _Stack, installations: Installations) -> dict[Chores, Errand]:
    """What becomes of interrupted jobs, and what their commits are told."""
    from controller.adapters.github.checks import ChecksApi
    from controller.adapters.github.runs import RunsApi
    from controller.messages import Chores
    from controller.usecases.rerun_jobs import RerunJobs
    from controller.usecases.tell_commits import TellCommits

    tell_commits = TellCommits(stack.jobs, stack.ledger, ChecksApi(installations), stack.telemetry.tell, time.time)
    rerun_jobs = RerunJobs(
        jobs=stack.jobs,
        runners=stack.runners,
        ledger=stack.ledger,
        memory=stack.memory,
        runs=RunsApi(installations),
        configs=stack.configs,
        outbox=stack.outbox(),
        tell_commits=tell_commits,
        tell=stack.telemetry.tell,
        clock=time.time,
    )
    return {Chores.INTERRUPTED_JOBS: rerun_jobs, Chores.CHECK_RUNS: tell_commits}


def _recovery(stack: _Stack, installations: Installations) -> dict[Chores, Errand]:
    """The second and third intake, on every server."""
    from controller.adapters.github.census import CensusApi
    from controller.adapters.github.deliveries import DeliveriesApi
    from controller.messages import Chores
    from controller.usecases.recover_jobs import OnEveryServer, RecoverDeliveries, RecoverJobs

    settings, tell = stack.settings, stack.telemetry.tell
    log, census = DeliveriesApi(installations), CensusApi(installations)
    deliveries = [RecoverDeliveries(server.api_url, log, stack.memory, tell, time.time) for server in servers(settings)]
    jobs = [
        RecoverJobs(
            server=server.api_url,
            name=server.name,
            grace_s=settings.scan_grace_s,
            most_calls=settings.scan_calls,
            jobs=stack.jobs,
            configs=stack.configs,
            census=census,
            memory=stack.memory,
            outbox=stack.outbox(),
            tell=tell,
            clock=time.time,
        )
        for server in servers(settings)
    ]
    return {
        Chores.RECOVER_DELIVERIES: OnEveryServer(deliveries, tell),
        Chores.RECOVER_JOBS: OnEveryServer(jobs, tell),
    }


def _machines_watch(stack: _Stack, launcher: LaunchMachines, boots: BootBook) -> dict[Chores, Errand]:
    """How machines come up, and how many wait ahead of any job."""
    from controller.messages import Chores
    from controller.usecases.audit_pool import AuditPool
    from controller.usecases.watch_boots import WatchBoots

    settings, tell = stack.settings, stack.telemetry.tell
    watch_boots = WatchBoots(
        book=boots,
        jobs=stack.jobs,
        runners=stack.runners,
        ledger=stack.ledger,
        fleet=stack.fleet,
        outbox=stack.outbox(),
        tell=tell,
        clock=time.time,
    )
    return {
        Chores.BOOTS: watch_boots,
        Chores.FILL_POOLS: _fill_pools(stack, launcher, boots),
        Chores.POOL_AUDIT: AuditPool(settings.provisioning_deadline_s, stack.fleet, stack.runners, tell, time.time),
    }


def _lessons(stack: _Stack) -> dict[Chores, Errand]:
    """What the doors are to know of the cloud before anybody waits for it."""
    from controller.adapters.aws.allowance import AccountAllowance
    from controller.adapters.aws.offerings import Ec2Offerings
    from controller.messages import Chores
    from controller.usecases.count_quotas import CountQuotas
    from controller.usecases.learn_market import LearnMarket

    settings, tell = stack.settings, stack.telemetry.tell
    offerings = Ec2Offerings(stack.clients, settings.region, tuple(environment.pairs(settings.subnets)))
    allowance = AccountAllowance(stack.clients)
    return {
        Chores.MARKET: LearnMarket(offerings, stack.own_memory(), tell, time.time),
        Chores.QUOTAS: CountQuotas(allowance, stack.market, stack.own_memory(), tell, time.time),
    }


def _cleaning(stack: _Stack, installations: Installations) -> dict[Chores, Errand]:
    """What is left of jobs, machines and messages after their end."""
    from controller import wiring
    from controller.adapters.aws.dead_letters import SqsDeadLetters
    from controller.adapters.github.api import GitHubApi
    from controller.messages import Chores
    from controller.usecases.archive_jobs import ArchiveJobs
    from controller.usecases.lay_ghosts import LayGhosts
    from controller.usecases.redrive_letters import RedriveLetters

    settings, tell = stack.settings, stack.telemetry.tell
    urls = {
        wiring.JOBS.name: settings.jobs_queue_url,
        wiring.REPORTS.name: settings.reports_queue_url,
        wiring.HOUSEKEEPING.name: settings.housekeeping_queue_url,
        wiring.EVENTS.name: settings.events_queue_url,
    }
    return {
        Chores.GHOST_RUNNERS: LayGhosts(
            patience_s=settings.provisioning_deadline_s,
            most_calls=settings.ghost_calls,
            jobs=stack.jobs,
            runners=stack.runners,
            ledger=stack.ledger,
            configs=stack.configs,
            github=GitHubApi(installations),
            tell=tell,
            clock=time.time,
        ),
        Chores.OLD_JOBS: ArchiveJobs(
            stack=settings.stack,
            keep_s=settings.archive_after_s,
            jobs=stack.jobs,
            ledger=stack.ledger,
            archive=stack.archive(),
            outbox=stack.outbox(),
            tell=tell,
            clock=time.time,
        ),
        Chores.DEAD_LETTERS: RedriveLetters(
            stack=settings.stack,
            most=settings.redrive_limit,
            queues=tuple(name for name, url in urls.items() if url),
            foreign=frozenset({wiring.EVENTS.name}),
            letters=SqsDeadLetters(stack.clients, urls),
            archive=stack.archive(),
            tell=tell,
            clock=time.time,
        ),
    }


def _accounts(stack: _Stack) -> dict[Chores, Errand]:
    """What is told once in a while: the age of the images' runners, and the cost of yesterday."""
    from controller.domain import catalogue
    from controller.messages import Chores
    from controller.usecases.report_costs import ReportCosts
    from controller.usecases.watch_runner_age import WatchRunnerAge

    settings, tell = stack.settings, stack.telemetry.tell
    return {
        Chores.RUNNER_AGE: WatchRunnerAge(
            server=settings.github_api_url,
            platforms=tuple(environment.pairs(settings.launch_templates)),
            warn_s=settings.runner_age_warn_s,
            runners=stack.runners,
            memory=stack.memory,
            tell=tell,
            clock=time.time,
        ),
        Chores.COST_REPORT: ReportCosts(
            stack=settings.stack,
            patience_s=settings.job_limit_s,
            catalogue=catalogue.shipped,
            jobs=stack.jobs,
            runners=stack.runners,
            memory=stack.memory,
            archive=stack.archive(),
            tell=tell,
            clock=time.time,
        ),
    }


def _take_over(stack: _Stack, installations: Installations) -> TakeOver:
    from controller.adapters.fences import FencedLedger
    from controller.adapters.github.api import GitHubApi
    from controller.adapters.github.census import CensusApi
    from controller.domain.housekeeping import Patience
    from controller.usecases.take_over import Peer, TakeOver

    outboxes = stack.peers()
    return TakeOver(
        watch=stack.watch,
        peers={
            region: Peer(stack.jobs_of(region), stack.memory_of(region), outbox) for region, outbox in outboxes.items()
        },
        patience=Patience(stack.settings.provisioning_deadline_s, stack.settings.lease_grace_s),
        jobs=stack.jobs,
        runners=stack.runners,
        ledger=FencedLedger(stack.bare_ledger, stack.fence, gives_away=True),
        census=CensusApi(installations),
        github=GitHubApi(installations, stack.memory),
        configs=stack.configs,
        outbox=stack.outbox(),
        tell=stack.telemetry.tell,
        clock=time.time,
    )


def _fill_pools(stack: _Stack, launcher: LaunchMachines, boots: BootBook) -> FillPools:
    from controller.usecases.fill_pools import FillPools
    from controller.usecases.launch_spares import LaunchSpares

    return FillPools(
        watch=stack.watch,
        runners=stack.runners,
        launches=stack.launches,
        ledger=stack.ledger,
        configs=stack.configs,
        memory=stack.own_memory(),
        boots=boots,
        launch=LaunchSpares(launcher),
        tell=stack.telemetry.tell,
        clock=time.time,
    )


@dataclass(frozen=True, slots=True)
class _Stack:
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
        from controller.adapters.aws.queue import SqsOutbox
        from controller.adapters.aws.routes import Queues

        settings = self.settings
        queues = Queues(settings.jobs_queue_url, settings.reports_queue_url, settings.housekeeping_queue_url)
        return SqsOutbox(self.clients, queues)

    def peers(self) -> dict[str, Outbox]:
        """The queues of the environment's other regions, each reached in its own region."""
        from controller.adapters.aws.clients import Clients
        from controller.adapters.aws.queue import SqsOutbox
        from controller.adapters.aws.routes import Queues

        urls = environment.pairs(self.settings.peer_queues)
        others = [region for region in self.watch.regions if region != self.watch.region]
        return {
            region: SqsOutbox(Clients(region), Queues(urls[f"{region}/jobs"], urls[f"{region}/reports"]))
            for region in others
        }

    def jobs_of(self, region: str) -> Jobs:
        """The jobs that live in another region, as this region's replica has them."""
        from controller.adapters.aws.jobs import DynamoJobs

        return DynamoJobs(self.clients, self.settings.jobs_table, region)

    def own_memory(self) -> Memory:
        """Facts about this region alone, in the table that all regions share."""
        from controller.adapters.aws.state import DynamoMemory

        return DynamoMemory(self.clients, self.settings.memory_table, self.settings.region)

    def memory_of(self, region: str) -> Memory:
        """What another region's own replica remembers."""
        from controller.adapters.aws.clients import Clients
        from controller.adapters.aws.state import DynamoMemory

        return DynamoMemory(Clients(region), self.settings.memory_table)

    def installations(self) -> Installations:
        from controller.adapters.aws.secrets import ManagedSecrets
        from controller.adapters.github.installations import Installations

        secrets = ManagedSecrets(self.clients, self.settings.secret_ttl_s)
        return Installations(servers(self.settings), secrets, self.memory, self.telemetry.tell)

    def archive(self) -> Archive | None:
        from controller.adapters.aws.archive import S3Archive

        return S3Archive(self.clients, self.settings.archive_bucket) if self.settings.archive_bucket else None

    def origins(self) -> Origins | None:
        if not self.settings.routing_parameter:
            return None
        from controller.adapters.github.origins import RunOrigins

        return RunOrigins(self.installations())

    def launcher(self) -> LaunchMachines:
        import uuid

        from controller.adapters.fences import FencedLedger
        from controller.usecases.launch_machines import Ground, LaunchMachines
        from controller.usecases.move_jobs import MoveJobs

        ground = Ground(
            stack=self.settings.stack,
            region=self.settings.region,
            templates=environment.pairs(self.settings.launch_templates),
            subnets=environment.pairs(self.settings.subnets),
            claim_deadline_s=self.settings.claim_deadline_s,
            own_roles=_own_roles(self.settings),
        )
        return LaunchMachines(
            ground=ground,
            jobs=self.jobs,
            runners=self.runners,
            launches=self.launches,
            ledger=self.ledger,
            fleet=self.fleet,
            configs=self.configs,
            book=self.capacity_book(),
            tell=self.telemetry.tell,
            clock=time.time,
            new_id=lambda: uuid.uuid4().hex,
            market=self.market,
            quotas=self.quotas(),
            elsewhere=MoveJobs(
                self.watch,
                FencedLedger(self.bare_ledger, self.fence, gives_away=True),
                self.peers(),
                self.telemetry.tell,
                time.time,
            ),
        )

    def quotas(self) -> KeptFact[Quotas]:
        from controller.domain import quotas
        from controller.usecases import count_quotas
        from controller.usecases.kept_fact import KeptFact

        unknown = quotas.Quotas()
        return KeptFact(self.own_memory(), quotas.FACT, count_quotas.read, unknown, QUOTAS_TTL_S, time.time)

    def boot_book(self) -> BootBook:
        import secrets

        from controller.domain.breaker import BreakerPolicy
        from controller.usecases.boot_book import BootBook

        settings = self.settings
        policy = BreakerPolicy(settings.boot_failures, settings.boot_window_s, settings.boot_rest_s)
        return BootBook(self.own_memory(), policy, time.time, lambda: secrets.token_urlsafe(9))

    def capacity_book(self) -> CapacityBook:
        import secrets

        from controller.domain.capacity import Terms
        from controller.usecases.capacity_book import CapacityBook

        terms = Terms(pool_s=self.settings.refusal_ttl_s, wall_s=self.settings.quota_look_s)
        return CapacityBook(self.own_memory(), terms, time.time, lambda: secrets.token_urlsafe(9))


@cache
def _stack(door: str) -> _Stack:
    from controller.adapters.telemetry import Telemetry

    settings = Settings.read(os.environ)
    return _assembled(settings, Telemetry(settings.stack, door, settings.otlp_endpoint))


def _assembled(settings: Settings, telemetry: Telemetry | Overheard) -> _Stack:
    from controller.adapters.aws.clients import Clients
    from controller.adapters.aws.configs import SsmConfigs
    from controller.adapters.aws.fleet import Ec2Fleet
    from controller.adapters.aws.jobs import DynamoJobs
    from controller.adapters.aws.runners import DynamoRunners
    from controller.adapters.aws.state import DynamoLaunches, DynamoLedger, DynamoMemory, Tables
    from controller.adapters.fences import Fence, FencedFleet, FencedJobs, FencedLedger
    from controller.domain import market
    from controller.usecases.kept_fact import KeptFact
    from controller.usecases.region_watch import RegionWatch

    clients = Clients(settings.region, telemetry.tell)
    tables = Tables(settings.jobs_table, settings.runners_table, settings.launches_table)
    memory = DynamoMemory(clients, settings.memory_table)
    regions = tuple(settings.regions.split(",")) if settings.regions else (settings.region,)
    watch = RegionWatch(settings.region, regions, settings.region_lease_s, memory, time.time)
    fence = Fence(settings.region, watch.may_write)
    ledger = DynamoLedger(clients, tables)
    own = DynamoMemory(clients, settings.memory_table, settings.region)
    return _Stack(
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
            always=_own_roles(settings).rules(),
        ),
        market=KeptFact(own, market.FACT, market.known, market.shipped(), MARKET_TTL_S, time.time),
        telemetry=telemetry,
    )


def _own_roles(settings: Settings) -> OwnRoles:
    from controller.domain import own_roles

    return own_roles.read(environment.pairs(settings.machine_roles), environment.pairs(settings.role_templates))


@dataclass(frozen=True, slots=True)
class OperatorDoor:
    """What the `spotrunner` command works with, under the operator's own credentials."""

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


def operator_door(stack: str = "", region: str = "") -> OperatorDoor:
    """A stack's own adapters for an operator; without a name, the only stack there is in the usual region.

    Raises `Rejected` where there is no such stack, or more than one to choose from.
    """
    from controller.adapters.aws import stacks
    from controller.adapters.aws.clients import Clients
    from controller.adapters.aws.depths import SqsDepths
    from controller.adapters.aws.history import JobHistory
    from controller.adapters.aws.jobs import DynamoJobs
    from controller.adapters.aws.runners import DynamoRunners
    from controller.adapters.overheard import Overheard

    # The SDK itself knows the older name only.
    region = region or os.environ.get("AWS_REGION") or stacks.usual_region()
    clients = Clients(region)
    settings = stacks.settings(clients, stack or _only(stacks.names(clients), region))
    overheard = Overheard()
    known = _assembled(settings, overheard)
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
        house=lambda: _housekeeping(known),
    )


def _only(found: Sequence[str], region: str) -> str:
    from controller.errors import Rejected

    if len(found) != 1:
        there = f"there are {', '.join(found)}" if found else "there is none"
        raise Rejected(f"which stack? In {region} {there}; name one with --stack, or in SPOTRUNNER_STACK")
    return found[0]


def operator_configs(stack: str, region: str) -> Configs:
    """A stack's configurations and rules, read with the operator's own credentials."""
    from controller import documents
    from controller.adapters.aws import stacks
    from controller.adapters.aws.clients import Clients
    from controller.adapters.aws.configs import SsmConfigs

    clients = Clients(region)
    settings = stacks.settings(clients, stack)
    routing = f"{settings.config_prefix}{documents.ROUTING}"
    always = _own_roles(settings).rules()
    return SsmConfigs(clients, settings.config_prefix, ttl_s=60.0, routing=routing, always=always)


def operator_memory(environment: str, region: str) -> Memory:
    """What a stack remembers of its region, read with the operator's own credentials."""
    from controller import schema
    from controller.adapters.aws.clients import Clients
    from controller.adapters.aws.state import DynamoMemory

    return DynamoMemory(Clients(region), schema.physical(environment, schema.MEMORY), region)


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
