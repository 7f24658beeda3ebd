"""Decides when a runner must be stopped: from what has been seen of it so far, and the time."""

from __future__ import annotations

from enum import StrEnum

from runner_agent.contract.bundle import Limits
from runner_agent.contract.record import Record, replace
from runner_agent.limits import REGISTRATION_S, SILENCE_S, Ending, stop_time
from runner_agent.listener.lines import Heard


class Why(StrEnum):
    """The reasons to stop a runner."""

    GHOST = "ghost"
    CONFLICT = "conflict"
    NOTICE = "notice"
    REBALANCE = "rebalance"
    REGISTRATION = "registration"
    IDLE = "idle"
    ASSIGNED = "assigned"
    JOB_LIMIT = "job_limit"
    LINGERING = "lingering"
    FULL = "full"
    CLOCK = "clock"


class Stop(Record):
    """Ask the runner to stop, and kill its whole tree when it is still there at a time."""

    why: Why
    reason: str
    kill_at: float


class View(Record):
    """What has been seen of one started runner. All times are by the machine's monotonic clock."""

    spawned_at: float
    heard_at: float
    """The last time the listener wrote anything at all."""
    reached: tuple[tuple[Heard, float], ...] = ()
    """What the listener said, each at the first time it said so."""
    ending: Ending | None = None
    rebalance: bool = False
    full: str = ""
    """What the disk lacks, once nothing can be written soon."""
    stopping: Stop | None = None

    def at(self, heard: Heard) -> float | None:
        """When the listener first said something."""
        return dict(self.reached).get(heard)

    def heard(self, what: Heard, now: float) -> View:
        """The view after the listener said something."""
        if self.at(what) is not None:
            return self
        return replace(self, reached=(*self.reached, (what, now)))

    @property
    def busy(self) -> bool:
        """A job is running; what was only announced is not yet a job."""
        return self.at(Heard.RUNNING) is not None and self.at(Heard.COMPLETED) is None

    @property
    def untouched(self) -> bool:
        """No step of any job can have run on this machine."""
        return self.at(Heard.RUNNING) is None and self.at(Heard.WORKER) is None


def decide(view: View, limits: Limits, now: float) -> Stop | None:
    """Whether the runner has to stop now; None while it may go on, or is stopping for an earlier cause."""
    if view.stopping is not None:
        return _hastened(view, view.stopping, now)
    if view.at(Heard.COMPLETED) is not None:
        return _overdue(view, limits, now)
    for cause in (_broken, _full, _taken_away, _overdue):
        stop = cause(view, limits, now)
        if stop:
            return stop
    return None


def wake_at(view: View, limits: Limits) -> float:
    """The next time at which `decide` can come to another answer by the clock alone."""
    at = view.stopping.kill_at if view.stopping else _limit(view, limits)[1]
    return min(at, view.ending.stop_at) if view.ending and not view.stopping else at


def silent(view: View, now: float) -> bool:
    """Whether a busy listener has been quiet for too long; a sign of a starved machine, not a cause to stop."""
    return view.busy and now - view.heard_at > SILENCE_S


def _hastened(view: View, stopping: Stop, now: float) -> Stop | None:
    """A notice can shorten the time of a stop that is under way."""
    if view.ending and view.ending.kill_at < stopping.kill_at:
        return replace(stopping, kill_at=max(now, view.ending.kill_at))
    return None


def _broken(view: View, limits: Limits, now: float) -> Stop | None:
    kill_at = now + stop_time(limits, busy=False)
    if view.at(Heard.SKIPPED) is not None and not view.busy:
        return Stop(Why.GHOST, "the job announced to the runner was gone or taken", kill_at)
    if view.at(Heard.CONFLICT) is not None and view.at(Heard.LISTENING) is None:
        return Stop(Why.CONFLICT, "another process holds a session of this runner", kill_at)
    if view.at(Heard.CLOCK_SKEW) is not None and view.at(Heard.LISTENING) is None:
        return Stop(Why.CLOCK, "this machine's clock is minutes off", kill_at)
    return None


def _full(view: View, limits: Limits, now: float) -> Stop | None:
    return Stop(Why.FULL, view.full, now + stop_time(limits, busy=view.busy)) if view.full else None


def _taken_away(view: View, limits: Limits, now: float) -> Stop | None:
    quick = now + stop_time(limits, busy=False)
    if view.ending and not view.busy:
        return Stop(Why.NOTICE, "the machine is going to be taken away", min(quick, view.ending.kill_at))
    if view.ending and now >= view.ending.stop_at:
        return Stop(Why.NOTICE, "the job did not end before the machine is taken away", view.ending.kill_at)
    if view.rebalance and view.untouched and view.at(Heard.ASSIGNED) is None:
        return Stop(Why.REBALANCE, "the cloud recommends to leave this machine", quick)
    return None


def _overdue(view: View, limits: Limits, now: float) -> Stop | None:
    why, deadline = _limit(view, limits)
    if now < deadline:
        return None
    return Stop(why, _REASONS[why], now + stop_time(limits, busy=view.busy))


_REASONS = {
    Why.REGISTRATION: "the runner did not come to listen",
    Why.IDLE: "no job came",
    Why.ASSIGNED: "a job was assigned and never ran",
    Why.JOB_LIMIT: "the job ran into its time limit",
    Why.LINGERING: "the runner did not end after its job",
}


_STAGES = (Heard.COMPLETED, Heard.RUNNING, Heard.ASSIGNED, Heard.LISTENING)


def _limit(view: View, limits: Limits) -> tuple[Why, float]:
    """The deadline that counts where the runner is now."""
    completed, running, assigned, listening = (view.at(heard) for heard in _STAGES)
    if completed is not None:
        return Why.LINGERING, completed + limits.stop_s
    if running is not None:
        return Why.JOB_LIMIT, running + limits.job_s
    if assigned is not None:
        return Why.ASSIGNED, assigned + limits.assigned_s
    if listening is not None:
        return Why.IDLE, listening + limits.idle_s
    return Why.REGISTRATION, view.spawned_at + REGISTRATION_S
