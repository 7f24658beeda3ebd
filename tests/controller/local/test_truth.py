from __future__ import annotations

from dataclasses import replace

from controller.local.truth import CallSeen, JobSeen, MachineSeen, judge

BUILD = JobSeen(1, "Build", ("spotrunner/x",), "completed", "success", 10.0, 12.0, 15.0, "spotrunner-i-1-1")
TEST = JobSeen(2, "Test", ("spotrunner/x",), "completed", "failure", 10.0, 14.0, 15.0, "spotrunner-i-2-1")
FIRST = MachineSeen("i-1", "c7g.large", "us-east-1a", "spot", running=False, launched_at=10.5, ended_at=16.0)
SECOND = replace(FIRST, instance_id="i-2")


def test_a_run_in_which_all_is_well_is_good() -> None:
    summary = judge([BUILD, TEST], [FIRST, SECOND], [], [])

    assert summary.is_good
    assert summary.line() == "2 jobs, 0 lost, 0 double launches, 0 machines leaked, 0 processes left"
    assert summary.outcomes == {"failure": 1, "success": 1}


def test_a_job_that_never_ended_is_lost() -> None:
    summary = judge([BUILD, replace(TEST, status="queued", conclusion="", runner="")], [FIRST], [], [])

    assert summary.lost == ("Test is queued",)
    assert not summary.is_good


def test_a_machine_that_no_job_explains_is_a_double_launch() -> None:
    summary = judge([BUILD], [FIRST, SECOND], [], [])

    assert summary.double == ("i-2",)
    assert not summary.is_good


def test_the_machine_of_a_job_that_was_cancelled_before_it_ran_is_none() -> None:
    cancelled = replace(TEST, conclusion="cancelled", started_at=None, runner="")

    assert judge([BUILD, cancelled], [FIRST, SECOND], [], []).double == ()


def test_a_skipped_job_explains_no_machine() -> None:
    skipped = replace(TEST, conclusion="skipped", started_at=None, runner="")

    assert judge([BUILD, skipped], [FIRST, SECOND], [], []).double == ("i-2",)


def test_a_machine_still_running_is_a_leak() -> None:
    summary = judge([BUILD], [replace(FIRST, running=True, ended_at=None)], [], [])

    assert summary.leaked == ("i-1",)
    assert not summary.is_good


def test_a_process_still_there_is_told() -> None:
    summary = judge([BUILD], [FIRST], [], ["4711 sleep"])

    assert summary.processes == ("4711 sleep",)
    assert not summary.is_good


def test_a_job_broken_by_its_machine_is_told() -> None:
    summary = judge([replace(TEST, broken="lost communication")], [SECOND], [], [])

    assert summary.broken == ("Test: lost communication",)
    assert "1 broken by their machine" in summary.line()
    assert not summary.is_good


def test_queue_time_is_that_of_the_jobs_that_started_and_unknown_without_any() -> None:
    skipped = replace(TEST, conclusion="skipped", started_at=None, runner="")

    assert judge([BUILD, TEST], [], [], []).waited_p50 == 3.0
    assert judge([BUILD, skipped], [], [], []).waited_p50 == 2.0
    assert judge([skipped], [], [], []).waited_p50 is None


def test_calls_are_counted_for_each_job_that_needed_a_machine() -> None:
    skipped = replace(TEST, conclusion="skipped", started_at=None, runner="")
    calls = [CallSeen("sqs", "SendMessage", "door"), CallSeen("sqs", "SendMessage", "door")]

    assert judge([BUILD, skipped], [FIRST], calls, []).calls == {"door sqs SendMessage": 2.0}
