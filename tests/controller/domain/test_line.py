"""Who is next, and who goes together."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from controller.domain import line
from controller.domain.job import Job, JobState
from tests.fakes import samples

JOBS = st.builds(
    samples.job,
    st.integers(1, 6),
    queued_at=st.integers(0, 3).map(float),
    version=st.integers(0, 3),
    state=st.sampled_from([JobState.WAITING, JobState.WAITING, *JobState]),
    shape=st.sampled_from(["small", "large"]),
    on_demand=st.booleans(),
)
LINES = st.lists(st.lists(JOBS, max_size=8), max_size=3)


@given(LINES)
def test_a_merged_line_has_the_freshest_reading_of_each_job_once(lines: list[list[Job]]) -> None:
    every = [job for jobs in lines for job in jobs]

    merged = line.merged(*lines)

    assert sorted(job.key for job in merged) == sorted({job.key for job in every})
    assert all(job.version == max(other.version for other in every if other.key == job.key) for job in merged)


@given(LINES)
def test_a_merged_line_is_in_the_order_of_queueing(lines: list[list[Job]]) -> None:
    merged = line.merged(*lines)

    assert merged == sorted(merged, key=lambda job: (job.queued_at, job.key))


def test_a_job_that_has_moved_on_since_one_reading_is_not_waiting() -> None:
    stale = samples.job(1, version=1)
    fresh = samples.job(1, version=2, state=JobState.LAUNCHING)

    assert line.groups(line.merged([stale], [fresh])) == []
    assert line.groups(line.merged([fresh], [stale])) == []


@given(LINES)
def test_the_groups_hold_every_waiting_job_once_and_nobody_else(lines: list[list[Job]]) -> None:
    merged = line.merged(*lines)

    grouped = Counter(job.key for group in line.groups(merged) for job in group)

    assert grouped == Counter(job.key for job in merged if job.state is JobState.WAITING)


@given(LINES)
def test_a_group_is_of_one_shape_and_one_way_of_paying(lines: list[list[Job]]) -> None:
    for group in line.groups(line.merged(*lines)):
        assert len({(job.shape, job.on_demand) for job in group}) == 1
        assert list(group) == sorted(group, key=lambda job: (job.queued_at, job.key))


@given(LINES)
def test_the_group_of_the_longest_waiting_comes_first(lines: list[list[Job]]) -> None:
    heads = [group[0].queued_at for group in line.groups(line.merged(*lines))]

    assert heads == sorted(heads)


def test_a_group_never_outgrows_one_atomic_write() -> None:
    jobs = [samples.job(n) for n in range(1, 251)]

    groups = line.groups(line.merged(jobs))

    assert [len(group) for group in groups] == [99, 99, 52]
    assert [job.key.job_id for group in groups for job in group] == list(range(1, 251))
    assert line.LARGEST_GROUP + 1 <= 100
