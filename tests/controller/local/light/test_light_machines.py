"""Light machines on the whole stage: what the platform and GitHub see of them is what they see of real ones."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from controller.local.github.config import Config
from controller.local.github.exchange import Patience
from controller.local.light.room import LightMachines
from controller.local.stage import DEMO, DEMO_SPEED, Stage, wait_until_settled
from controller.local.truth import judge

pytestmark = pytest.mark.local_cloud

PATIENCE_S = 120.0
HASTY = {**DEMO, "job_limit_s": 15.0}
PATIENCE = Patience(long_poll_s=2.0, offer_s=5.0, lease_s=12.0)


@pytest.fixture
def light(tmp_path: Path) -> Iterator[Stage]:
    with Stage(tmp_path / "run", HASTY, speed=5.0, room=LightMachines, of_github=Config(patience=PATIENCE)) as running:
        yield running


def workflow(tmp_path: Path, seconds: float) -> Path:
    file = tmp_path / "one.yml"
    steps = f"[{{run: sleep {seconds}}}]"
    file.write_text(f"on: push\njobs:\n  one:\n    runs-on: spotrunner/linux-2cpu\n    steps: {steps}\n")
    return file


def until(what: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not what():
        assert time.monotonic() < deadline, "it did not come in time"
        time.sleep(0.05)


def verdict(stage: Stage, *harmed: str) -> str:
    assert wait_until_settled(stage, PATIENCE_S)
    summary = judge(stage.jobs(), list(stage.machines().values()), stage.calls(), stage.processes(), harmed)
    assert summary.is_good, summary
    return summary.line()


def test_a_job_runs_on_a_light_machine_which_claims_reports_and_ends(light: Stage, tmp_path: Path) -> None:
    light.github.submit(workflow(tmp_path, 0.2))

    assert verdict(light) == "1 jobs, 0 lost, 0 double launches, 0 machines leaked, 0 processes left"
    (machine,) = light.machines().values()
    said = [(call.service, call.action) for call in light.calls() if call.caller == "machine"]
    assert said == [("execute-api", "Invoke"), ("sqs", "SendMessage"), ("sqs", "SendMessage")]
    until(lambda: f"{machine.instance_id} reports finished success" in light.cloud.function_log("reports"))
    assert not [thread for thread in threading.enumerate() if thread.name == f"light-{machine.instance_id}"]


def test_a_job_whose_light_machine_is_cut_off_is_run_again(light: Stage, tmp_path: Path) -> None:
    light.github.submit(workflow(tmp_path, 3.0))
    until(lambda: any(job.status == "in_progress" for job in light.jobs()))
    (first,) = light.machines()

    light.cloud.kill(first)

    until(lambda: [(job.attempt, job.conclusion) for job in light.jobs()] == [(1, "failure"), (2, "success")])
    assert not light.machines()[first].running


def test_a_light_machine_that_froze_is_ended_and_its_job_run_elsewhere(light: Stage, tmp_path: Path) -> None:
    light.github.submit(workflow(tmp_path, 3.0))
    until(lambda: any(job.status == "in_progress" for job in light.jobs()))
    (first,) = light.machines()

    light.cloud.freeze(first)

    until(lambda: [(job.attempt, job.conclusion) for job in light.jobs()] == [(1, "failure"), (2, "success")])
    assert verdict(light, first).startswith("1 jobs, 0 lost")
    assert not light.machines()[first].running


def test_leaving_the_stage_in_the_middle_of_a_job_leaves_no_thread(tmp_path: Path) -> None:
    with Stage(tmp_path / "run", DEMO, speed=DEMO_SPEED, room=LightMachines) as stage:
        stage.github.submit(workflow(tmp_path, 60.0))
        until(lambda: any(job.status == "in_progress" for job in stage.jobs()))

    assert not [thread.name for thread in threading.enumerate() if thread.name.startswith("light-")]
