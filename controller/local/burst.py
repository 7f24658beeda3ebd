"""A burst of equal jobs on the local cloud, and what it cost in calls, as the outside counted them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

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


def run(count: int, run_dir: Path, timeout_s: float) -> Cost:
    """Run `count` equal jobs with real machines and agents, at the pace of real time.

    One process serves all claims: each keeps an installation token of its own, one an hour.
    """
    workflow = run_dir.with_suffix(".yml")
    workflow.parent.mkdir(parents=True, exist_ok=True)
    workflow.write_text(_WORKFLOW.format(numbers=list(range(count))))
    boot = replace(BOOT, boot_spread_s=BOOT_SPREAD_S * count)
    # Without the schedules: sweeps cost by the minute, not by the job.
    with Stage(run_dir, PATIENT, boot, speed=1.0, concurrency={"claim": 1}, schedules=()) as stage:
        stage.github.submit(workflow)
        wait_until_settled(stage, timeout_s)
        calls = stage.calls()
        summary = judge(stage.jobs(), list(stage.machines().values()), calls, stage.processes())
    return cost_of(count, summary, calls)


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
