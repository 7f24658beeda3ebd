"""Deadline arithmetic: when a runner must be asked to stop, when it is killed, when the machine is off."""

from __future__ import annotations

from runner_agent.contract.bundle import Limits
from runner_agent.contract.record import Record

KILL_SHARE = 20 / 45
"""How much of the margin before a termination is left when the tree is killed: T-20 s of T-45 s."""
OFF_SHARE = 8 / 45
"""The same for the power-off: T-8 s of T-45 s."""
IDLE_STOP_S = 10.0
"""A listener without a job has nothing to finish."""
REGISTRATION_S = 120.0
"""From the start of the listener until it listens; network trouble and clock skew are retried inside it."""
SILENCE_S = 100.0
"""A busy listener renews its job every 60 s and says so."""
SHUTDOWN_S = 30.0
"""What is left when the operating system says that it shuts down."""


class Ending(Record):
    """The last minutes of a machine that is going to be taken away."""

    stop_at: float
    """Ask a busy runner to stop; an idle one is stopped at once."""
    kill_at: float
    off_at: float
    """Be powered off: what has not been told by then stays untold."""


def ending(taken_at: float, limits: Limits, now: float) -> Ending:
    """The deadlines before a machine is taken away; a late notice shortens the job's time, not the good order."""
    margin = limits.notice_margin_s
    stop_at = max(now, taken_at - margin)
    off_at = max(now, taken_at - margin * OFF_SHARE)
    kill_at = taken_at - margin * KILL_SHARE
    # With less than the whole margin left, the job gets all the time there is before the power-off.
    if taken_at - now < margin:
        kill_at = off_at
    return Ending(stop_at, max(now, kill_at), off_at)


def stop_time(limits: Limits, *, busy: bool) -> float:
    """How long a runner may take to stop after it was asked to."""
    return limits.stop_s if busy else min(limits.stop_s, IDLE_STOP_S)
