"""Everything around the agent: what it lives on, and how long it waits for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from runner_agent import clock, vitals
from runner_agent.cloud import Metadata, Power, ProcessTree
from runner_agent.contract.record import Record, field
from runner_agent.docker import Docker
from runner_agent.lifecycle.inbox import Inbox
from runner_agent.logs import Redactor, Tell
from runner_agent.vitals import Vitals


class Pace(Record):
    """How long the agent waits where no limit of the bundle says so."""

    race_s: float = 3.0
    relaunch_s: float = 5.0
    update_s: float = 60.0
    boot_s: float = 60.0
    docker_s: float = 20.0
    gauge_s: float = 2.0


class Machine(Record):
    """Everything around the agent."""

    metadata: Metadata
    tree: ProcessTree
    power: Power
    inbox: Inbox
    redactor: Redactor
    tell: Tell
    home: Path
    environment: Mapping[str, str] = field(repr=False)
    """The agent's own; the runner sees an extract of it."""
    aws_endpoint: str = ""
    born: Mapping[str, float] = field(default_factory=dict)
    """When the kernel and the agent started."""
    pace: Pace = Pace()
    look: Callable[[Path], Vitals] = vitals.on_linux
    step_clock: Callable[[Tell], None] = clock.step
    docker: Docker | None = None
    """Where jobs may want it, and it may still be starting."""
    ballast: int = 0
    """Bytes of the disk held back; none where the disk is not this machine's own."""
    listen: Callable[[Callable[[str], None]], None] = lambda _keep: None
    """Hand every further line of the log to somebody else as well."""

    @property
    def vitals(self) -> Callable[[], Vitals]:
        """A look at this machine, with the disk that jobs work on."""
        return partial(self.look, self.home)

    @property
    def interruption_file(self) -> Path:
        """What a job can watch for the announced end of its machine."""
        return self.home / "work" / "interruption.json"
