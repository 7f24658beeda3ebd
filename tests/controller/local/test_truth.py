from __future__ import annotations

from dataclasses import replace

from controller.local.truth import CallSeen, JobSeen, MachineSeen, crowded, judge

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


FIRST_TRY = replace(TEST, run_id=7, broken="lost communication")
SECOND_TRY = replace(TEST, job_id=3, run_id=7, attempt=2, conclusion="success", runner="spotrunner-i-3-1")
THIRD = replace(FIRST, instance_id="i-3")


def test_what_a_machine_broke_and_a_later_attempt_mended_is_neither_broken_nor_lost() -> None:
    summary = judge([BUILD, FIRST_TRY, SECOND_TRY], [FIRST, SECOND, THIRD], [], [])

    assert summary.is_good
    assert summary.repaired == ("Test: lost communication; attempt 2 ended well",)
    assert summary.line() == "2 jobs, 0 lost, 0 double launches, 0 machines leaked, 0 processes left"
    assert summary.outcomes == {"success": 2}


def test_an_attempt_that_never_ends_is_lost_and_one_that_is_broken_again_is_broken() -> None:
    waiting = replace(SECOND_TRY, status="queued", conclusion="", runner="")
    broken = replace(SECOND_TRY, conclusion="failure", broken="lost communication")

    assert judge([FIRST_TRY, waiting], [SECOND], [], []).lost == ("Test is queued",)
    assert judge([FIRST_TRY, broken], [SECOND, THIRD], [], []).broken == ("Test: lost communication",)


def test_a_machine_that_the_scenario_harmed_is_no_double_launch_and_its_replacement_is_one_only_when_idle() -> None:
    one = judge([BUILD], [FIRST, SECOND], [], [], harmed={"i-2"})
    two = judge([BUILD], [FIRST, SECOND, THIRD], [], [], harmed={"i-2"})

    assert one.double == ()
    assert two.double == ("i-3",)


def test_a_harmed_machine_does_not_use_up_what_a_cancelled_job_excuses() -> None:
    cancelled = replace(TEST, conclusion="cancelled", started_at=None, runner="")

    assert judge([BUILD, cancelled], [FIRST, SECOND, THIRD], [], [], harmed={"i-2"}).double == ()


def test_a_machine_that_was_given_up_before_it_asked_for_work_is_no_double_launch() -> None:
    given_up = replace(SECOND, given_up=True)

    assert judge([BUILD], [FIRST, given_up], [], []).double == ()


def test_a_harmed_machine_still_running_is_a_leak() -> None:
    summary = judge([BUILD], [FIRST, replace(SECOND, running=True, ended_at=None)], [], [], harmed={"i-2"})

    assert summary.leaked == ("i-2",)


def test_a_mishap_that_nobody_answered_is_told() -> None:
    summary = judge([BUILD], [FIRST], [], [], unanswered=["Its machine died: nobody answered"])

    assert not summary.is_good
    assert summary.line().endswith("0 processes left, 1 mishap unanswered")


def test_two_machines_that_stand_at_once_for_one_attempt_are_too_many() -> None:
    second = replace(SECOND, launched_at=FIRST.launched_at + 0.5, ended_at=(FIRST.ended_at or 0.0) + 9.0)

    assert crowded([BUILD], [FIRST]) == []
    assert crowded([BUILD], [FIRST, second]) == ["i-2"]
    assert crowded([BUILD, TEST], [FIRST, second]) == []


def test_a_machine_launched_when_the_other_is_off_or_harmed_or_has_done_its_job_is_not_one_too_many() -> None:
    job = replace(BUILD, queued_at=0.0, started_at=10.0, completed_at=20.0, runner="spotrunner-i-9-1")
    off = replace(FIRST, launched_at=1.0, ended_at=4.0)
    later = replace(FIRST, instance_id="i-9", launched_at=6.0, ended_at=40.0)
    after = replace(TEST, queued_at=21.0, started_at=24.0, completed_at=30.0, runner="spotrunner-i-8-1")
    next_one = replace(FIRST, instance_id="i-8", launched_at=22.0, ended_at=31.0)

    assert crowded([job], [off, later]) == []
    assert crowded([job], [replace(off, ended_at=30.0), later], {"i-1"}) == []
    assert crowded([job, after], [later, next_one]) == []
