"""Machines and jobs are paired once, whatever was saved before a crash and whoever claimed meanwhile."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.domain.job import Job, JobState, move
from controller.domain.job_key import JobKey
from controller.domain.launch import Launch, LaunchAnswer, LaunchState, Machine, Refusal
from controller.domain.refusal import RefusalKind
from controller.domain.runner import Lifecycle, Runner, RunnerState
from controller.domain.runner import move as move_runner
from controller.domain.settlement import Settlement, new_runner, settle
from tests.fakes import samples

SOLD_OUT = Refusal(RefusalKind.CAPACITY, "InsufficientInstanceCapacity", "", "c7a.xlarge", "us-east-1a")


@dataclass
class Books:
    """The records of one launch as they are stored."""

    launch: Launch
    jobs: dict[JobKey, Job]
    runners: dict[str, Runner] = field(default_factory=dict)

    def save(self, *records: Job | Runner | Launch) -> None:
        for record in records:
            stored = replace(record, version=record.version + 1)
            if isinstance(stored, Job):
                self.jobs[stored.key] = stored
            elif isinstance(stored, Runner):
                assert stored.instance_id not in self.runners or record.version > 0
                self.runners[stored.instance_id] = stored
            else:
                self.launch = stored

    def settle(self, answer: LaunchAnswer, now: float = 50.0, line: Sequence[Job] = ()) -> Settlement:
        return settle(self.launch, list(self.jobs.values()), answer, self.runners, now, line)

    def pairs(self) -> dict[JobKey, str]:
        return {job.key: job.instance_id for job in self.jobs.values() if job.instance_id}


def asked(jobs: int, machines: int) -> tuple[Books, LaunchAnswer]:
    """A launch for so many jobs, reserved, and an answer with so many machines."""
    keys = tuple(JobKey(n, 1) for n in range(1, jobs + 1))
    held = {
        key: samples.job(key.job_id, state=JobState.LAUNCHING, launch_id="launch-1", version=2, rung="spot")
        for key in keys
    }
    started = tuple(Machine(f"i-{n}", "c7a.xlarge", "us-east-1a", Lifecycle.SPOT) for n in range(1, machines + 1))
    refusals = (SOLD_OUT,) if machines < jobs else ()
    return Books(samples.launch(jobs=keys, version=1), held), LaunchAnswer(started, refusals)


SIZES = st.tuples(st.integers(1, 6), st.integers(0, 6))


def test_each_job_gets_a_machine_and_each_machine_a_record_that_names_it() -> None:
    books, answer = asked(2, 2)

    done = books.settle(answer)
    books.save(*done.records)

    assert [(job.id, machine.instance_id) for job, machine in done.matched] == [("1#1", "i-1"), ("2#1", "i-2")]
    assert {name: runner.job for name, runner in books.runners.items()} == {"i-1": JobKey(1, 1), "i-2": JobKey(2, 1)}
    assert all(job.state is JobState.LAUNCHED for job in books.jobs.values())
    assert books.launch.state is LaunchState.SETTLED
    assert books.launch.instances == ("i-1", "i-2")


def test_the_record_of_a_machine_says_where_it_came_from_and_by_when_it_must_claim() -> None:
    launch = samples.launch(claim_deadline_s=300.0, platform="windows/x64", shape="s", home="eu-west-1")
    machine = Machine("i-9", "m7i.large", "eu-west-1b", Lifecycle.ON_DEMAND)

    runner = new_runner(launch, JobKey(4, 2), machine, 1_000.0)

    assert (runner.instance_id, runner.launch_id, runner.job) == ("i-9", "launch-1", JobKey(4, 2))
    assert (runner.instance_type, runner.zone, runner.lifecycle) == ("m7i.large", "eu-west-1b", Lifecycle.ON_DEMAND)
    assert (runner.launched_at, runner.lease_until, runner.since) == (1_000.0, 1_300.0, 1_000.0)
    assert (runner.platform, runner.shape, runner.home, runner.version) == ("windows/x64", "s", "eu-west-1", 0)


def test_partial_fulfilment_serves_the_longest_waiting_and_sends_the_rest_back_with_the_reason() -> None:
    books, answer = asked(3, 1)

    done = books.settle(answer)
    books.save(*done.records)

    assert [job.id for job, _ in done.matched] == ["1#1"]
    assert [(job.id, job.state, job.failures) for job in done.left] == [
        ("2#1", JobState.WAITING, 1),
        ("3#1", JobState.WAITING, 1),
    ]
    assert {job.reason for job in done.left} == {"InsufficientInstanceCapacity"}
    assert books.launch.refused == ("InsufficientInstanceCapacity",)
    assert done.stored().left == tuple(books.jobs[job.key] for job in done.left)


def test_a_spare_machine_is_recorded_so_that_it_is_neither_lost_nor_an_orphan() -> None:
    books, answer = asked(2, 2)
    books.save(move(books.jobs[JobKey(1, 1)], JobState.COMPLETED, 40.0, conclusion="cancelled"))

    done = books.settle(answer)
    books.save(*done.records)

    assert [(job.id, machine.instance_id) for job, machine in done.matched] == [("2#1", "i-1")]
    assert books.runners.keys() == {"i-1", "i-2"}
    assert books.runners["i-2"].state is RunnerState.LAUNCHED


def test_a_machine_whose_job_has_ended_goes_to_one_in_line_rather_than_have_another_launched() -> None:
    books, answer = asked(1, 1)
    books.save(move(books.jobs[JobKey(1, 1)], JobState.RUNNING, 40.0, instance_id="i-foreign"))
    bereft = samples.job(7, version=3)

    unserved = books.settle(answer)
    done = books.settle(answer, line=[bereft])
    books.save(*done.records)

    assert (unserved.unwanted, done.unwanted) == (1, 0)
    assert (books.jobs[bereft.key].state, books.jobs[bereft.key].instance_id) == (JobState.LAUNCHED, "i-1")
    assert (books.jobs[bereft.key].launch_id, books.jobs[bereft.key].rung) == ("launch-1", books.launch.rung)
    assert books.runners["i-1"].job == bereft.key


@pytest.mark.parametrize(
    "other",
    [{"shape": "another"}, {"home": "eu-west-1"}, {"on_demand": True}, {"state": JobState.LAUNCHING}],
    ids=["of another shape", "at home elsewhere", "for on-demand only", "launched for by somebody else"],
)
def test_a_machine_left_over_goes_to_nobody_whom_it_does_not_fit(other: dict[str, Any]) -> None:
    books, answer = asked(1, 1)
    books.save(move(books.jobs[JobKey(1, 1)], JobState.COMPLETED, 40.0, conclusion="cancelled"))

    done = books.settle(answer, line=[samples.job(7, **other)])

    assert (done.matched, done.unwanted) == ((), 1)


def test_a_job_held_by_another_launch_is_not_touched() -> None:
    books, answer = asked(2, 2)
    books.save(replace(books.jobs[JobKey(1, 1)], launch_id="launch-2"))

    done = books.settle(answer)

    assert [job.id for job, _ in done.matched] == ["2#1"]
    assert all(not isinstance(record, Job) or record.key == JobKey(2, 1) for record in done.records)


def test_the_launch_record_comes_last_and_a_job_stands_beside_its_machine() -> None:
    books, answer = asked(3, 3)

    records = books.settle(answer).records

    assert isinstance(records[-1], Launch)
    for job, runner in zip(records[0:6:2], records[1:6:2], strict=True):
        assert isinstance(job, Job)
        assert isinstance(runner, Runner)
        assert (job.instance_id, job.key) == (runner.instance_id, runner.job)


@given(SIZES, st.data())
def test_settling_again_after_any_partial_save_gives_the_same_pairs(
    sizes: tuple[int, int], data: st.DataObject
) -> None:
    whole, answer = asked(*sizes)
    whole.save(*whole.settle(answer).records)
    books, _ = asked(*sizes)
    first = books.settle(answer).records
    books.save(*first[: data.draw(st.integers(0, len(first) - 1), "records saved before the crash")])

    books.save(*books.settle(answer, now=90.0).records)

    assert books.pairs() == whole.pairs()
    assert {n: r.job for n, r in books.runners.items()} == {n: r.job for n, r in whole.runners.items()}
    assert {key: job.state for key, job in books.jobs.items()} == {key: job.state for key, job in whole.jobs.items()}
    assert {key: job.failures for key, job in books.jobs.items()} == {k: j.failures for k, j in whole.jobs.items()}


@given(SIZES)
def test_settling_what_is_settled_changes_no_job_and_no_machine(sizes: tuple[int, int]) -> None:
    books, answer = asked(*sizes)
    books.save(*books.settle(answer).records)

    again = books.settle(answer)

    assert again.matched == ()
    assert again.left == ()
    assert [type(record) for record in again.records] == [Launch]


@st.composite
def troubled(draw: st.DrawFn) -> tuple[Books, LaunchAnswer]:
    """A launch whose jobs and machines have moved on by themselves before it is settled."""
    books, answer = asked(*draw(SIZES))
    for key, job in list(books.jobs.items()):
        match draw(st.sampled_from(["quiet", "quiet", "ran elsewhere", "cancelled", "adopted"])):
            case "ran elsewhere":
                books.save(move(job, JobState.RUNNING, 10.0, instance_id="i-foreign"))
            case "cancelled":
                books.save(move(job, JobState.COMPLETED, 10.0))
            case "adopted" if free := [m for m in answer.machines if m.instance_id not in books.runners]:
                machine = draw(st.sampled_from(free))
                books.save(
                    move_runner(new_runner(books.launch, key, machine, 10.0), RunnerState.CLAIMED, 10.0),
                    move(job, JobState.CLAIMED, 10.0, instance_id=machine.instance_id),
                )
            case _:
                pass
    return books, answer


@given(troubled())
def test_no_job_has_two_machines_no_machine_two_jobs_and_every_machine_a_record(
    trouble: tuple[Books, LaunchAnswer],
) -> None:
    books, answer = trouble
    before = dict(books.jobs)

    done = books.settle(answer)
    books.save(*done.records)

    assert books.runners.keys() == {machine.instance_id for machine in answer.machines}
    used = Counter(job.instance_id for job in books.jobs.values() if job.instance_id)
    assert all(count == 1 for name, count in used.items() if name != "i-foreign")
    assert all(job.state is not JobState.LAUNCHING for job in books.jobs.values())
    for key, job in before.items():
        if job.state is not JobState.LAUNCHING:
            assert books.jobs[key] == job


@given(troubled())
def test_no_machine_stays_idle_while_a_job_of_its_launch_goes_back_in_line(trouble: tuple[Books, LaunchAnswer]) -> None:
    books, answer = trouble

    done = books.settle(answer)

    spares = {r.instance_id for r in done.records if isinstance(r, Runner)} - {m.instance_id for _, m in done.matched}
    assert not (done.left and spares)
