"""A burst of equal jobs on the local cloud, and what it cost in calls, as the outside counted them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from controller.local.aws.machines import Machines, Room
from controller.local.github.config import Config, FurtherApp, Installation
from controller.local.github.exchange import Patience
from controller.local.light.room import LightMachines
from controller.local.stage import BOOT, QUICK, Stage, wait_until_settled
from controller.local.truth import CallSeen, Summary, judge

PATIENT = {
    **QUICK,
    "claim_deadline_s": 180.0,
    "provisioning_deadline_s": 300.0,
    "idle_limit_s": 120.0,
    "launch_replay_s": 90.0,
    "lease_grace_s": 60.0,
}
"""A hundred machines on two cores are slower than EC2: nobody may be given up for it."""

APART = frozenset({"ReceiveMessage", "AssumeRole", "CreateLogStream", "PutLogEvents"})
"""Polls, whose number depends on how long the queues are empty, and what it takes to ship a machine's log."""

BOOT_SPREAD_S = 0.6
"""For each job: machines of one launch do not come up in the same instant."""
MOST_REAL = 100
"""More machines of real processes are too many for one computer."""
LIGHT_SPREAD_S = 0.15
JOBS_AN_APP = 150
"""An App registers 180 runners a minute at most, so a bigger burst wants several, as it does at the real GitHub."""
_MATRIX = 256


@dataclass(frozen=True, slots=True)
class Cost:
    """Calls for each job. `aws` and `github` map `caller service action` to the count for each job."""

    jobs: int
    summary: Summary
    aws: dict[str, float]
    polls: dict[str, float]
    github: dict[str, float]

    @property
    def aws_total(self) -> float:
        """All AWS calls of the doors and the machines for one job, without what `APART` names."""
        return sum(self.aws.values())

    @property
    def ec2_total(self) -> float:
        """Calls to EC2 for one job."""
        return sum(count for name, count in self.aws.items() if " ec2 " in name)

    @property
    def github_total(self) -> float:
        """Calls to GitHub's REST API for one job."""
        return sum(self.github.values())


def run(count: int, run_dir: Path, timeout_s: float, *, seen: Callable[[Stage], None] = lambda _: None) -> Cost:
    """Run `count` equal jobs at the pace of real time; `seen` may look at the stage when all has ended.

    One process serves all claims: each keeps an installation token of its own, one an hour.
    """
    run_dir.parent.mkdir(parents=True, exist_ok=True)
    with burst_stage(count, run_dir) as stage:
        for number, size in enumerate(_runs(count)):
            workflow = run_dir.with_name(f"{run_dir.name}-{number}.yml")
            workflow.write_text(_WORKFLOW.format(numbers=list(range(size))))
            stage.github.submit(workflow)
        wait_until_settled(stage, timeout_s)
        seen(stage)
        calls = stage.calls()
        summary = judge(stage.jobs(), list(stage.machines().values()), calls, stage.processes())
    return cost_of(count, summary, calls)


def burst_stage(count: int, run_dir: Path) -> Stage:
    """Real machines and agents as far as one computer carries them, light ones beyond.

    Without the schedules: sweeps cost by the minute, not by the job.
    """
    light = count > MOST_REAL
    boot = replace(BOOT, boot_spread_s=(LIGHT_SPREAD_S if light else BOOT_SPREAD_S) * count)
    github = Config(
        patience=Patience(long_poll_s=5.0) if light else Patience(),
        further_apps=further_apps(count // JOBS_AN_APP, Config().repositories),
    )
    room: Callable[[Callable[[str], None]], Room] = LightMachines if light else Machines
    return Stage(run_dir, PATIENT, boot, 1.0, {"claim": 1}, schedules=(), room=room, of_github=github)


def further_apps(count: int, repositories: Sequence[str]) -> tuple[FurtherApp, ...]:
    """So many Apps on the same repositories as the first."""
    organisation = Config().organisation
    return tuple(FurtherApp(n, (Installation(organisation, tuple(repositories), n),)) for n in range(1, count + 1))


def _runs(count: int) -> list[int]:
    """GitHub makes at most 256 jobs of one matrix."""
    return [min(_MATRIX, count - start) for start in range(0, count, _MATRIX)]


def cost_of(count: int, summary: Summary, calls: Sequence[CallSeen]) -> Cost:
    """What so many jobs cost."""
    return Cost(
        jobs=count,
        summary=summary,
        aws=_each(count, (call for call in calls if _is_ours(call) and call.action not in APART)),
        polls=_each(count, (call for call in calls if _is_ours(call) and call.action in APART)),
        github=_each(count, (call for call in calls if call.service == "github")),
    )


def _is_ours(call: CallSeen) -> bool:
    return call.service != "github" and call.caller in {"door", "machine"}


def _each(count: int, calls: Iterable[CallSeen]) -> dict[str, float]:
    counted = Counter(f"{call.caller} {call.service} {call.action}" for call in calls)
    return {name: number / count for name, number in sorted(counted.items())}


_WORKFLOW = """\
name: Burst
on: push
jobs:
  one:
    runs-on: spotrunner/linux-2cpu
    strategy:
      matrix:
        number: {numbers}
    steps:
      - run: "true"
"""
