"""A machine as an actor: it boots, claims, serves and ends as the agent does, and dies when the cloud says so."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from controller.errors import AlreadyDone, Rejected, Unavailable
from runner_agent.contract.bundle import REGISTERED_AFTER_S, Bundle, Claim, Wait
from runner_agent.contract.reports import Report, ReportKind, Result
from tests.reliability.calls import PowerCut
from tests.reliability.hub import Connected, Hub, HubJob
from tests.reliability.timeline import Timeline

BOOT_S = 30.0
SET_UP_S = 10.0
OFF_S = 2.0
"""From the last word to the power being off."""
CLAIM_DEADLINE_S = 180.0
SLOWEST_PAUSE_S = 10.0
IDLE_S = 90.0
NOTICE_S = 120.0
MARGIN_S = 45.0
FLUSH_S = 10.0
REARMS = 2


class Boot(StrEnum):
    """How a machine comes up."""

    WELL = "well"
    SILENT = "silent"
    """Never an agent, though it runs for the cloud."""
    FAILS = "fails"
    """Ends while it boots."""
    LATE = "late"
    """A few seconds later than others."""
    SLOW = "slow"
    """So late that nobody waits for it any more."""


class Phase(StrEnum):
    """Where a machine's life stands."""

    BOOTING = "booting"
    CLAIMING = "claiming"
    SETTING_UP = "setting up"
    IDLE = "idle"
    BUSY = "busy"
    ENDING = "ending"
    OFF = "off"


class Surroundings(Protocol):
    """What a machine reaches from where it is."""

    timeline: Timeline
    hub: Hub

    def claim_for(self, instance_id: str, claim: Claim) -> Bundle | Wait:
        """POST /claim."""

    def report_from(self, report: Report) -> None:
        """Put a report on the reports queue."""

    def power_off(self, instance_id: str) -> None:
        """The machine is off."""


@dataclass(slots=True, eq=False)
class Machine:
    """One machine's life. `useful`: it may still get to run a job."""

    name: str
    launch_id: str
    world: Surroundings
    boot: Boot = Boot.WELL
    phase: Phase = Phase.BOOTING
    born: float = 0.0
    died: float | None = None
    noticed: str = ""
    frozen: bool = False
    waits: bool = False
    """It was told that there is no work for it yet."""
    ran: list[HubJob] = field(default_factory=list)
    _wait_until: float = 0.0
    _bundle: Bundle | None = None
    _claims: int = 0
    _sequence: int = 0
    _reported_start: bool = False

    def start(self) -> None:
        """The cloud has just launched it."""
        self.born = self.world.timeline.now
        match self.boot:
            case Boot.WELL:
                self._later(BOOT_S, self._claim)
            case Boot.LATE:
                self._later(BOOT_S + 5.0, self._claim)
            case Boot.SLOW:
                self._later(BOOT_S + 330.0, self._claim)
            case Boot.FAILS:
                self._later(BOOT_S, self._off)
            case Boot.SILENT:
                pass

    @property
    def useful(self) -> bool:
        """Whether it still stands for somebody's job."""
        return self.phase not in {Phase.ENDING, Phase.OFF} and not self.noticed

    @property
    def was_spare(self) -> bool:
        """Whether it ever waited for a first job."""
        return self._wait_until > 0

    @property
    def runner_name(self) -> str:
        """The runner it is at GitHub."""
        return self._bundle.runner_name if self._bundle else ""

    @property
    def intended(self) -> str:
        """The job attempt it has claimed for."""
        return f"{self._bundle.job.job_id}#{self._bundle.job.attempt}" if self._bundle else ""

    @property
    def strayed(self) -> bool:
        """Whether it runs, or ran, another job than it was meant for."""
        return bool(self.ran) and str(self.ran[-1].key) != self.intended

    def kill(self) -> None:
        """The cloud takes it away at once."""
        if self.phase is not Phase.OFF:
            self.phase, self.died = Phase.OFF, self.world.timeline.now
            if self._bundle:
                self.world.hub.disconnect(self.runner_name)

    def freeze(self) -> None:
        """It hangs: on for the cloud, and nothing moves any more."""
        self.frozen = True
        if self._bundle:
            self.world.hub.disconnect(self.runner_name)

    def notice(self, action: str = "terminate") -> None:
        """Its own metadata says that it is taken away."""
        if self.phase in {Phase.ENDING, Phase.OFF}:
            return
        self.noticed = action
        self._alive(self._obey)

    def _obey(self) -> None:
        if self.phase is Phase.BUSY:
            self._report(ReportKind.INTERRUPTION, interruption=self.noticed)
            self._later(NOTICE_S - MARGIN_S, self._stop_in_time)
        elif self._bundle or self.waits:
            self._end(Result.INTERRUPTED, "about to be taken away")
        else:
            self._off()

    def _stop_in_time(self) -> None:
        if self.phase is Phase.BUSY:
            self.world.hub.complete(self.ran[-1], "failure")

    def _later(self, seconds: float, deed: Callable[[], None]) -> None:
        phase = self.phase

        def do() -> None:
            if self.phase is phase and not self.frozen:
                self._alive(deed)

        self.world.timeline.after(seconds, do)

    def _alive(self, deed: Callable[[], None]) -> None:
        """Should the agent itself be lost, its unit powers the machine off."""
        try:
            deed()
        except PowerCut:
            self._off()

    def _claim(self, ended: str = "", deadline: float = 0.0, tries: int = 0) -> None:
        self.phase = Phase.CLAIMING
        now = self.world.timeline.now
        deadline = deadline or now + CLAIM_DEADLINE_S
        nonce = f"{self.name}/{self._claims}"
        try:
            bundle = self.world.claim_for(self.name, Claim("1", self.launch_id, ended_runner=ended, nonce=nonce))
        except (Unavailable, PowerCut) as later:
            asked = getattr(later, "retry_after_s", None) or 0.0
            pause = max(min(SLOWEST_PAUSE_S, 0.25 * 2 ** (tries + 1)), asked)
            if now + pause > deadline and self.waits and self.phase is Phase.CLAIMING:
                self._end(Result.NO_JOB, "the controller has fallen silent")
            elif now + pause > deadline:
                self._refused()
            elif self.phase is Phase.CLAIMING:
                self._later(pause, lambda: self._claim(ended, deadline, tries + 1))
        except (AlreadyDone, Rejected):
            self._refused()
        else:
            # Much may have happened to it while it waited for the answer.
            if self.phase is not Phase.CLAIMING or self.frozen:
                return
            if isinstance(bundle, Wait):
                self.waits = True
                end = self._wait_until or now + bundle.most_s + CLAIM_DEADLINE_S
                self._wait_until = end
                self._later(bundle.again_s, lambda: self._claim(deadline=min(end, now + CLAIM_DEADLINE_S)))
                return
            self.waits = False
            self._claims += 1
            self._bundle = bundle
            self.phase = Phase.SETTING_UP
            self._later(SET_UP_S, self._connect)

    def _refused(self) -> None:
        if self.phase is not Phase.CLAIMING or self.frozen:
            return
        if self._bundle:
            self._end(Result.NO_JOB, "no other registration")
        else:
            self._off()

    def _connect(self) -> None:
        assert self._bundle
        self.phase = Phase.IDLE
        self._later(IDLE_S, lambda: self._end(Result.NO_JOB, "no job came"))
        self._later(REGISTERED_AFTER_S, lambda: self._report(ReportKind.REGISTERED))
        if not self.world.hub.connect(Connected(self._bundle, self._started, self._ended)):
            self.rearm()

    def rearm(self) -> None:
        """Its registration is gone before a job came: ask for another one, twice at most."""
        if self.phase is Phase.IDLE:
            self._alive(self._again)

    def _again(self) -> None:
        if self._claims > REARMS:
            self._end(Result.NO_JOB, "the runner was removed")
        else:
            self._claim(self.runner_name)

    def _started(self, job: HubJob) -> None:
        self.phase = Phase.BUSY
        self.ran.append(job)
        self._later(0.5, lambda: self._report(ReportKind.STARTED))
        self._later(job.seconds, lambda: self.world.hub.complete(job, "success"))

    def _ended(self, conclusion: str) -> None:
        if self.frozen or self.phase is not Phase.BUSY:
            return
        if self.noticed and conclusion == "failure":
            self._alive(lambda: self._end(Result.INTERRUPTED, "taken away"))
            return
        results = {"success": Result.SUCCESS, "cancelled": Result.CANCELLED}
        self._alive(lambda: self._end(results.get(conclusion, Result.FAILED), conclusion))

    def _end(self, result: Result, reason: str) -> None:
        if result in {Result.NO_JOB, Result.INTERRUPTED}:
            self.world.hub.disconnect(self.runner_name)
        self.phase = Phase.ENDING
        self._report(ReportKind.FINISHED, result=result, reason=reason, interruption=self.noticed)

    def _off(self) -> None:
        self.kill()
        self.world.power_off(self.name)

    def _report(self, kind: ReportKind, **changes: object) -> None:
        now = self.world.timeline.now
        self._sequence += 1
        phases = {"started": self.ran[-1].started_at or now} if self.ran else {}
        known = {"phases": phases, **changes}
        report = Report(kind, self.name, self._sequence, now, self.runner_name, **known)  # type: ignore[arg-type]  # fields of Report
        self._send(report, now + FLUSH_S)

    def _send(self, report: Report, until: float) -> None:
        """Sent again until it is taken, for as long as the agent has for that; the power goes after the last one."""
        try:
            self.world.report_from(report)
        except Unavailable:
            if self.world.timeline.now + 1.0 <= until:
                self._later(1.0, lambda: self._send(report, until))
                return
        except Rejected:
            pass
        if report.kind is ReportKind.FINISHED and self.phase is Phase.ENDING:
            self._later(OFF_S, self._off)
