"""What a runner's end means for the machine, when it ended by itself and when we stopped it."""

from __future__ import annotations

from runner_agent.contract.record import Record, replace
from runner_agent.contract.reports import Result
from runner_agent.lifecycle.session import Ended
from runner_agent.listener.lines import Heard
from runner_agent.listener.outcome import Next, Outcome, judge
from runner_agent.watch import Stop, Why

MOST_RELAUNCHES = 5
RACE_S = 30.0
"""A registration this young may not have reached all of GitHub yet."""

_STOPPED_JOB = {Why.JOB_LIMIT: Result.TIMEOUT, Why.ASSIGNED: Result.ORPHANED, Why.FULL: Result.DISK_FULL}
_STOPPED_IDLE = {
    Why.GHOST: (Result.GHOST, Next.REARM),
    Why.REGISTRATION: (Result.REGISTRATION_FAILED, Next.REARM),
    Why.CONFLICT: (Result.REGISTRATION_FAILED, Next.FINISH),
    Why.ASSIGNED: (Result.GHOST, Next.FINISH),
    Why.IDLE: (Result.NO_JOB, Next.FINISH),
    Why.FULL: (Result.DISK_FULL, Next.FINISH),
    Why.CLOCK: (Result.REGISTRATION_FAILED, Next.CLOCK),
    Why.NOTICE: (Result.INTERRUPTED, Next.FINISH),
    Why.REBALANCE: (Result.INTERRUPTED, Next.FINISH),
}


def outcome_of(ended: Ended) -> Outcome:
    """How a runner ended, whoever ended it."""
    told = judge(ended.said, ended.exit_code)
    if ended.stop is None or ended.stop.why is Why.LINGERING:
        return told
    return _of_stopped(ended.stop, told, ended)


def _of_stopped(stop: Stop, told: Outcome, ended: Ended) -> Outcome:
    if Heard.RUNNING not in ended.said:
        result, following = _STOPPED_IDLE.get(stop.why, (told.result, Next.FINISH))
        return Outcome(result, following, stop.reason, ended.exit_code)
    # It ended well, or GitHub cancelled it, while our signal was on its way: that stays true.
    if Heard.COMPLETED in ended.said and told.result in {Result.SUCCESS, Result.CANCELLED}:
        return told
    # A job that came in the last moment before an idle machine was stopped has been interrupted, too.
    return Outcome(_STOPPED_JOB.get(stop.why, Result.INTERRUPTED), Next.FINISH, stop.reason, ended.exit_code)


def of_starved(outcome: Outcome, ended_programs: tuple[str, ...] | None) -> Outcome:
    """The same, where the kernel ended something during the job for lack of memory and the job did not do well."""
    if ended_programs is None or outcome.result not in {Result.FAILED, Result.ORPHANED, Result.OUT_OF_MEMORY}:
        return outcome
    who = ", ".join(ended_programs) or "a program"
    return replace(outcome, result=Result.OUT_OF_MEMORY, reason=f"the kernel ended {who} for lack of memory")


class Relaunches(Record, frozen=False):
    """How often one registration may be started again."""

    errors: int = 0
    updates: int = 0
    raced: bool = False
    stepped: bool = False

    def settle(self, outcome: Outcome, ended: Ended, age_s: float) -> Outcome:
        """The outcome with what really follows, now that this one has been counted."""
        if Heard.REGISTRATION_DELETED in ended.said and age_s < RACE_S and not self.raced and not ended.stop:
            self.raced = True
            return replace(outcome, next=Next.RACE)
        if outcome.next is Next.RELAUNCH:
            self.errors += 1
            return outcome if self.errors <= MOST_RELAUNCHES else replace(outcome, next=Next.REARM)
        if outcome.next is Next.CLOCK:
            again, self.stepped = self.stepped, True
            return replace(outcome, next=Next.FINISH) if again else outcome
        if outcome.next is Next.AFTER_UPDATE:
            self.updates += 1
            return outcome if self.updates <= 1 else replace(outcome, next=Next.REARM)
        return outcome
