"""A warm pool with every process real: kept full, taken from, refilled, and gone when nobody wants it."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from controller.local.aws.instance import Latencies
from controller.local.stage import QUICK, RUNNER_CONFIGS, Stage, wait_until_settled
from controller.local.truth import JobSeen, judge

pytestmark = pytest.mark.local_cloud

PATIENCE_S = 120.0
SLOW_BOOT = Latencies(create_fleet_s=0.2, pending_s=1.0, boot_s=6.0)
NAME = "linux-2cpu"

WORKFLOW = """\
name: {name}
on: push
jobs:
  {name}:
    runs-on: spotrunner/linux-2cpu{options}
    steps:
      - run: echo "done by $RUNNER_NAME"
"""


def until(what: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not what():
        assert time.monotonic() < deadline, "it did not come in time"
        time.sleep(0.05)


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    with Stage(tmp_path / "run", settings={**QUICK, "config_ttl_s": 1.0}, latencies=SLOW_BOOT) as running:
        yield running


def keep(stage: Stage, size: int) -> None:
    """The operator writes a new version of the configuration."""
    document = json.loads(RUNNER_CONFIGS[NAME]) | {"pool": size}
    name = f"{stage.cloud.settings.config_prefix}{NAME}"
    stage.cloud.client("ssm").put_parameter(Name=name, Value=json.dumps(document), Type="String", Overwrite=True)


def ready(stage: Stage) -> list[str]:
    """The spares that have come up so far, in their order."""
    return re.findall(r"(i-\w+) is a spare of", stage.cloud.function_log("claim"))


def launches_by(stage: Stage, function: str) -> int:
    return sum(each.action == "CreateFleet" and each.principal == function for each in stage.cloud.calls)


def run(stage: Stage, folder: Path, name: str, options: str = "") -> JobSeen:
    """A workflow of one job, from its push to its end."""
    file = folder / f"{name}.yml"
    file.write_text(WORKFLOW.format(name=name, options=options))
    stage.github.submit(file)
    until(lambda: any(job.name == name and job.status == "completed" for job in stage.jobs()))
    return next(job for job in stage.jobs() if job.name == name)


def waited(job: JobSeen) -> float:
    assert job.started_at is not None
    return job.started_at - job.queued_at


def test_a_job_with_a_spare_starts_without_a_launch_and_sooner_and_nothing_is_left(
    stage: Stage, tmp_path: Path
) -> None:
    keep(stage, 1)
    until(lambda: len(ready(stage)) == 1)
    (first,) = ready(stage)

    warm = run(stage, tmp_path, "warm")
    by_dispatch = launches_by(stage, "dispatch")
    until(lambda: len(ready(stage)) == 2)
    cold = run(stage, tmp_path, "cold", "/pool=false")
    again = run(stage, tmp_path, "again")
    keep(stage, 0)

    assert wait_until_settled(stage, PATIENCE_S)
    assert by_dispatch == 0
    assert launches_by(stage, "dispatch") == 1
    assert {warm.conclusion, cold.conclusion, again.conclusion} == {"success"}
    assert first in warm.runner
    assert ready(stage)[1] in again.runner
    assert not any(spare in cold.runner for spare in ready(stage))
    assert max(waited(warm), waited(again)) < waited(cold)
    unused = [name for name in stage.machines() if not any(name in job.runner for job in stage.jobs())]
    verdict = judge(stage.jobs(), list(stage.machines().values()), stage.calls(), stage.processes(), unused)
    assert verdict.line() == "3 jobs, 0 lost, 0 double launches, 0 machines leaked, 0 processes left"
    assert len(unused) <= 1
    assert not any(each.action == "TerminateInstances" for each in stage.cloud.calls)
    assert not [call for call in stage.cloud.calls if call.status == 403]


def test_a_spare_that_is_interrupted_says_so_and_is_replaced(stage: Stage) -> None:
    keep(stage, 1)
    until(lambda: len(ready(stage)) == 1)
    (first,) = ready(stage)

    stage.cloud.interrupt(first, 30.0)
    until(lambda: not stage.machines()[first].running)
    until(lambda: len(ready(stage)) == 2)
    keep(stage, 0)

    assert wait_until_settled(stage, PATIENCE_S)
    # Whoever hears of it first: the machine from its metadata, or the stack from EventBridge.
    by_itself = f"{first} reports finished interrupted" in stage.cloud.function_log("reports")
    by_the_door = f"{first} is about to be taken away" in stage.cloud.function_log("claim")
    assert by_itself or by_the_door
    assert not any(machine.running for machine in stage.machines().values())
