"""A machine and the GitHub runner on it, and the states they go through."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from controller.domain.job_key import NOBODY, JobKey


class RunnerState(StrEnum):
    """Where a machine stands, by its own word and the cloud's; never to be mixed with a job's states."""

    SPARE = "spare"
    """It runs ahead of any job, has no runner at GitHub, and asks again and again whether there is work."""
    LAUNCHED = "launched"
    CLAIMED = "claimed"
    """It has asked for work and holds, or is getting, a JIT configuration."""
    BUSY = "busy"
    FINISHED = "finished"
    """It has said its last word and powers off."""
    GONE = "gone"
    """The cloud no longer has it."""


class Lifecycle(StrEnum):
    """How a machine is paid for."""

    SPOT = "spot"
    ON_DEMAND = "on-demand"


ARROWS: dict[RunnerState, frozenset[RunnerState]] = {
    # A job takes the spare: from here on it is the machine launched for that job.
    RunnerState.SPARE: frozenset({RunnerState.LAUNCHED, RunnerState.FINISHED, RunnerState.GONE}),
    RunnerState.LAUNCHED: frozenset({RunnerState.CLAIMED, RunnerState.FINISHED, RunnerState.GONE}),
    # A re-arm claims again: the same machine, after its runner ended without a job.
    RunnerState.CLAIMED: frozenset({RunnerState.CLAIMED, RunnerState.BUSY, RunnerState.FINISHED, RunnerState.GONE}),
    RunnerState.BUSY: frozenset({RunnerState.FINISHED, RunnerState.GONE}),
    RunnerState.FINISHED: frozenset({RunnerState.GONE}),
    RunnerState.GONE: frozenset(),
}

ALIVE = frozenset({RunnerState.SPARE, RunnerState.LAUNCHED, RunnerState.CLAIMED, RunnerState.BUSY})


class IllegalMove(ValueError):
    """The table of arrows has no such move."""


@dataclass(frozen=True, slots=True)
class Runner:
    """One machine's record. Times are seconds since the epoch; None is "not known"."""

    instance_id: str
    launch_id: str
    job: JobKey
    """The job it was launched for, then the one it claimed for; what it really ran is `ran`."""
    repository: str
    config: str
    shape: str
    home: str
    instance_type: str
    zone: str
    lifecycle: Lifecycle
    launched_at: float
    lease_until: float
    """It must have come to the next stage by this time; only an expired lease justifies a termination."""
    platform: str = "linux/x64"
    """Operating system and architecture, as in the launch templates' keys."""
    job_limit_s: float = 0.0
    """How long its job may run, as the machine was told at its claim; 0 until then."""
    state: RunnerState = RunnerState.LAUNCHED
    since: float = 0.0
    reason: str = ""
    name: str = ""
    """The runner's name at GitHub."""
    github_id: int | None = None
    claims: int = 0
    nonce: str = ""
    """SHA-256 of the nonce that the claim came with."""
    ready_at: float | None = None
    """When it first asked for work while there was none for it; only a spare does."""
    claimed_at: float | None = None
    registered_at: float | None = None
    """When its runner came to listen at GitHub; not told of one that got a job at once."""
    started_at: float | None = None
    finished_at: float | None = None
    ran: JobKey | None = None
    missing_since: float | None = None
    """When the cloud was first seen without it; its last reports may still be on their way then."""
    result: str = ""
    """Its own word on how its job ended."""
    concluded: str = ""
    """GitHub's word on its job, heard while it was at work; a success is not written down."""
    exit_code: int | None = None
    interruption: str = ""
    noticed_at: float | None = None
    """When its interruption was first heard of, or found out."""
    noticed_by: str = ""
    console: str = ""
    """The end of what it wrote on its console, where it died before it claimed."""
    baked: tuple[str, ...] = ()
    """The versions of GitHub's runner that it said to have on board."""
    delisted: bool = False
    """Whether GitHub is known to have no runner of it any more."""
    version: int = 0
    """The stored version this value was read at; 0 has never been stored."""

    @property
    def id(self) -> str:
        """The record's name in storage and in messages."""
        return self.instance_id

    @property
    def has_booted(self) -> bool:
        """Whether its agent has ever been heard of."""
        return self.claimed_at is not None or self.ready_at is not None

    @property
    def has_listened(self) -> bool:
        """Whether its runner has ever been heard of."""
        return self.registered_at is not None or self.started_at is not None or self.ran is not None

    @property
    def may_haunt(self) -> bool:
        """Whether it has ended in a way after which GitHub may still have a runner of it."""
        registered = self.job != NOBODY and not self.delisted
        return registered and self.state not in ALIVE and self.result not in _RAN_TO_ITS_END


_RAN_TO_ITS_END = frozenset({"success", "failed", "cancelled"})
"""Results of a job that its runner has ended itself: GitHub removes such a runner with its job."""


def move(runner: Runner, to: RunnerState, now: float, reason: str = "", **changes: Any) -> Runner:  # noqa: ANN401 - fields of Runner
    """The runner in its next state; raises `IllegalMove` where the table has no such arrow."""
    if to not in ARROWS[runner.state]:
        raise IllegalMove(f"runner {runner.instance_id}: {runner.state} -> {to}")
    return replace(runner, state=to, since=now, reason=reason, **changes)
