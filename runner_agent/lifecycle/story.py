"""Tells a machine's life: phases, log lines, spans and the few reports."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path

from runner_agent import __version__
from runner_agent.aws import Signer
from runner_agent.cloud import Identity
from runner_agent.contract.bundle import Bundle, Targets
from runner_agent.contract.record import Record, field
from runner_agent.contract.reports import Peaks, Report, ReportKind, Result, Source
from runner_agent.contract.trace import TraceContext
from runner_agent.listener.outcome import Outcome
from runner_agent.logs import Redactor, Tell
from runner_agent.telemetry.reports import Courier, Post, to_queue
from runner_agent.telemetry.spans import Spans, export
from runner_agent.web import Unreachable

LONGEST_LINE = 500
ONE_RUNNER = ("listener", "connected", "listening", "assigned", "started", "finished")
"""Phases that begin anew with each runner of the same machine."""

# Spans, each between two phases; what did not happen has no span.
_OPENING = (
    ("boot", "launched", "agent"),
    ("boot.firmware", "launched", "kernel"),
    ("boot.kernel", "kernel", "userspace"),
    ("boot.userspace", "userspace", "agent"),
    ("agent", "agent", "claiming"),
)
_CHAPTERS = (
    ("claim", "claiming", "claimed"),
    ("download", "claimed", "downloaded"),
    ("listener", "downloaded", "listener"),
    ("session", "listener", "listening"),
    ("assignment", "listening", "started"),
)
# The same between two of the runner's own counters.
_COUNTED = (
    ("session.create", "RunnerProcessStarted", "SessionCreated"),
    ("session.message", "SessionCreated", "StartingWorkerProcess"),
    ("worker", "StartingWorkerProcess", "WorkerJobInitialized"),
    ("worker.start", "WorkerProcessStarted", "WorkerJobMessageReceived"),
    ("worker.output", "WorkerJobInitialized", "WorkerJobServerQueueAppendFirstConsoleOutput"),
)


class Story(Record, frozen=False):
    """What is told about this machine; it has nowhere to tell it before the first answer to its claim."""

    identity: Identity
    spool: Path
    redactor: Redactor
    tell: Tell
    post: Callable[[Signer, str], Post] = to_queue
    phases: dict[str, float] = field(default_factory=dict)
    interruption: str = ""
    runner_source: Source | None = None
    spans: Spans = field(default_factory=Spans)
    job: TraceContext | None = None
    job_name: str = ""
    _bundle: Bundle | None = None
    _courier: Courier | None = None
    _sequence: int = 0
    _opened: bool = False
    _counters: dict[str, float] = field(default_factory=dict)
    _last_lines: tuple[str, ...] = ()
    _peaks: Peaks | None = None

    def reach(self, phase: str, at: float | None = None) -> None:
        """Note when a phase was reached."""
        self.phases[phase] = time.time() if at is None else at

    def between(self, outcome: Outcome) -> None:
        """A runner came to nothing and the machine has another one: tell of the former, where it is news."""
        if outcome.result in {Result.REGISTRATION_FAILED, Result.GHOST}:
            self.report(ReportKind.REGISTRATION_FAILED, outcome)

    def idle(self, targets: Targets, signer: Signer) -> None:
        """There is no work yet: the machine's boot is then no part of any job's story."""
        self._opened = True
        self.reach("claiming")
        self._send_to(targets, signer)

    def begin(self, bundle: Bundle, signer: Signer) -> None:
        """Start the chapter of one runner, in the trace of its job."""
        for phase in ONE_RUNNER:
            self.phases.pop(phase, None)
        self._counters = {}
        self._bundle = bundle
        self.spans.join(bundle.traceparent)
        self.job = self.spans.ahead()
        self._send_to(bundle.targets, signer)

    def _send_to(self, targets: Targets, signer: Signer) -> None:
        if targets.reports_queue_url and self._courier is None:
            self._courier = Courier(self.post(signer, targets.reports_queue_url), self.spool, self.tell)

    def report(self, kind: ReportKind, outcome: Outcome | None = None) -> None:
        """Send one report."""
        if self._courier is None:
            return
        self._sequence += 1
        failed = outcome is not None and outcome.result is not Result.SUCCESS
        report = Report(
            kind=kind,
            instance_id=self.identity.instance_id,
            sequence=self._sequence,
            at=time.time(),
            runner_name=self._bundle.runner_name if self._bundle else "",
            traceparent=str(self.job or ""),
            phases=dict(self.phases),
            job_name=self.job_name,
            result=outcome.result if outcome else None,
            exit_code=outcome.exit_code if outcome else None,
            reason=outcome.reason if outcome else "",
            interruption=self.interruption,
            peaks=self._peaks if outcome else None,
            last_lines=self._last_lines if failed else (),
            runner_source=self.runner_source,
        )
        self._courier.send(self.redactor.record(report))

    def keep(self, lines: tuple[str, ...], peaks: Peaks | None) -> None:
        """The listener's last lines, for a report of something that went wrong, and what its job used."""
        self._last_lines = tuple(line[:LONGEST_LINE] for line in lines)
        self._peaks = peaks

    def counted(self, counters: Mapping[str, float]) -> None:
        """The moments that the runner noted itself."""
        self._counters = dict(counters)

    def end_runner(self, outcome: Outcome) -> None:
        """Close the chapter of one runner: its phases become spans."""
        for name, start, end in _CHAPTERS if self._opened else (*_OPENING, *_CHAPTERS):
            begun, over = self.phases.get(start), self.phases.get(end)
            if begun is not None and over is not None:
                self.spans.add(name, begun, over)
        # A machine whose clock was stepped meanwhile, or whose job wrote nonsense, has no such spans.
        for name, start, end in _COUNTED:
            begun, over = self._counters.get(start), self._counters.get(end)
            if begun is not None and over is not None and begun <= over:
                self.spans.add(name, begun, over)
        started = self.phases.get("started")
        if started is not None:
            attributes = {"job.name": self.redactor.text(self.job_name), "job.result": str(outcome.result)}
            over = self.phases.get("finished", time.time())
            self.spans.add("job", started, over, context=self.job, attributes=attributes)
        self._opened = True

    def end(self, seconds: float) -> None:
        """Get everything out within a time; what is left stays on this disk."""
        until = time.monotonic() + seconds
        if self._bundle:
            self._export(self._bundle, until)
        if self._courier and not self._courier.flush(max(0.1, until - time.monotonic())):
            self.tell("reports_lost")

    def _export(self, bundle: Bundle, until: float) -> None:
        endpoint = bundle.targets.otlp_endpoint
        if not endpoint:
            return
        if "finished" in self.phases:
            self.spans.add("shutdown", self.phases["finished"], time.time())
        resource = {
            "service.name": "spotrunner-agent",
            "service.version": __version__,
            "host.id": bundle.instance_id,
            "host.type": self.identity.instance_type,
            "cloud.availability_zone": self.identity.zone,
            "spotrunner.runner": bundle.runner_name,
        }
        try:
            export(self.spans.document(resource), endpoint, max(0.1, (until - time.monotonic()) / 2))
        except Unreachable as lost:
            self.tell("spans_lost", error=lost)
