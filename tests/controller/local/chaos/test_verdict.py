from __future__ import annotations

from dataclasses import replace

from controller.local.chaos.verdict import Story, pronounce
from controller.local.report.mishap import Mishap, Outcome
from controller.local.truth import JobSeen, MachineSeen

LOST = "The self-hosted runner lost communication with the server."
GOOD = JobSeen(1, "a", ("x",), "completed", "success", 0.0, 2.0, 3.0, "spotrunner-i-1-1", run_id=7)
MACHINE = MachineSeen("i-1", "c7i.large", "us-east-1a", "spot", running=False, launched_at=1.0, ended_at=4.0)
STORY = Story([GOOD], [MACHINE], [], [], frozenset(), [])


def broken(attempt: int) -> JobSeen:
    return replace(GOOD, job_id=attempt, conclusion="failure", broken=LOST, attempt=attempt)


def test_a_job_that_ran_well_in_the_end_is_good() -> None:
    again = replace(GOOD, job_id=2, attempt=2)

    verdict = pronounce(replace(STORY, jobs=[broken(1), again]))

    assert verdict.is_good
    assert verdict.line() == (
        "1 jobs, 0 lost, 0 double launches, 0 machines leaked, 0 processes left; "
        "0 strikes, 1 machines, 1 attempts more, 0 jobs given up and told"
    )


def test_a_job_that_broke_three_times_is_explained_where_its_commit_says_so() -> None:
    jobs = [broken(1), broken(2), broken(3)]

    told = pronounce(replace(STORY, jobs=jobs, remarks=["The machine was lost while it ran **a**."]))
    silent = pronounce(replace(STORY, jobs=jobs, remarks=["The machine was lost while it ran **b**."]))

    assert told.is_good
    assert told.explained == ("a",)
    assert silent.summary.broken == (f"a: {LOST}",)
    assert not silent.is_good


def test_a_job_that_was_not_run_again_often_enough_is_bad_whatever_its_commit_says() -> None:
    verdict = pronounce(replace(STORY, jobs=[broken(1)], remarks=["**a** is not run again"]))

    assert not verdict.is_good


def test_a_strike_without_its_answer_is_told_and_a_dead_letter_is_bad() -> None:
    mishap = Mishap("It was killed", 1.0, "i-1", "Nobody answered.", Outcome.UNANSWERED)

    told = pronounce(replace(STORY, mishaps=[mishap]))

    assert told.is_good
    assert told.poorly == ("It was killed: Nobody answered.",)
    assert "1 strikes answered poorly" in told.line()
    assert not pronounce(replace(STORY, dead_letters=["1 messages are in jobs-dead"])).is_good


def test_a_machine_that_nobody_struck_and_nobody_needed_is_a_double_launch() -> None:
    spare = replace(MACHINE, instance_id="i-2", launched_at=1.5)

    verdict = pronounce(replace(STORY, machines=[MACHINE, spare]))
    struck = pronounce(replace(STORY, machines=[MACHINE, spare], harmed={"i-2"}))

    assert verdict.summary.double == ("i-2",)
    assert struck.is_good


def test_a_machine_that_came_to_nothing_and_was_replaced_when_it_was_off_is_counted_and_no_double_launch() -> None:
    former = replace(MACHINE, instance_id="i-2", launched_at=0.1, ended_at=0.5)

    verdict = pronounce(replace(STORY, machines=[former, MACHINE]))

    assert verdict.is_good
    assert verdict.spare == 1
    assert "1 of them replaced for nothing" in verdict.line()
