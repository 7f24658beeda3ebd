"""When GitHub hands a runner another job than intended, nobody is forgotten."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.domain.job import Job, JobState
from controller.domain.job_key import JobKey
from controller.domain.pairing import MOST_REPLACEMENTS, Repaired, swap
from controller.domain.runner import ALIVE, Lifecycle, Runner, RunnerState
from tests.fakes import samples

A, B = JobKey(1, 1), JobKey(2, 1)
LABELS = ("spotrunner/linux-4cpu/run=1",)


def intended(**changes: Any) -> Job:  # noqa: ANN401 - fields of the record
    """Job A, whose machine i-a is about to be found at work on B."""
    return samples.job(1, **{"state": JobState.CLAIMED, "instance_id": "i-a", "launch_id": "launch-1"} | changes)


def ran(**changes: Any) -> Job:  # noqa: ANN401 - fields of the record
    """Job B, which runs on A's machine."""
    return samples.job(2, **{"state": JobState.RUNNING, "instance_id": "i-a"} | changes)


def taken() -> Runner:
    return samples.runner("i-a", job=A, state=RunnerState.CLAIMED, name="spotrunner-i-a-1")


def spare(**changes: Any) -> Runner:  # noqa: ANN401 - fields of the record
    """The machine that was meant for B."""
    return samples.runner("i-b", **{"job": B, "state": RunnerState.CLAIMED} | changes)


@pytest.mark.parametrize(
    ("machine", "job"), [(RunnerState.CLAIMED, JobState.CLAIMED), (RunnerState.LAUNCHED, JobState.LAUNCHED)]
)
def test_two_jobs_that_swapped_runners_are_paired_anew_and_nothing_is_launched(
    machine: RunnerState, job: JobState
) -> None:
    done = swap(ran(), taken(), intended(), spare(state=machine), 9.0)

    assert [(one.id, one.state, one.instance_id) for one in done.jobs] == [("1#1", job, "i-b")]
    assert [(one.instance_id, one.job) for one in done.runners] == [("i-b", A)]
    assert not done.in_line
    assert done.jobs[0].failures == 0
    assert done.jobs[0].replacements == 0


@pytest.mark.parametrize(
    "other",
    [
        None,
        spare(state=RunnerState.FINISHED),
        spare(state=RunnerState.GONE),
        spare(state=RunnerState.BUSY, ran=JobKey(3, 1), started_at=5.0),
        spare(state=RunnerState.FINISHED, ran=JobKey(3, 1), started_at=5.0),
    ],
)
def test_a_job_whose_runner_was_taken_goes_back_in_line_where_no_machine_can_have_it(other: Runner | None) -> None:
    done = swap(ran(), taken(), intended(), other, 9.0)

    assert [(one.id, one.state, one.instance_id) for one in done.jobs] == [("1#1", JobState.WAITING, "")]
    assert done.jobs[0].replacements == 1
    assert done.jobs[0].reason == "spotrunner-i-a-1 ran 2#1 instead"
    assert done.runners == ()
    assert done.in_line


@pytest.mark.parametrize(
    ("lifecycle", "job", "in_line"),
    [(Lifecycle.SPOT, JobState.WAITING, True), (Lifecycle.ON_DEMAND, JobState.LAUNCHED, False)],
)
def test_a_job_run_again_on_demand_takes_over_no_spot_machine_that_has_not_claimed(
    lifecycle: Lifecycle, job: JobState, *, in_line: bool
) -> None:
    booting = spare(state=RunnerState.LAUNCHED, lifecycle=lifecycle)

    done = swap(ran(), taken(), intended(state=JobState.LAUNCHED, on_demand=True), booting, 9.0)

    assert ([one.state for one in done.jobs], done.in_line) == ([job], in_line)


def test_a_job_run_again_is_left_to_the_spot_runner_that_listens_with_its_labels() -> None:
    done = swap(ran(), taken(), intended(on_demand=True), spare(lifecycle=Lifecycle.SPOT), 9.0)

    assert [(one.id, one.instance_id) for one in done.jobs] == [("1#1", "i-b")]


@pytest.mark.parametrize("state", [RunnerState.BUSY, RunnerState.FINISHED])
def test_a_machine_that_works_or_worked_on_what_github_has_not_told_yet_is_taken_to_have_the_job(
    state: RunnerState,
) -> None:
    done = swap(ran(), taken(), intended(), spare(state=state, started_at=5.0), 9.0)

    assert [(one.state, one.instance_id) for one in done.jobs] == [(JobState.CLAIMED, "i-b")]
    assert [(one.instance_id, one.job) for one in done.runners] == [("i-b", A)]
    assert not done.in_line


def test_a_machine_of_another_shape_does_not_take_over() -> None:
    done = swap(ran(shape="other"), taken(), intended(), spare(), 9.0)

    assert done.in_line
    assert done.runners == ()


def test_a_runner_registered_without_the_jobs_labels_does_not_take_over() -> None:
    done = swap(ran(), taken(), intended(labels=LABELS), spare(), 9.0)

    assert done.in_line
    assert done.runners == ()


def test_a_machine_that_has_not_registered_yet_takes_over_whatever_the_labels() -> None:
    done = swap(ran(), taken(), intended(labels=LABELS), spare(state=RunnerState.LAUNCHED), 9.0)

    assert [one.job for one in done.runners] == [A]


def test_labels_are_compared_as_github_does_without_case() -> None:
    done = swap(ran(labels=("SpotRunner/Linux-4CPU/run=1", "x")), taken(), intended(labels=LABELS), spare(), 9.0)

    assert [one.job for one in done.runners] == [A]


def test_a_machine_that_was_given_to_somebody_else_meanwhile_does_not_take_over() -> None:
    done = swap(ran(), taken(), intended(), spare(job=JobKey(3, 1)), 9.0)

    assert done.in_line
    assert done.runners == ()


def test_a_runner_that_ran_its_own_job_needs_no_repair() -> None:
    assert swap(ran(), taken(), ran(), None, 9.0) == Repaired()


@pytest.mark.parametrize(
    "job",
    [
        None,
        intended(instance_id="i-c"),
        intended(state=JobState.WAITING, instance_id=""),
        intended(state=JobState.LAUNCHING),
        intended(state=JobState.RUNNING),
        intended(state=JobState.COMPLETED),
    ],
)
def test_a_job_that_does_not_count_on_the_taken_machine_is_left_alone(job: Job | None) -> None:
    assert swap(ran(), taken(), job, spare(), 9.0) == Repaired()


def test_a_job_whose_runners_are_always_taken_is_replaced_three_times_and_no_more() -> None:
    job, launches = intended(), 0

    for _ in range(10):
        done = swap(ran(), taken(), job, None, 9.0)
        launches += done.in_line
        job = replace(done.jobs[0], state=JobState.CLAIMED, instance_id="i-a") if done.jobs else job

    assert launches == MOST_REPLACEMENTS == 3


JOBS = st.builds(
    intended,
    state=st.sampled_from(JobState),
    instance_id=st.sampled_from(["i-a", "i-b", "i-c", ""]),
    shape=st.sampled_from(["one", "two"]),
    labels=st.sampled_from([LABELS, samples.LABELS]),
    replacements=st.integers(0, 4),
)
RAN = st.builds(
    ran,
    shape=st.sampled_from(["one", "two"]),
    labels=st.sampled_from([LABELS, samples.LABELS, LABELS + samples.LABELS]),
)
SPARES = st.none() | st.builds(
    spare,
    state=st.sampled_from(RunnerState),
    job=st.sampled_from([B, JobKey(3, 1)]),
    started_at=st.sampled_from([None, 5.0]),
    ran=st.sampled_from([None, JobKey(3, 1)]),
)


@given(RAN, JOBS, SPARES)
def test_nobody_is_left_without_a_machine_and_out_of_line_until_the_replacements_are_used_up(
    other: Job, job: Job, machine: Runner | None
) -> None:
    done = swap(other, taken(), job, machine, 9.0)
    after = done.jobs[0] if done.jobs else job

    bereft = after.state in {JobState.LAUNCHED, JobState.CLAIMED} and after.instance_id == "i-a"
    assert not bereft or after.replacements >= MOST_REPLACEMENTS
    assert done.in_line == (done.jobs != () and after.state is JobState.WAITING)


@given(RAN, JOBS, SPARES)
def test_a_machine_is_given_only_to_one_job_and_only_while_nothing_else_is_known_to_have_run_on_it(
    other: Job, job: Job, machine: Runner | None
) -> None:
    done = swap(other, taken(), job, machine, 9.0)

    for given_to in done.runners:
        assert machine is not None
        assert machine.job == other.key
        assert machine.ran is None
        assert machine.state in ALIVE or machine.started_at is not None
        assert [(one.key, one.instance_id) for one in done.jobs] == [(given_to.job, given_to.instance_id)]


@given(RAN, JOBS, SPARES)
def test_a_repair_is_made_once(other: Job, job: Job, machine: Runner | None) -> None:
    done = swap(other, taken(), job, machine, 9.0)

    if done.jobs:
        again = swap(other, taken(), done.jobs[0], done.runners[0] if done.runners else machine, 10.0)
        assert again == Repaired()
