"""A job's states: every arrow by name, and no way around the table."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from controller.domain.job import (
    ARROWS,
    MOST_TRIES,
    MOST_WASTED,
    OPEN,
    IllegalMove,
    JobState,
    Try,
    back_in_line,
    given_back,
    move,
)
from controller.domain.job_key import JobKey
from tests.fakes import samples

W, L, B, C, R, E, X = (
    JobState.WAITING,
    JobState.LAUNCHING,
    JobState.LAUNCHED,
    JobState.CLAIMED,
    JobState.RUNNING,
    JobState.COMPLETED,
    JobState.REFUSED,
)

NAMED = {
    (W, L): "reserved by a launch",
    (W, B): "takes a spare machine",
    (W, C): "claimed by another job's machine",
    (W, R): "runs on a machine that is not ours, or on another job's",
    (W, E): "cancelled in line, or its in_progress was lost",
    (W, X): "its configuration has become unusable",
    (L, B): "its machine boots",
    (L, C): "its machine claimed before the launch was settled",
    (L, W): "the cloud had no machine",
    (L, R): "runs on another job's machine",
    (L, E): "cancelled while the cloud was asked",
    (B, C): "its machine claimed",
    (B, W): "its machine came to nothing",
    (B, R): "runs on another job's machine",
    (B, E): "cancelled while its machine booted",
    (B, X): "ten machines came to nothing",
    (C, C): "re-armed",
    (C, W): "its runner ended without it",
    (C, X): "ten machines came to nothing",
    (C, R): "GitHub says it runs",
    (C, E): "cancelled before it ran, or its in_progress was lost",
    (R, E): "GitHub says it has ended",
    (X, R): "somebody else's runner has its labels",
    (X, E): "GitHub gave it up",
}


@pytest.mark.parametrize("source", JobState)
@pytest.mark.parametrize("target", JobState)
def test_a_job_moves_along_the_named_arrows_and_no_others(source: JobState, target: JobState) -> None:
    job = samples.job(state=source)

    if (source, target) in NAMED:
        moved = move(job, target, 5.0, "because", rung="spot")
        assert (moved.state, moved.since, moved.reason, moved.rung) == (target, 5.0, "because", "spot")
    else:
        with pytest.raises(IllegalMove, match=f"job 1#1: {source} -> {target}"):
            move(job, target, 5.0)


def test_a_completed_job_has_no_way_out_and_every_other_job_can_complete() -> None:
    assert ARROWS[JobState.COMPLETED] == frozenset()
    assert all(JobState.COMPLETED in ARROWS[state] for state in JobState if state is not JobState.COMPLETED)


def test_a_running_job_never_gets_another_machine() -> None:
    assert ARROWS[JobState.RUNNING] == {JobState.COMPLETED}


def test_open_jobs_are_those_that_have_or_expect_a_machine() -> None:
    assert set(JobState) - {JobState.WAITING, JobState.COMPLETED, JobState.REFUSED} == OPEN


@pytest.mark.parametrize("state", [JobState.LAUNCHING, JobState.LAUNCHED, JobState.CLAIMED])
def test_a_job_back_in_line_has_let_go_of_its_machine_and_kept_its_place(state: JobState) -> None:
    job = samples.job(state=state, launch_id="launch-1", instance_id="i-1", failures=1, replacements=2)

    waiting = back_in_line(job, 9.0, "sold out")

    assert (waiting.state, waiting.launch_id, waiting.instance_id) == (JobState.WAITING, "", "")
    assert (waiting.failures, waiting.replacements, waiting.reason) == (2, 2, "sold out")
    assert waiting.queued_at == job.queued_at


@given(st.integers(0), st.integers(0), st.from_regex(r"([a-z][a-z0-9]{0,11})?", fullmatch=True))
def test_a_key_reads_back_from_its_text(job_id: int, attempt: int, server: str) -> None:
    key = JobKey(job_id, attempt, server)

    assert JobKey.parse(str(key)) == key


def test_a_key_of_the_first_server_is_written_as_before_there_were_others() -> None:
    assert str(JobKey(7, 2)) == "7#2"
    assert str(JobKey(7, 2, "corp")) == "corp:7#2"


@pytest.mark.parametrize("text", ["", "7", "#1", "7#", "7#1#2", "seven#1"])
def test_text_that_is_no_key_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="invalid literal"):
        JobKey.parse(text)


def test_a_move_changes_nothing_but_what_it_says() -> None:
    job = samples.job(version=4)

    moved = move(job, JobState.LAUNCHING, 5.0, launch_id="launch-9")

    assert moved == samples.job(version=4, state=JobState.LAUNCHING, since=5.0, launch_id="launch-9")


class Walk(RuleBasedStateMachine):
    """A job wanders through its states; wherever it is sent, only the table decides."""

    def __init__(self) -> None:
        super().__init__()
        self.job = samples.job(version=3)
        self.path = [self.job.state]
        self.now = 0.0

    @rule(to=st.sampled_from(JobState))
    def send(self, to: JobState) -> None:
        self.now += 1.0
        before = self.job
        try:
            self.job = move(self.job, to, self.now)
        except IllegalMove:
            assert self.job is before
            return
        self.path.append(to)

    @rule()
    def lose_machine(self) -> None:
        self.now += 1.0
        failures = self.job.failures
        try:
            self.job = back_in_line(self.job, self.now, "gone")
        except IllegalMove:
            return
        self.path.append(self.job.state)
        assert self.job.failures == failures + 1

    @invariant()
    def the_path_is_made_of_arrows(self) -> None:
        assert all((a, b) in NAMED for a, b in zip(self.path, self.path[1:], strict=False))

    @invariant()
    def nothing_follows_the_end(self) -> None:
        assert JobState.COMPLETED not in self.path[:-1]

    @invariant()
    def after_running_there_is_only_the_end(self) -> None:
        if JobState.RUNNING in self.path:
            assert self.path[self.path.index(JobState.RUNNING) :] in ([R], [R, E])

    @invariant()
    def the_stored_version_is_the_ledgers_business(self) -> None:
        assert self.job.version == 3


TestWalk = Walk.TestCase


def test_a_job_is_given_back_to_the_line_until_too_many_machines_came_to_nothing() -> None:
    job = samples.job(state=JobState.CLAIMED, failures=20)

    once = given_back(job, 5.0, "no job")
    last = given_back(samples.job(state=JobState.CLAIMED, wasted=MOST_WASTED - 1), 5.0, "no job")

    assert (once.state, once.failures, once.wasted) == (JobState.WAITING, 21, 1)
    assert (last.state, last.reason) == (JobState.REFUSED, "10 machines came to nothing; the last: no job")


def test_what_came_to_nothing_is_kept_with_how_far_it_had_come() -> None:
    job = samples.job(1, state=JobState.LAUNCHED, since=3.0, launch_id="l-1", instance_id="i-1", rung="spot")

    back = back_in_line(job, 9.0, "it never claimed")

    assert back.tries == (Try(JobState.LAUNCHED, 3.0, 9.0, "it never claimed", "l-1", "i-1", "spot"),)
    assert (back.launch_id, back.instance_id) == ("", "")


def test_of_many_tries_the_latest_are_kept() -> None:
    job = samples.job()

    for number in range(MOST_TRIES + 5):
        job = back_in_line(move(job, JobState.LAUNCHING, number), number, f"no machine {number}")

    assert len(job.tries) == MOST_TRIES
    assert job.tries[-1].reason == f"no machine {MOST_TRIES + 4}"
    assert job.failures == MOST_TRIES + 5
