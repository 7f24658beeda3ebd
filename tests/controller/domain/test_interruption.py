from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.domain import interruption
from controller.domain.fleet_config import Retry
from controller.domain.interruption import (
    GIVE_UP_S,
    MOST_RERUNS,
    Decline,
    Overtaken,
    RerunFailed,
    RerunJob,
    RunJob,
    RunState,
    Step,
)
from controller.domain.job import Job, JobState, Rerun
from controller.domain.runner import ALIVE, RunnerState
from tests.fakes import samples

NOW = samples.NOW
ENDED = RunState(1, completed=True, conclusion="failure")
LOST = samples.job(state=JobState.COMPLETED, conclusion="failure", completed_at=NOW)
TAKEN = samples.runner(state=RunnerState.FINISHED, interruption="terminate", result="interrupted", ran=LOST.key)


@pytest.mark.parametrize("result", ["interrupted", "orphaned", "agent_crash", "ghost", ""])
def test_a_job_failed_on_a_machine_taken_away_is_lost(result: str) -> None:
    assert interruption.is_lost(LOST, replace(TAKEN, result=result))


@pytest.mark.parametrize("result", ["success", "failed", "cancelled", "timeout", "oom", "disk_full"])
def test_a_job_that_ended_by_itself_is_not_lost_though_its_machine_was(result: str) -> None:
    assert not interruption.is_lost(LOST, replace(TAKEN, result=result))


@pytest.mark.parametrize("state", list(RunnerState))
def test_a_machine_that_may_still_speak_is_waited_for(state: RunnerState) -> None:
    assert interruption.is_lost(LOST, replace(TAKEN, state=state, result="")) is (state not in ALIVE)


@pytest.mark.parametrize("conclusion", ["success", "cancelled", "skipped", "timed_out", ""])
def test_only_a_failure_can_be_lost(conclusion: str) -> None:
    assert not interruption.is_lost(replace(LOST, conclusion=conclusion), TAKEN)


@pytest.mark.parametrize("told", ["", "rebalance"])
def test_an_advice_takes_nothing_away_unless_the_agent_says_that_it_was_cut_short(told: str) -> None:
    assert not interruption.is_lost(LOST, replace(TAKEN, interruption=told, result=""))
    assert interruption.is_lost(LOST, replace(TAKEN, interruption=told))


def test_what_ran_elsewhere_was_not_lost_with_this_machine() -> None:
    assert not interruption.is_lost(LOST, replace(TAKEN, ran=samples.job(2).key))


@pytest.mark.parametrize(
    ("known", "heard", "counts"),
    [
        ("", "rebalance", "rebalance"),
        ("rebalance", "terminate", "terminate"),
        ("terminate", "rebalance", "terminate"),
        ("terminate", "", "terminate"),
        ("", "", ""),
        ("rebalance", "", "rebalance"),
        ("vanished", "stop", "stop"),
        ("hung", "terminate", "terminate"),
        ("vanished", "rebalance", "vanished"),
        ("terminate", "vanished", "terminate"),
    ],
)
def test_a_notice_outlives_an_advice_and_takes_the_place_of_a_guess(known: str, heard: str, counts: str) -> None:
    assert interruption.graver(known, heard) == counts


def test_a_mark_names_one_job_of_one_attempt() -> None:
    others = [
        replace(LOST, name="build 1 "),
        replace(LOST, run_id=71),
        replace(LOST, repository="octo/other"),
        replace(LOST, server="https://ghes/api/v3"),
    ]

    marks = {interruption.mark(job, 2) for job in (LOST, *others)} | {interruption.mark(LOST, 3)}

    assert len(marks) == len(others) + 2


@given(st.floats(0, 10 * GIVE_UP_S))
def test_looks_come_ever_later_but_never_too_late(waited: float) -> None:
    pause = interruption.next_look(LOST, NOW + waited) - (NOW + waited)

    assert interruption.FIRST_LOOK_S - 1e-3 <= pause <= interruption.SLOWEST_LOOK_S + 1e-3
    assert pause <= max(interruption.FIRST_LOOK_S, waited / 2) + 1e-3


@pytest.mark.parametrize(
    ("reruns", "retry", "waited", "reason"),
    [
        (0, Retry.FALSE, 0.0, "retry=false"),
        (MOST_RERUNS, Retry.JOB, 0.0, "2 times already"),
        (0, Retry.RUN, GIVE_UP_S + 1, "for days"),
        (MOST_RERUNS - 1, Retry.RUN, GIVE_UP_S - 1, ""),
        (0, Retry.JOB, 0.0, ""),
    ],
)
def test_some_refusals_need_no_look_at_the_run(reruns: int, retry: Retry, waited: float, reason: str) -> None:
    refusal = interruption.at_once(replace(LOST, reruns=reruns), retry, NOW + waited)

    assert (reason in refusal.reason) if refusal and reason else (refusal is None and not reason)


def test_a_cancelled_sibling_is_no_failure_of_its_own() -> None:
    jobs = [ran(1, "failure"), RunJob(2, "build 2", "cancelled", "r-2")]

    assert interruption.plan(ENDED, jobs, [lost(1)], {"1#1": Retry.JOB}) == [RerunFailed((lost(1),))]


def test_a_job_carried_over_into_a_new_attempt_is_asked_for_by_the_id_it_has_there() -> None:
    jobs = [replace(ran(1, "failure"), job_id=901), RunJob(902, "build 2", "failure", "r-2")]

    steps = interruption.plan(replace(ENDED, attempt=2), jobs, [lost(1)], {"1#1": Retry.JOB})

    assert steps == [RerunJob(lost(1), 901)]


def lost(number: int) -> Job:
    return samples.job(
        number,
        state=JobState.COMPLETED,
        conclusion="failure",
        runner_name=f"spotrunner-i-{number}-1",
        rerun=Rerun.WANTED,
    )


def ran(number: int, conclusion: str) -> RunJob:
    return RunJob(number, f"build {number}", conclusion, f"spotrunner-i-{number}-1")


CONCLUSIONS = st.sampled_from(["failure", "timed_out", "success", "cancelled", "skipped", "neutral"])


@st.composite
def runs(draw: st.DrawFn) -> tuple[RunState, list[RunJob], list[Job], dict[str, Retry]]:
    conclusions = draw(st.lists(CONCLUSIONS, max_size=6))
    jobs = [ran(number, conclusion) for number, conclusion in enumerate(conclusions, 1)]
    here = [job.job_id for job in jobs if job.conclusion == "failure"]
    interrupted = draw(st.sets(st.sampled_from(here))) if here else set()
    gone = draw(st.sets(st.integers(50, 53)))
    held = [lost(number) for number in sorted(interrupted | gone)]
    retries = {job.id: draw(st.sampled_from([Retry.JOB, Retry.RUN])) for job in held}
    state = RunState(
        draw(st.integers(1, 4)), completed=True, conclusion=draw(st.sampled_from(["failure", "cancelled"]))
    )
    return state, jobs, held, retries


def names(step: Step) -> list[str]:
    return [job.id for job in step.lost] if isinstance(step, RerunFailed) else [step.lost.id]


@given(runs())
def test_a_plan_asks_for_one_re_run_at_most_and_names_no_job_twice(
    run: tuple[RunState, list[RunJob], list[Job], dict[str, Retry]],
) -> None:
    state, jobs, held, retries = run

    steps = interruption.plan(state, jobs, held, retries)

    asked = [step for step in steps if isinstance(step, RerunFailed | RerunJob)]
    named = [name for step in steps for name in names(step)]
    assert len(asked) <= 1
    assert len(named) == len(set(named))
    assert set(named) <= {job.id for job in held}


@given(runs())
def test_a_real_failure_is_run_again_only_where_an_interrupted_job_asks_for_the_whole_run(
    run: tuple[RunState, list[RunJob], list[Job], dict[str, Retry]],
) -> None:
    state, jobs, held, retries = run
    ours = {job.runner_name for job in held}
    mixed = any(job.conclusion in {"failure", "timed_out"} and job.runner_name not in ours for job in jobs)

    steps = interruption.plan(state, jobs, held, retries)

    whole = [step for step in steps if isinstance(step, RerunFailed)]
    assert not (whole and mixed) or Retry.RUN in {retries[job.id] for job in whole[0].lost}
    assert not (any(isinstance(step, RerunJob) for step in steps) and not mixed)


@given(runs())
def test_every_lost_job_still_in_the_run_is_run_again_sooner_or_later_unless_the_run_was_cancelled(
    run: tuple[RunState, list[RunJob], list[Job], dict[str, Retry]],
) -> None:
    state, jobs, held, retries = run
    again: set[str] = set()
    declined: set[str] = set()
    overtaken: set[str] = set()

    for _ in range(len(held) + 1):
        left = [job for job in held if job.id not in again | declined | overtaken]
        for step in interruption.plan(state, jobs, left, retries):
            match step:
                case Decline():
                    declined |= set(names(step))
                case Overtaken():
                    overtaken |= set(names(step))
                case _:
                    again |= set(names(step))
                    started = {job.runner_name for job in held if job.id in names(step)}
                    jobs = [
                        replace(job, runner_name="new", conclusion="success") if job.runner_name in started else job
                        for job in jobs
                    ]

    here = {job.id for job in held if job.key.job_id < 50}
    assert again == (set() if state.conclusion == "cancelled" else here)
    assert declined == ({job.id for job in held} if state.conclusion == "cancelled" else set())
