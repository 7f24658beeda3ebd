"""How one local cloud differs from the real one, and what is deployed into it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from controller import wiring
from controller.local.aws.buckets import Limits
from controller.local.aws.gate import Judge
from controller.local.aws.instance import Latencies
from controller.local.aws.machines import Machines, Room
from controller.local.aws.provision import GitHubApp, OwnRole

_ROOT = Path(__file__).parents[3]


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What may be chosen; without a choice it is the stack as `wiring` has it, at the pace of real time."""

    stack: str = "demo-local"
    region: str = "us-east-1"
    speed: float = 1.0
    """How much faster schedules and batching windows run."""
    latencies: Latencies = field(default_factory=Latencies)
    settings: Mapping[str, Any] = field(default_factory=dict)
    """Settings to replace, by name."""
    agent_command: Sequence[str] = (sys.executable, "-m", "runner_agent", "run")
    agent_environment: Mapping[str, str] = field(default_factory=dict)
    room: Callable[[Callable[[str], None]], Room] = Machines
    """What machines are made of."""
    concurrency: Mapping[str, int] = field(default_factory=lambda: {"claim": 2})
    """How many processes a function may have; one, where it is not named."""
    limits: Limits = field(default_factory=Limits)
    """How much the account may ask of EC2 in a second."""
    judge: Judge | None = None
    """Who judges calls; without one it is IAM, by the roles that the functions' and the machines' grants make."""
    functions: Sequence[wiring.Function] = wiring.FUNCTIONS
    schedules: Sequence[wiring.Schedule] = wiring.SCHEDULES
    queues: Sequence[wiring.Queue] = wiring.QUEUES
    rules: Sequence[wiring.Rule] = wiring.RULES
    """Which events go to which queue."""
    further: Mapping[str, GitHubApp] = field(default_factory=dict)
    """Further GitHub servers, by the names that the stack gives them."""
    own_roles: Mapping[str, OwnRole] = field(default_factory=dict)
    """Configurations whose machines have a role of their own."""
    handlers: str = ""
    """The module of the handlers, where they are not the ones that `wiring` names."""
    task_root: Path = _ROOT
    """The folder that functions import from."""
