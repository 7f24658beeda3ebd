"""A small world that a test moves by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from controller.local.scenario.director import Director
from controller.local.scenario.outside import DeliverySeen, RunnerSeen, Victims
from controller.local.scenario.parse import parse_scenario
from controller.local.scenario.plan import Step
from controller.local.truth import JobSeen, MachineSeen

BEGAN = 1000.0


@dataclass
class World:
    """What is to be seen; `now` moves only when it is told to."""

    now: float = BEGAN
    by_id: dict[int, JobSeen] = field(default_factory=dict)
    by_name: dict[str, MachineSeen] = field(default_factory=dict)
    registered: list[RunnerSeen] = field(default_factory=list)
    sent: list[DeliverySeen] = field(default_factory=list)
    done: list[tuple[str, str, str]] = field(default_factory=list)
    """Each fault that was played, with the job and the machine it befell."""

    def jobs(self) -> Sequence[JobSeen]:
        return list(self.by_id.values())

    def machines(self) -> Mapping[str, MachineSeen]:
        return dict(self.by_name)

    def runners(self) -> Sequence[RunnerSeen]:
        return self.registered

    def deliveries(self) -> Sequence[DeliverySeen]:
        return self.sent

    def play(self, step: Step, victims: Victims) -> Sequence[str]:
        self.done.append((step.fault, victims.job.name if victims.job else "", victims.machine))
        return (
            [victims.machine]
            if victims.machine and step.fault in {"interrupt", "kill", "kill_agent", "freeze", "rebalance"}
            else []
        )

    def clock(self) -> float:
        return self.now

    def queue(self, number: int, name: str, labels: str = "spotrunner/linux-2cpu", attempt: int = 1) -> None:
        self.by_id[number] = JobSeen(
            number, name, (labels,), "queued", "", self.now, workflow="CI", run_id=7, attempt=attempt
        )

    def launch(self, name: str, config: str = "linux-2cpu", **facts: object) -> None:
        made = MachineSeen(
            name, "c7i.large", "us-east-1a", "spot", running=True, launched_at=self.now, config=config, booted=False
        )
        self.by_name[name] = replace(made, **facts)  # type: ignore[arg-type]

    def start(self, number: int, machine: str) -> None:
        self.by_id[number] = replace(
            self.by_id[number], status="in_progress", started_at=self.now, runner=f"spotrunner-{machine}-1"
        )

    def end(self, number: int, conclusion: str = "success", broken: str = "") -> None:
        self.by_id[number] = replace(
            self.by_id[number], status="completed", conclusion=conclusion, completed_at=self.now, broken=broken
        )

    def power_off(self, name: str) -> None:
        self.by_name[name] = replace(self.by_name[name], running=False, ended_at=self.now)

    def deliver(self, number: int, action: str, status: int = 202, guid: str = "", *, forged: bool = False) -> None:
        self.sent.append(DeliverySeen(number, action, status, self.now, guid or f"{number} {action}", forged=forged))

    def after(self, seconds: float, director: Director) -> None:
        """Let time pass, and the director look."""
        self.now += seconds
        director.look()


def directed(steps: str) -> tuple[World, Director]:
    """A world with a director who has begun."""
    world = World()
    director = Director(parse_scenario(f"steps:\n{steps}", "test.yml"), world, world.clock)
    director.begin()
    return world, director
