"""`make flood`: a big burst of mixed jobs into a crowded region and a busy GitHub, on light machines.

Everything of ours is production code; only the machines are threads instead of processes. Jobs come, fleets answer,
machines boot and batches gather at the pace of real time; schedules and the refill of EC2's buckets run faster.
GitHub's limits are the published ones, so a burst of this size needs several Apps, as it would there.
"""

from __future__ import annotations

import json
import random
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from controller import wiring
from controller.local import burst
from controller.local.aws.buckets import Limits, Rate
from controller.local.aws.instance import Latencies
from controller.local.burst import JOBS_AN_APP, Cost, cost_of, further_apps
from controller.local.crunch import crunch
from controller.local.demo import RUN_DIR, ended_cleanly
from controller.local.github.config import Config
from controller.local.github.exchange import Patience
from controller.local.light.room import LightMachines
from controller.local.report.mishap import Mishap
from controller.local.scenario.director import Director
from controller.local.stage import Stage
from controller.local.truth import crowded, judge

SPEED = 10.0
PACE = Latencies(create_fleet_s=2.0, pending_s=5.0, boot_s=8.0, boot_spread_s=6.0)
"""The medians that were published or measured for a fleet's answer, a pending machine and a lean Linux."""
SCHEDULES = tuple(
    replace(each, every_s=round(each.every_s * SPEED)) if each.queue == wiring.JOBS else each
    for each in wiring.SCHEDULES
)
"""Sweeps come sooner; the line is looked at each minute as ever, because what that costs is counted."""
REPOSITORIES = ("shop", "site", "api", "infra")
SHAPES = (
    (0.35, "linux-2cpu"),
    (0.2, "linux-4cpu"),
    (0.15, "linux-arm"),
    (0.1, "linux-2cpu/family=m7i"),
    (0.1, "linux-2cpu/spot=false"),
    (0.05, "linux-4cpu/ram=16"),
    (0.05, "linux-2cpu/run=${{ github.run_id }}"),
)
"""Seven of ten jobs are of the three commonest shapes."""
SIZES = ((0.6, 1, 1), (0.3, 2, 16), (0.08, 17, 64), (0.02, 65, 256))
"""Of so many runs in all, each has at least and at most so many jobs."""
JOBS_A_SECOND = 50.0
SETTINGS = {
    **burst.PATIENT,
    "quota_look_s": 5.0,
    "refusal_ttl_s": 10.0,
    "idle_limit_s": 45.0,
    "scan_grace_s": 20.0,
    "launch_replay_s": 30.0,
}
RECOVERY = ("/app/hook/", "/actions/runs", "/actions/jobs", "/check-runs")
"""Routes of GitHub that only sweeps use, and what tells a commit: they cost by the minute or by the mishap."""
SWEEPER = "housekeeping"


@dataclass(frozen=True, slots=True)
class Flood:
    """What came of it."""

    cost: Cost
    mishaps: tuple[Mishap, ...]
    machines: int
    spare: int
    """Machines that came to nothing, and were replaced."""
    seconds: float


def flood_stage(run_dir: Path, jobs: int) -> Stage:
    """A stage for so many: light machines, EC2's tokens that come back sooner, and Apps enough."""
    limits = Limits(machines={name: Rate(rate.burst, rate.per_s * SPEED) for name, rate in Limits().machines.items()})
    github = Config(
        repositories=REPOSITORIES,
        patience=Patience(long_poll_s=5.0),
        further_apps=further_apps(max(1, jobs // JOBS_AN_APP), REPOSITORIES),
    )
    return Stage(
        run_dir,
        SETTINGS,
        PACE,
        SPEED,
        schedules=SCHEDULES,
        room=LightMachines,
        limits=limits,
        of_github=github,
        window_speed=1.0,
    )


def run(
    jobs: int,
    run_dir: Path,
    timeout_s: float,
    *,
    seed: int = 1,
    say: Callable[[str], None] = print,
    seen: Callable[[Stage], None] = lambda _: None,
) -> Flood:
    """Let it come down, and count; `seen` may look at the stage when all has ended."""
    shutil.rmtree(run_dir, ignore_errors=True)
    dice = random.Random(seed)  # noqa: S311 - no secret
    began = time.monotonic()
    with flood_stage(run_dir, jobs) as stage:
        with Director(crunch(jobs), stage, look_s=max(1.0, jobs / 250)) as director:
            _pour(stage, dice, jobs)
            while not (stage.settled_but(SWEEPER) and not director.waiting) and time.monotonic() - began < timeout_s:
                say(_progress(stage, time.monotonic() - began))
                time.sleep(3.0)
            mishaps, harmed = director.mishaps(), director.harmed
        seen(stage)
        calls = [call for call in stage.calls(without={SWEEPER}) if not any(word in call.action for word in RECOVERY)]
        machines = list(stage.machines().values())
        summary = judge(stage.jobs(), machines, calls, stage.processes(), harmed)
        spare = len(summary.double)
        summary = replace(summary, double=tuple(crowded(stage.jobs(), machines, harmed)) if spare else ())
    return Flood(cost_of(jobs, summary, calls), tuple(mishaps), len(machines), spare, time.monotonic() - began)


def _pour(stage: Stage, dice: random.Random, jobs: int) -> None:
    folder = stage.run_dir / "workflows"
    folder.mkdir()
    sizes = list(_sizes(dice, jobs))
    began, poured = time.monotonic(), 0
    for number, size in enumerate(sizes, 1):
        file = folder / f"flood-{number}.yml"
        file.write_text(_WORKFLOW.format(number=number, label=_label(dice), jobs=list(range(1, size + 1))))
        time.sleep(max(0.0, began + poured / JOBS_A_SECOND - time.monotonic()))
        stage.github.submit(file, f"{stage.github.organisation}/{dice.choice(REPOSITORIES)}")
        poured += size


def _sizes(dice: random.Random, jobs: int) -> Iterator[int]:
    while jobs:
        [(_, least, most)] = dice.choices(SIZES, [weight for weight, _, _ in SIZES])
        size = min(jobs, dice.randint(least, most))
        jobs -= size
        yield size


def _label(dice: random.Random) -> str:
    [(_, label)] = dice.choices(SHAPES, [weight for weight, _ in SHAPES])
    return f"spotrunner/{label}"


def _progress(stage: Stage, seconds: float) -> str:
    jobs = stage.github.jobs
    done = sum(1 for job in jobs if job.completed_at)
    standing = sum(1 for machine in stage.machines().values() if machine.running)
    return f"{seconds:6.0f} s  {done} of {len(jobs)} jobs have ended; {standing} machines"


_WORKFLOW = """\
name: Flood {number}
on: push
jobs:
  one:
    name: f{number}-${{{{ matrix.job }}}}
    runs-on: {label}
    strategy:
      fail-fast: false
      matrix:
        job: {jobs}
    steps:
      - run: sleep 0.2
"""


app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def main(
    *,
    jobs: Annotated[int, typer.Option(min=1, help="How many jobs.")] = 1_000,
    seed: Annotated[int, typer.Option(help="Which jobs, in which runs.")] = 1,
    timeout: Annotated[float, typer.Option(help="Seconds after which whatever has not ended counts as lost.")] = 1_800,
    run_dir: Annotated[Path, typer.Option(help="Where logs go; emptied first.")] = RUN_DIR / "flood",
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON and nothing else.")] = False,
) -> None:
    """Let a burst of mixed jobs meet a crowded region and a busy GitHub; 1 unless every job ran, once.

    Examples:
      make flood

      make flood JOBS=150

      python -m controller.local.flood --jobs 150 --json
    """
    console = Console(quiet=as_json)
    with ended_cleanly():
        result = run(jobs, run_dir, timeout, seed=seed, say=lambda line: console.print(line, highlight=False))
    cost = result.cost
    for mishap in result.mishaps:
        console.print(f"{mishap.text}\n  {mishap.answer}", highlight=False, markup=False, soft_wrap=True)
    console.print("\nCalls for each job, without polls and sweeps", highlight=False)
    for name, number in {**cost.aws, **cost.github}.items():
        console.print(f"  {number:7.3f}  {name}", highlight=False, markup=False)
    console.print(f"  {cost.aws_total:.2f} AWS, {cost.ec2_total:.3f} EC2, {cost.github_total:.2f} GitHub")
    waits = f"p50 {cost.summary.waited_p50} s, p95 {cost.summary.waited_p95} s"
    console.print(f"{result.machines} machines, {result.spare} came to nothing; {result.seconds:.0f} s; queued {waits}")
    console.print(f"\n{cost.summary.line()}", style="bold", highlight=False)
    if as_json:
        typer.echo(json.dumps(asdict(result) | {"good": cost.summary.is_good}))
    raise typer.Exit(0 if cost.summary.is_good else 1)


if __name__ == "__main__":
    app()
