"""Turns what happens to a runner into phases, states, log lines and reports, while it happens."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from runner_agent.ballast import Ballast
from runner_agent.cloud import Notice
from runner_agent.contract.bundle import REGISTERED_AFTER_S, Limits
from runner_agent.contract.record import Record, field
from runner_agent.contract.reports import ReportKind
from runner_agent.lifecycle.hooks import Hooks
from runner_agent.lifecycle.states import State
from runner_agent.lifecycle.story import Story
from runner_agent.listener.lines import Heard, Said
from runner_agent.logs import Tell
from runner_agent.strain import strains
from runner_agent.telemetry.peaks import Meter
from runner_agent.vitals import Vitals
from runner_agent.watch import Stop, View, Why

_PHASES = {
    Heard.CONNECTED: "connected",
    Heard.LISTENING: "listening",
    Heard.ASSIGNED: "assigned",
    Heard.RUNNING: "started",
    Heard.COMPLETED: "finished",
}
_FOREVER = float("inf")


class Aids(Record):
    """What a witness makes use of besides the story."""

    meter: Meter
    hooks: Hooks
    ballast: Ballast
    ship: Callable[[Sequence[str]], None] = lambda _lines: None
    """Send lines of the runner's off; never waits."""


class Telling(Record, frozen=False):
    """Tells the story of one started runner."""

    story: Story
    aids: Aids
    limits: Limits
    tell: Tell
    to: Callable[..., None]
    registered: bool = False
    heartbeats: int = 0
    stopped: bool = False
    noticed: bool = False
    strained: dict[str, int] = field(default_factory=dict)

    def heard(self, said: Said) -> None:
        """Note the phase; a job that starts is reported at once."""
        if said.what in _PHASES:
            self.story.reach(_PHASES[said.what])
        if said.what is not Heard.RUNNING:
            self.tell("listener", said=said.what, detail=said.detail)
            return
        self.story.job_name = said.detail
        self.aids.meter.begin()
        if not self.stopped:
            self.to(State.RUNNING, job=said.detail)
        self.story.report(ReportKind.STARTED)

    def taken_away(self, notice: Notice, stop_at: float) -> None:
        """Report it, and let the job's side know: there is time to save something."""
        self.announced(notice.action)
        if not self.noticed:
            self.noticed = True
            self.aids.hooks.run(notice, stop_at)

    def measured(self, seen: Vitals) -> str:
        """Count it, and say so once for each limit that is passed; the last one of the disk ends the job."""
        self.aids.meter.add(seen)
        found = strains(seen)
        for strain in found:
            if strain.level > self.strained.get(strain.what, 0):
                self.strained[strain.what] = strain.level
                self.tell("strained", what=strain.what, level=strain.level, detail=strain.detail)
        return next((strain.detail for strain in found if strain.ends), "")

    def lines(self, written: Sequence[str]) -> None:
        """Hand them on to whoever ships logs."""
        self.aids.ship(written)

    def announced(self, action: str) -> None:
        """Report each announcement once."""
        if self.story.interruption != action:
            self.story.interruption = action
            self.tell("interruption", action=action)
            self.story.report(ReportKind.INTERRUPTION)

    def stopping(self, stop: Stop) -> None:
        """Move through the state that says why; what the log will need is let go last, or the job takes that too."""
        self.stopped = True
        why = State.INTERRUPTED if stop.why in {Why.NOTICE, Why.REBALANCE} else State.LIMIT
        self.to(why, why=stop.why, reason=stop.reason)
        self.to(State.DRAINING)
        if stop.why is Why.FULL:
            self.aids.ballast.drop()

    def passing(self, view: View, now: float) -> float:
        """Report what lasts: listening without a job, a long job."""
        running, listening = view.at(Heard.RUNNING), view.at(Heard.LISTENING)
        if running is not None:
            return self._heartbeat(running, now) if view.busy else _FOREVER
        if listening is None or self.registered or view.at(Heard.ASSIGNED) is not None:
            return _FOREVER
        if now < listening + REGISTERED_AFTER_S:
            return listening + REGISTERED_AFTER_S
        self.registered = True
        self.story.report(ReportKind.REGISTERED)
        return _FOREVER

    def starved(self) -> None:
        """Say so in the log: only a human can do something about it."""
        self.tell("listener_silent", at=time.time())

    def _heartbeat(self, running: float, now: float) -> float:
        limits = self.limits
        due = running + limits.heartbeat_after_s + self.heartbeats * limits.heartbeat_every_s
        if now < due:
            return due
        self.heartbeats += 1
        self.story.report(ReportKind.HEARTBEAT)
        return due + limits.heartbeat_every_s
