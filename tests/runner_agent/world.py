"""A machine for one life: the real agent with its real parts, an observed power switch, and the stage around it."""

from __future__ import annotations

import io
import json
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from runner_agent import vitals
from runner_agent.aws import Imds
from runner_agent.contract.bundle import Bundle
from runner_agent.contract.record import replace
from runner_agent.contract.reports import Report, ReportKind
from runner_agent.lifecycle.inbox import Inbox
from runner_agent.lifecycle.life import live
from runner_agent.lifecycle.machine import Machine, Pace
from runner_agent.logs import Log, Redactor
from runner_agent.posix import PosixTree
from runner_agent.vitals import Vitals
from tests.runner_agent import runners
from tests.runner_agent.stage import PATIENCE_S, Stage, until

CONNECT = [
    {"say": "√ Connected to GitHub"},
    {"say": "Current runner version: '2.336.0'"},
    {"say": "2026-11-20 10:00:01Z: Listening for Jobs"},
]
TAKE = [*CONNECT, {"say": "[RUNNER 2026-11-20 10:00:02Z INFO BrokerMessageListener] Acknowledging runner request '1'."}]
RUN = [*TAKE, {"say": "2026-11-20 10:00:03Z: Running job: build (linux, 3.12)"}]


def done(result: str = "Succeeded", code: int = 100) -> list[dict[str, Any]]:
    """The end of a job."""
    return [{"say": f"2026-11-20 10:00:09Z: Job build (linux, 3.12) completed with result: {result}"}, {"exit": code}]


QUICK_PACE = Pace(race_s=0.05, relaunch_s=0.05, update_s=5.0, boot_s=10.0, gauge_s=0.05)


@dataclass
class Switch:
    """A power switch that notes that it was used."""

    used: int = 0

    def off(self) -> None:
        self.used += 1


@dataclass
class World:
    """One machine on a stage."""

    stage: Stage
    home: Path
    switch: Switch = field(default_factory=Switch)
    log: io.StringIO = field(default_factory=io.StringIO)
    inbox: Inbox = field(default_factory=lambda: Inbox(lambda: None))
    pace: Pace = QUICK_PACE
    look: Callable[[Path], Vitals] = lambda folder: replace(vitals.on_linux(folder), memory_stalled=None)
    ballast: int = 64 * 1024 * 1024
    stepped: list[int] = field(default_factory=list)
    """Once for each time the clock was set."""
    _thread: threading.Thread | None = None

    def machine(self) -> Machine:
        redactor = Redactor()
        tell = Log(redactor, self.log)
        return Machine(
            metadata=Imds(self.stage.url, timeout=2.0, learn=redactor.learn),
            tree=PosixTree(),
            power=self.switch,
            inbox=self.inbox,
            redactor=redactor,
            tell=tell,
            home=self.home,
            environment=dict(os.environ),
            aws_endpoint=self.stage.url,
            pace=self.pace,
            look=self.look,
            ballast=self.ballast,
            step_clock=lambda _tell: self.stepped.append(1),
            listen=tell.also.append,
        )

    def bake(self, *parts: runners.Part) -> Path:
        """Put a runner into the image."""
        return runners.install(self.home, *parts)

    def grant(self, *bundles: Bundle) -> None:
        """Answer the next claims with these, or with one plain bundle."""
        self.stage.grant(*(bundles or (self.bundle(),)))

    def bundle(self, **changes: Any) -> Bundle:  # noqa: ANN401 - any field of it
        return self.stage.bundle(changes.pop("jit_config", runners.jit_config()), **changes)

    def limits(self, **changes: float) -> Bundle:
        """A bundle with other limits."""
        plain = self.bundle()
        return replace(plain, limits=replace(plain.limits, **changes))

    def start(self, **changes: Any) -> None:  # noqa: ANN401 - any field of it
        """Begin the life beside the test."""
        machine = replace(self.machine(), **changes)
        self._thread = threading.Thread(target=lambda: live(machine), daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Wait for the power-off."""
        assert self._thread is not None
        self._thread.join(PATIENCE_S)
        assert not self._thread.is_alive(), f"still alive:\n{self.log.getvalue()[-3000:]}"
        assert self.switch.used == 1

    def live(self, **changes: Any) -> None:  # noqa: ANN401 - any field of it
        """The whole life."""
        self.start(**changes)
        self.end()

    def running(self) -> None:
        """Wait until the job's start has been reported."""
        until(lambda: ReportKind.STARTED in self.kinds, "the report of the start")

    def told(self, event: str) -> list[dict[str, Any]]:
        lines = [json.loads(line) for line in self.log.getvalue().splitlines()]
        return [line for line in lines if line["event"] == event]

    @property
    def states(self) -> list[str]:
        return [line["state"] for line in self.told("state")]

    @property
    def kinds(self) -> list[ReportKind]:
        return [report.kind for report in self.stage.reports]

    @property
    def last(self) -> Report:
        return self.stage.reports[-1]
