"""A spot machine is taken away in the middle of a job: a clean end, a re-run on-demand, and words on the commit."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from controller.local.github.job import Conclusion, Status
from controller.local.stage import Stage

pytestmark = pytest.mark.local_cloud

PATIENCE_S = 120.0
NOTICE_S = 30.0

LONG = """\
name: Long
on: push
jobs:
  quick:
    runs-on: spotrunner/linux-2cpu
    steps:
      - run: 'true'
  long:
    runs-on: spotrunner/linux-2cpu{options}
    steps:
      - run: if [ "$GITHUB_RUN_ATTEMPT" = 1 ]; then touch "{flag}"; sleep 300; fi
"""


def until(what: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not what():
        assert time.monotonic() < deadline, "it did not come in time"
        time.sleep(0.05)


def interrupted(stage: Stage, folder: Path, options: str = "") -> str:
    """A run of two jobs, one of which loses its machine; the machine."""
    flag = folder / "running"
    file = folder / "long.yml"
    file.write_text(LONG.format(flag=flag, options=options))
    stage.github.submit(file)
    until(flag.exists)
    (run,) = stage.github.runs
    (machine,) = {job.runner_name.split("-", 1)[1].rsplit("-", 1)[0] for job in run.jobs if job.name == "long"}
    stage.cloud.interrupt(machine, NOTICE_S)
    return machine


def test_a_job_interrupted_in_the_middle_ends_cleanly_and_is_run_again_on_demand(stage: Stage, tmp_path: Path) -> None:
    machine = interrupted(stage, tmp_path)
    taken_at = time.monotonic() + NOTICE_S

    until(lambda: stage.github.runs[0].jobs[1].conclusion or stage.github.runs[0].attempt > 1)
    ended_in_time = time.monotonic() < taken_at
    until(lambda: stage.github.runs[0].attempt == 2 and stage.github.runs[0].status is Status.COMPLETED)
    until(lambda: stage.github.check_runs)

    (run,) = stage.github.runs
    again = next(job for job in run.jobs if job.name == "long")
    assert ended_in_time
    assert run.conclusion is Conclusion.SUCCESS
    assert machine not in again.runner_name
    paid = {each.id: each.lifecycle for each in stage.cloud.instances()}
    assert [paid[name] for name in paid if name in again.runner_name] == ["on-demand"]
    (check,) = stage.github.check_runs
    assert check.title == "Interrupted, re-run started"
    assert check.conclusion == "neutral"


def test_a_job_that_wants_no_retry_is_left_and_its_commit_told(stage: Stage, tmp_path: Path) -> None:
    interrupted(stage, tmp_path, options="/retry=false")

    until(lambda: stage.github.check_runs)

    (run,) = stage.github.runs
    assert (run.attempt, run.conclusion) == (1, Conclusion.FAILURE)
    (check,) = stage.github.check_runs
    assert "retry=false" in check.summary
