"""What travels on the queues between the doors.

    jobs queue          JobQueued | Wake          webhook, redelivery, scan, a schedule -> dispatch
    reports queue       JobMoved | Report         webhook, machines                     -> reports
    housekeeping queue  Chore                     schedules, an operator                -> housekeeping
    events queue        EC2's own events          EventBridge, by `wiring.RULES`        -> events

A message's `kind` says which it is. A `Report` is the agent's (see `runner_agent.contract.reports`).
"""

from __future__ import annotations

import functools
import json
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Literal, Union

from controller.domain.job_key import Intake, JobKey
from controller.errors import Rejected
from runner_agent.contract import wire

if TYPE_CHECKING:
    from runner_agent.contract.reports import Report

VERSION = 1


class Chores(StrEnum):
    """The housekeeping tasks."""

    ORPHANED_MACHINES = "orphaned-machines"
    STUCK_PROVISIONING = "stuck-provisioning"
    PENDING_LAUNCHES = "pending-launches"
    INTERRUPTED_JOBS = "interrupted-jobs"
    CHECK_RUNS = "check-runs"
    RECOVER_DELIVERIES = "recover-deliveries"
    RECOVER_JOBS = "recover-jobs"
    BOOTS = "boots"
    MARKET = "market"
    QUOTAS = "quotas"
    REGIONS = "regions"
    GHOST_RUNNERS = "ghost-runners"
    OLD_JOBS = "old-jobs"
    DEAD_LETTERS = "dead-letters"
    POOL_AUDIT = "pool-audit"
    RUNNER_AGE = "runner-age"
    COST_REPORT = "cost-report"
    FILL_POOLS = "fill-pools"


@dataclass(frozen=True, slots=True)
class JobQueued:
    """A job that GitHub says is waiting for a runner, from whichever intake."""

    job_id: int
    attempt: int
    repository: str
    server: str
    installation_id: int
    run_id: int
    workflow: str
    name: str
    labels: tuple[str, ...]
    head_sha: str
    queued_at: float
    received_at: float
    intake: Intake
    traceparent: str = ""
    server_name: str = ""
    """Which of the stack's servers it is; empty: the first."""
    kind: Literal["queued"] = "queued"
    version: int = VERSION

    @property
    def key(self) -> JobKey:
        """The job attempt."""
        return JobKey(self.job_id, self.attempt, self.server_name)


@dataclass(frozen=True, slots=True)
class Wake:
    """Look at the line again: something may have changed."""

    reason: str = "schedule"
    kind: Literal["wake"] = "wake"
    version: int = VERSION


class Step(StrEnum):
    """What GitHub says has happened to a job after it was queued."""

    WAITING = "waiting"
    """Held by an environment's protection rule."""
    IN_PROGRESS = "in_progress"
    COMPLETED = "completed"


@dataclass(frozen=True, slots=True)
class JobMoved:
    """GitHub's own word on a job of ours; the record."""

    job_id: int
    attempt: int
    repository: str
    kind: Step
    received_at: float
    runner_name: str = ""
    runner_id: int | None = None
    conclusion: str = ""
    started_at: float | None = None
    completed_at: float | None = None
    labels: tuple[str, ...] = ()
    traceparent: str = ""
    server_name: str = ""
    version: int = VERSION
    # Whose job it is, as in `JobQueued`: its `queued` may come later than this, or never.
    server: str = ""
    installation_id: int = 0
    run_id: int = 0
    workflow: str = ""
    name: str = ""
    head_sha: str = ""

    @property
    def key(self) -> JobKey:
        """The job attempt."""
        return JobKey(self.job_id, self.attempt, self.server_name)


@dataclass(frozen=True, slots=True)
class Chore:
    """One housekeeping task to do now."""

    task: Chores
    dry_run: bool = False
    kind: Literal["chore"] = "chore"
    version: int = VERSION


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message as it came off a queue."""

    id: str
    """The queue's own id of the message: what a partial failure names."""
    text: str = field(repr=False)
    sender: str = ""
    """The verified identity of who sent it: `<role id>:<session name>`."""
    receipt: str = ""


Message = Union[JobQueued, Wake, JobMoved, "Report", Chore]


@functools.cache
def _kinds() -> dict[str, type[JobQueued | Wake | JobMoved | Report | Chore]]:
    # Imported here because the webhook door only writes, and its start is part of everybody's queue time.
    from runner_agent.contract.reports import Report, ReportKind  # noqa: PLC0415 - see above

    return {
        "queued": JobQueued,
        "wake": Wake,
        "chore": Chore,
        **{step.value: JobMoved for step in Step},
        **{kind.value: Report for kind in ReportKind},
    }


def speaker(sender: str, origin: str) -> str:
    """Who has said a message: its sender, or for one sent back by housekeeping whoever sent it first.

    A machine's session is always named after it, so none can bring what another one is said to have sent.
    """
    return sender if sender.rpartition(":")[2].startswith("i-") else origin or sender


ORIGIN = "origin"
"""The message attribute with the first sender of a message that was sent back."""
RETURNS = "returns"
"""The message attribute that counts how often that was."""


def json_of(text: str) -> dict[str, object]:
    """The JSON object in a text that is not in our words; raises `Rejected` where there is none."""
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as bad:
        raise Rejected(f"message: {bad}") from bad
    if not isinstance(data, dict):
        raise Rejected("message: not a JSON object")
    return data


def read(text: str) -> Message:
    """The message in a queue's text; raises `Rejected` naming what is wrong with it."""
    try:
        data = json.loads(text)
        kind = data.get("kind") if isinstance(data, dict) else None
        if not isinstance(kind, str) or kind not in _kinds():
            raise Rejected(f"message: unknown kind {kind!r}")
        return wire.decode(_kinds()[kind], data)
    except (wire.Malformed, ValueError, RecursionError) as bad:
        raise Rejected(f"message: {bad}") from bad
