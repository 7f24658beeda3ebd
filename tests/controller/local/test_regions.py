"""Two regions on this machine: one dies, and the jobs that waited in it run in the other, each once."""

from __future__ import annotations

from pathlib import Path

import pytest

from controller.local.github.job import Conclusion, Job
from controller.local.two_regions import REGIONS, TwoRegions
from tests.controller.local.aws.rig import eventually

pytestmark = pytest.mark.local_cloud

PATIENCE_S = 180.0

WORKFLOW = """\
name: Story
on: push
jobs:
  anywhere:
    runs-on: spotrunner/linux-2cpu
    strategy:
      matrix:
        number: [1, 2]
    steps:
      - run: 'true'
  abroad:
    runs-on: spotrunner/linux-2cpu/region=eu-west-1
    steps:
      - run: 'true'
"""


def test_the_jobs_of_a_dead_region_run_in_the_other_after_its_lease_and_none_twice(tmp_path: Path) -> None:
    file = tmp_path / "story.yml"
    file.write_text(WORKFLOW)
    with TwoRegions(tmp_path / "run") as stage:
        first, second = (stage.clouds[region] for region in REGIONS)
        first.pools.sell_out()
        stage.github.submit(file)
        eventually(lambda: [job.name for job in jobs(stage) if job.conclusion] == ["abroad"], PATIENCE_S)
        eventually(lambda: any(call.action == "CreateFleet" for call in first.calls), PATIENCE_S)

        first.go_dark()
        eventually(lambda: stage.github.finished, PATIENCE_S)

        assert {job.conclusion for job in jobs(stage)} == {Conclusion.SUCCESS}
        assert first.instances() == ()
        assert machines_of(jobs(stage)) == sorted(machine.id for machine in second.instances())
        assert not [call for cloud in (first, second) for call in cloud.calls if call.status == 403]


def jobs(stage: TwoRegions) -> list[Job]:
    """Every job, as GitHub has it."""
    return [job for run in stage.github.runs for job in run.jobs]


def machines_of(ended: list[Job]) -> list[str]:
    """The machines that ran these jobs, by the names of their runners."""
    return sorted(job.runner_name.removeprefix("spotrunner-").rpartition("-")[0] for job in ended)
