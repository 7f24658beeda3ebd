"""Judges how a runner ended: its own words first, then its diagnostics, then the exit code."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from runner_agent.contract.record import Record
from runner_agent.contract.reports import Result
from runner_agent.listener.lines import Heard

HOSTED_BASE = 100
"""The listener exits with this plus its job's result where RETURN_JOB_RESULT_FOR_HOSTED is set."""
OUT_OF_MEMORY = 137

RESULTS = {
    "Succeeded": Result.SUCCESS,
    "SucceededWithIssues": Result.SUCCESS,
    "Failed": Result.FAILED,
    "Canceled": Result.CANCELLED,
    "Skipped": Result.CANCELLED,
    "Abandoned": Result.ORPHANED,
}
_BY_CODE = dict(enumerate(RESULTS.values(), start=HOSTED_BASE))


class Next(StrEnum):
    """What the agent does after a runner has ended."""

    FINISH = "finish"
    REARM = "rearm"
    """Ask for a fresh JIT configuration: no job can have touched this machine."""
    RELAUNCH = "relaunch"
    """Start the same runner again with the same configuration."""
    RACE = "race"
    """The same, once more: a registration made this very moment is not known everywhere yet."""
    CLOCK = "clock"
    """The same, once the machine's clock is right."""
    AFTER_UPDATE = "after_update"
    """The same, once the runner has replaced itself."""


class Outcome(Record):
    """How one started runner ended."""

    result: Result
    next: Next
    reason: str = ""
    exit_code: int | None = None


def judge(said: Mapping[Heard, str], exit_code: int) -> Outcome:
    """The outcome of a runner that ended by itself; `said` holds each event's last detail."""
    if Heard.RUNNING in said or Heard.COMPLETED in said or Heard.FINISH_REQUEST in said:
        return _of_job(said, exit_code)
    return _without_job(said, exit_code)


def _of_job(said: Mapping[Heard, str], exit_code: int) -> Outcome:
    cause = _cause(said)
    told = said.get(Heard.COMPLETED) or said.get(Heard.FINISH_REQUEST)
    if told:
        result = RESULTS[told]
        return Outcome(cause or result if result is Result.FAILED else result, Next.FINISH, exit_code=exit_code)
    if cause:
        return Outcome(cause, Next.FINISH, exit_code=exit_code)
    # 100 is also what is left when the wait for the job broke; only the others prove something.
    if exit_code in _BY_CODE and exit_code != HOSTED_BASE:
        return Outcome(_BY_CODE[exit_code], Next.FINISH, exit_code=exit_code)
    return Outcome(Result.ORPHANED, Next.FINISH, f"the runner {_how(exit_code)} during its job", exit_code)


def _cause(said: Mapping[Heard, str]) -> Result | None:
    if said.get(Heard.WORKER_EXIT) == str(OUT_OF_MEMORY):
        return Result.OUT_OF_MEMORY
    return Result.DISK_FULL if Heard.DISK_FULL in said else None


def _without_job(said: Mapping[Heard, str], exit_code: int) -> Outcome:
    by_words = _by_words(said)
    if by_words:
        result, following, reason = by_words
        return Outcome(result, following, reason, exit_code)
    result, following = _BY_EXIT.get(exit_code, (Result.REGISTRATION_FAILED, Next.FINISH))
    if exit_code == 0 and Heard.ASSIGNED in said:
        return Outcome(Result.ORPHANED, Next.FINISH, "the runner took a job and ended without running it", exit_code)
    return Outcome(result, following, f"the runner {_how(exit_code)} without a job", exit_code)


def _by_words(said: Mapping[Heard, str]) -> tuple[Result, Next, str] | None:
    if Heard.SKIPPED in said:
        return Result.GHOST, Next.REARM, "the job announced to the runner was gone or taken"
    if Heard.NO_ICU in said:
        return Result.RUNNER_UNAVAILABLE, Next.FINISH, "the image lacks libicu, which the runner needs"
    if Heard.REMOVED in said:
        return Result.NO_JOB, Next.REARM, "the runner was removed at GitHub"
    if Heard.REGISTRATION_DELETED in said:
        return Result.REGISTRATION_FAILED, Next.REARM, "the runner's registration was deleted"
    return None


_BY_EXIT = {
    0: (Result.NO_JOB, Next.REARM),
    1: (Result.REGISTRATION_FAILED, Next.REARM),
    2: (Result.REGISTRATION_FAILED, Next.RELAUNCH),
    3: (Result.REGISTRATION_FAILED, Next.AFTER_UPDATE),
    4: (Result.REGISTRATION_FAILED, Next.AFTER_UPDATE),
    5: (Result.REGISTRATION_FAILED, Next.FINISH),
    7: (Result.REGISTRATION_FAILED, Next.REARM),
    # What .NET does where one of its libraries is missing, and the loader where one of the system's is:
    # another registration would not help this image.
    127: (Result.RUNNER_UNAVAILABLE, Next.FINISH),
    134: (Result.RUNNER_UNAVAILABLE, Next.FINISH),
    -6: (Result.RUNNER_UNAVAILABLE, Next.FINISH),
}
"""The listener's exit codes where no job ran."""


def _how(exit_code: int) -> str:
    return f"was ended by signal {-exit_code}" if exit_code < 0 else f"exited with {exit_code}"
