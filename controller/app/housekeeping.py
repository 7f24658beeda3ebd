"""The sweeps, and each task that is done from time to time."""

from __future__ import annotations

import time
from functools import cache

from controller import settings as environment
from controller import wiring
from controller.adapters.aws.allowance import AccountAllowance
from controller.adapters.aws.dead_letters import SqsDeadLetters
from controller.adapters.aws.offerings import Ec2Offerings
from controller.adapters.fences import FencedLedger
from controller.adapters.github.api import GitHubApi
from controller.adapters.github.census import CensusApi
from controller.adapters.github.checks import ChecksApi
from controller.adapters.github.deliveries import DeliveriesApi
from controller.adapters.github.installations import Installations
from controller.adapters.github.runs import RunsApi
from controller.app import github, launching
from controller.app.doors import HousekeepingDoor
from controller.app.stack import Stack, stack_of
from controller.domain import catalogue
from controller.domain.housekeeping import Patience
from controller.messages import Chores
from controller.servers import servers
from controller.usecases.archive_jobs import ArchiveJobs
from controller.usecases.audit_pool import AuditPool
from controller.usecases.boot_book import BootBook
from controller.usecases.count_quotas import CountQuotas
from controller.usecases.fill_pools import FillPools
from controller.usecases.keep_house import Errand, KeepHouse
from controller.usecases.launch_machines import LaunchMachines
from controller.usecases.launch_spares import LaunchSpares
from controller.usecases.lay_ghosts import LayGhosts
from controller.usecases.learn_market import LearnMarket
from controller.usecases.recover_jobs import OnEveryServer, RecoverDeliveries, RecoverJobs
from controller.usecases.redrive_letters import RedriveLetters
from controller.usecases.report_costs import ReportCosts
from controller.usecases.rerun_jobs import RerunJobs
from controller.usecases.take_over import Peer, TakeOver
from controller.usecases.tell_commits import TellCommits
from controller.usecases.watch_boots import WatchBoots
from controller.usecases.watch_runner_age import WatchRunnerAge


@cache
def door() -> HousekeepingDoor:
    """The housekeeping function's."""
    return housekeeping(stack_of("housekeeping"))


def housekeeping(stack: Stack) -> HousekeepingDoor:
    """All tasks of a stack, for its function or for an operator."""
    installations, boots, launcher = github.installations(stack), stack.boot_book(), launching.launcher(stack)
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


def _reruns(stack: Stack, installations: Installations) -> dict[Chores, Errand]:
    """What becomes of interrupted jobs, and what their commits are told."""
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


def _recovery(stack: Stack, installations: Installations) -> dict[Chores, Errand]:
    """The second and third intake, on every server."""
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


def _machines_watch(stack: Stack, launcher: LaunchMachines, boots: BootBook) -> dict[Chores, Errand]:
    """How machines come up, and how many wait ahead of any job."""
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


def _lessons(stack: Stack) -> dict[Chores, Errand]:
    """What the doors are to know of the cloud before anybody waits for it."""
    settings, tell = stack.settings, stack.telemetry.tell
    offerings = Ec2Offerings(stack.clients, settings.region, tuple(environment.pairs(settings.subnets)))
    allowance = AccountAllowance(stack.clients)
    return {
        Chores.MARKET: LearnMarket(offerings, stack.own_memory(), tell, time.time),
        Chores.QUOTAS: CountQuotas(allowance, stack.market, stack.own_memory(), tell, time.time),
    }


def _cleaning(stack: Stack, installations: Installations) -> dict[Chores, Errand]:
    """What is left of jobs, machines and messages after their end."""
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


def _accounts(stack: Stack) -> dict[Chores, Errand]:
    """What is told once in a while: the age of the images' runners, and the cost of yesterday."""
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


def _take_over(stack: Stack, installations: Installations) -> TakeOver:
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


def _fill_pools(stack: Stack, launcher: LaunchMachines, boots: BootBook) -> FillPools:
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
