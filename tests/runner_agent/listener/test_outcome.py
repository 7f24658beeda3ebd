from __future__ import annotations

import pytest

from runner_agent.contract.reports import Result
from runner_agent.listener.lines import Heard
from runner_agent.listener.outcome import Next, judge

JOB = {Heard.RUNNING: "build"}


@pytest.mark.parametrize(
    ("said", "code", "result"),
    [
        ({Heard.COMPLETED: "Succeeded"}, 100, Result.SUCCESS),
        ({Heard.COMPLETED: "Failed"}, 100, Result.FAILED),
        ({Heard.COMPLETED: "Succeeded"}, 102, Result.SUCCESS),
        ({Heard.COMPLETED: "Succeeded", Heard.FINISH_REQUEST: "Failed"}, 102, Result.SUCCESS),
        ({Heard.FINISH_REQUEST: "Canceled"}, 100, Result.CANCELLED),
        ({}, 102, Result.FAILED),
        ({}, 103, Result.CANCELLED),
        ({}, 105, Result.ORPHANED),
        ({Heard.COMPLETED: "Failed", Heard.WORKER_EXIT: "137"}, 102, Result.OUT_OF_MEMORY),
        ({Heard.COMPLETED: "Failed", Heard.DISK_FULL: ""}, 102, Result.DISK_FULL),
        ({Heard.COMPLETED: "Succeeded", Heard.DISK_FULL: ""}, 100, Result.SUCCESS),
        ({Heard.WORKER_EXIT: "137"}, 100, Result.OUT_OF_MEMORY),
    ],
)
def test_words_count_before_the_exit_code(said: dict[Heard, str], code: int, result: Result) -> None:
    outcome = judge(JOB | said, code)

    assert (outcome.result, outcome.next) == (result, Next.FINISH)


@pytest.mark.parametrize("code", [0, 1, 2, 100, 134, -9])
def test_an_exit_code_that_proves_nothing_leaves_an_orphan(code: int) -> None:
    assert judge(JOB, code).result is Result.ORPHANED


@pytest.mark.parametrize(
    ("said", "code", "result", "following"),
    [
        ({}, 0, Result.NO_JOB, Next.REARM),
        ({}, 1, Result.REGISTRATION_FAILED, Next.REARM),
        ({}, 2, Result.REGISTRATION_FAILED, Next.RELAUNCH),
        ({}, 3, Result.REGISTRATION_FAILED, Next.AFTER_UPDATE),
        ({}, 4, Result.REGISTRATION_FAILED, Next.AFTER_UPDATE),
        ({}, 5, Result.REGISTRATION_FAILED, Next.FINISH),
        ({}, 7, Result.REGISTRATION_FAILED, Next.REARM),
        ({}, 134, Result.RUNNER_UNAVAILABLE, Next.FINISH),
        ({}, 99, Result.REGISTRATION_FAILED, Next.FINISH),
        ({}, -11, Result.REGISTRATION_FAILED, Next.FINISH),
        ({Heard.SKIPPED: "", Heard.ASSIGNED: ""}, 0, Result.GHOST, Next.REARM),
        ({Heard.REMOVED: ""}, 0, Result.NO_JOB, Next.REARM),
        ({Heard.REGISTRATION_DELETED: ""}, 1, Result.REGISTRATION_FAILED, Next.REARM),
        ({Heard.ASSIGNED: ""}, 0, Result.ORPHANED, Next.FINISH),
    ],
)
def test_a_runner_without_a_job_is_judged_by_what_can_follow(
    said: dict[Heard, str], code: int, result: Result, following: Next
) -> None:
    outcome = judge(said, code)

    assert (outcome.result, outcome.next, outcome.exit_code) == (result, following, code)
    assert outcome.reason
