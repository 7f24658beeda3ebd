"""The tasks that keep the house small and say how it stands, assembled as in production."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from controller.domain.catalogue import shipped
from controller.messages import Chores
from controller.ports import (
    Archive,
    Configs,
    DeadLetters,
    Fleet,
    GitHub,
    Jobs,
    Ledger,
    Memory,
    Outbox,
    Runners,
    Tell,
)
from controller.usecases.archive_jobs import ArchiveJobs
from controller.usecases.audit_pool import AuditPool
from controller.usecases.keep_house import Errand
from controller.usecases.lay_ghosts import LayGhosts
from controller.usecases.redrive_letters import RedriveLetters
from controller.usecases.report_costs import ReportCosts
from controller.usecases.watch_runner_age import WatchRunnerAge
from tests.fakes import samples

STACK = "dev-us-east-1"
DAY_S = 86_400.0
ARCHIVE_AFTER_S = 7 * DAY_S
WARN_S = 20 * DAY_S
PATIENCE_S = 600.0
LONGEST_JOB_S = 21_600.0
PLATFORMS = ("linux/x64", "linux/arm64")
QUEUES = ("jobs", "reports", "housekeeping", "events")
UPKEEP = frozenset(
    {
        Chores.GHOST_RUNNERS,
        Chores.OLD_JOBS,
        Chores.DEAD_LETTERS,
        Chores.POOL_AUDIT,
        Chores.RUNNER_AGE,
        Chores.COST_REPORT,
    }
)


@dataclass(frozen=True, slots=True)
class Records:
    """What the doors read and write of their own."""

    jobs: Jobs
    runners: Runners
    ledger: Ledger
    memory: Memory


@dataclass(frozen=True, slots=True)
class Outside:
    """What else they reach."""

    fleet: Fleet
    configs: Configs
    github: GitHub
    outbox: Outbox
    archive: Archive | None
    letters: DeadLetters


def upkeep(records: Records, outside: Outside, tell: Tell, clock: Callable[[], float]) -> dict[Chores, Errand]:
    """Each task by its name."""
    return {
        Chores.GHOST_RUNNERS: LayGhosts(
            patience_s=PATIENCE_S,
            most_calls=30,
            jobs=records.jobs,
            runners=records.runners,
            ledger=records.ledger,
            configs=outside.configs,
            github=outside.github,
            tell=tell,
            clock=clock,
        ),
        Chores.OLD_JOBS: ArchiveJobs(
            stack=STACK,
            keep_s=ARCHIVE_AFTER_S,
            jobs=records.jobs,
            ledger=records.ledger,
            archive=outside.archive,
            outbox=outside.outbox,
            tell=tell,
            clock=clock,
        ),
        Chores.DEAD_LETTERS: RedriveLetters(
            stack=STACK,
            most=50,
            queues=QUEUES,
            foreign=frozenset({"events"}),
            letters=outside.letters,
            archive=outside.archive,
            tell=tell,
            clock=clock,
        ),
        Chores.POOL_AUDIT: AuditPool(PATIENCE_S, outside.fleet, records.runners, tell, clock),
        Chores.RUNNER_AGE: WatchRunnerAge(
            server=samples.SERVER,
            platforms=PLATFORMS,
            warn_s=WARN_S,
            runners=records.runners,
            memory=records.memory,
            tell=tell,
            clock=clock,
        ),
        Chores.COST_REPORT: ReportCosts(
            stack=STACK,
            patience_s=LONGEST_JOB_S,
            catalogue=shipped,
            jobs=records.jobs,
            runners=records.runners,
            memory=records.memory,
            archive=outside.archive,
            tell=tell,
            clock=clock,
        ),
    }
