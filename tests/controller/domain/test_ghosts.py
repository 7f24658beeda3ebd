from __future__ import annotations

from typing import Any

import pytest

from controller.domain.ghosts import GONE_BY_ITSELF_S, doubtful, ghosts
from controller.domain.job import Job, JobState
from controller.domain.job_key import JobKey
from controller.domain.runner import Runner, RunnerState
from tests.fakes import samples

NOW = samples.NOW + 10_000.0
PATIENCE_S = 600.0


def machine(name: str = "i-1", ended_s: float = 700.0, **changes: object) -> Runner:
    known = {"state": RunnerState.GONE, "since": NOW - ended_s, "name": f"spotrunner-{name}-1"}
    return samples.runner(name, **(known | changes))


def jobs(**changes: Any) -> dict[JobKey, Job]:  # noqa: ANN401 - fields of the record
    job = samples.job(1, **changes)
    return {job.key: job}


def test_a_machine_that_ended_a_while_ago_is_asked_about() -> None:
    asked, settled = doubtful([machine()], jobs(), NOW, PATIENCE_S)

    assert [runner.instance_id for runner in asked] == ["i-1"]
    assert settled == []


@pytest.mark.parametrize(
    ("runner", "known"),
    [
        (machine(ended_s=500.0), jobs()),
        (machine(), jobs(state=JobState.RUNNING, runner_name="spotrunner-i-1-1")),
    ],
    ids=["only just ended", "its job is still in progress"],
)
def test_a_machine_that_may_still_be_heard_of_is_left_alone(runner: Runner, known: dict[JobKey, Job]) -> None:
    assert doubtful([runner], known, NOW, PATIENCE_S) == ([], [])


@pytest.mark.parametrize(
    ("runner", "known"),
    [
        (machine(ended_s=GONE_BY_ITSELF_S + 1), jobs()),
        (machine(), {}),
        (machine(), jobs(installation_id=0)),
    ],
    ids=["GitHub has removed it", "no job", "nobody to ask as"],
)
def test_a_machine_that_nothing_can_be_asked_about_is_settled(runner: Runner, known: dict[JobKey, Job]) -> None:
    asked, settled = doubtful([runner], known, NOW, PATIENCE_S)

    assert asked == []
    assert [settle.runner for settle in settled] == [runner]


def test_only_runners_of_the_machines_asked_about_are_removed_under_whatever_claim() -> None:
    listed = [
        (1, "spotrunner-i-1-1"),
        (2, "spotrunner-i-1-2"),
        (3, "spotrunner-i-2-1"),
        (4, "someone-elses"),
        (5, "spotrunner-i-1"),
    ]

    found, settled = ghosts([machine()], listed, NOW)

    assert [ghost.runner_id for ghost in found] == [1, 2]
    assert found[0].reason == "i-1 has been gone for 700 s"
    assert [settle.runner.instance_id for settle in settled] == ["i-1"]
