"""Who is next, and who goes together."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.domain import line
from controller.domain.job import Job, JobState
from controller.domain.line import Served, Terms
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


def crowd(repository: str, count: int, first: int = 1, **changes: Any) -> list[Job]:  # noqa: ANN401 - fields of Job
    """Jobs of a repository, queued one after the other."""
    return [samples.job(n, repository=repository, **changes) for n in range(first, first + count)]


def of_each(jobs: list[Job]) -> Counter[str]:
    return Counter(job.repository for job in jobs)


def test_where_there_is_enough_for_all_everybody_is_picked() -> None:
    jobs = [*crowd("octo/a", 3), *crowd("octo/b", 2, first=10)]

    assert {job.key for job in line.pick(jobs, 5, {}, Terms())} == {job.key for job in jobs}


def test_where_there_is_not_repositories_take_turns_whoever_came_first() -> None:
    jobs = [*crowd("octo/many", 400), *crowd("octo/few", 4, first=1_000)]

    assert of_each(line.pick(jobs, 8, {}, Terms())) == {"octo/many": 4, "octo/few": 4}


def test_in_a_repository_the_longest_queued_goes_first() -> None:
    jobs = crowd("octo/a", 9)

    assert line.pick(reversed(jobs), 4, {}, Terms()) == jobs[:4]


def test_a_priority_is_a_start_and_not_a_right() -> None:
    urgent = samples.job(99, config="urgent", queued_at=samples.NOW + 1_000)
    later = samples.job(98, config="urgent", queued_at=samples.NOW + 9_000)
    terms = Terms(priority=lambda config: 4 if config == "urgent" else 0)

    picked = line.pick([*crowd(samples.REPOSITORY, 2), urgent, later], 4, {}, terms)

    assert [job.key.job_id for job in picked] == [99, 1, 2, 98]


def test_a_priority_takes_nothing_from_another_repository() -> None:
    jobs = [*crowd("octo/loud", 50, config="urgent"), *crowd("octo/quiet", 50, first=100)]
    terms = Terms(priority=lambda config: 9 if config == "urgent" else 0)

    assert of_each(line.pick(jobs, 20, {}, terms)) == {"octo/loud": 10, "octo/quiet": 10}


def test_who_is_at_his_limit_holds_nobody_else_up() -> None:
    jobs = [*crowd("octo/a", 10, config="scarce"), *crowd("octo/a", 5, first=20), *crowd("octo/b", 5, first=40)]
    terms = Terms(room={("config", "scarce"): 2, ("repository", "octo/b"): 0})

    picked = line.pick(jobs, 50, {}, terms)

    assert Counter((job.repository, job.config) for job in picked) == {
        ("octo/a", "scarce"): 2,
        ("octo/a", "linux-4cpu"): 5,
    }


def test_nobody_saves_up_a_share_while_he_asks_for_nothing() -> None:
    served = {"octo/a": 40.0, "octo/b": 40.0}

    picked = line.pick([*crowd("octo/a", 50), *crowd("octo/new", 50, first=100)], 20, served, Terms())

    assert of_each(picked) == {"octo/a": 10, "octo/new": 10}


def rounds(weights: Mapping[str, float], seed: int, count: int) -> tuple[Counter[str], dict[str, int]]:
    """What each repository was given, and the most rounds that one of them waited, with never enough for all."""
    dice = random.Random(seed)  # noqa: S311 - a simulation
    terms = Terms(weight=lambda name: weights[name])
    served: Served = {}
    given: Counter[str] = Counter()
    waited, longest = dict.fromkeys(weights, 0), dict.fromkeys(weights, 0)
    for _ in range(count):
        jobs = [job for n, name in enumerate(weights) for job in crowd(name, dice.randint(60, 90), first=1_000 * n)]
        picked = line.pick(jobs, dice.randint(1, 40), served, terms)
        served = line.charged(served, jobs, picked, terms.weight)
        got = of_each(picked)
        given += got
        for name in weights:
            waited[name] = 0 if got[name] else waited[name] + 1
            longest[name] = max(longest[name], waited[name])
    return given, longest


@pytest.mark.parametrize("seed", range(5))
def test_in_the_long_run_everybody_gets_his_weight_and_nobody_starves(seed: int) -> None:
    weights = {"octo/one": 1.0, "octo/two": 2.0, "octo/five": 5.0, "octo/half": 0.5, "octo/other": 1.0}

    given, longest = rounds(weights, seed, count=150)

    for name, weight in weights.items():
        fair = given.total() * weight / sum(weights.values())
        assert abs(given[name] - fair) <= 0.1 * fair, (name, given[name], fair)
    assert max(longest.values()) < 15


@given(LINES, st.integers(0, 10))
def test_no_more_are_picked_than_there_are_slots_and_nobody_twice(lines: list[list[Job]], slots: int) -> None:
    merged = line.merged(*lines)
    waiting = [job for job in merged if job.state is JobState.WAITING]

    picked = line.pick(merged, slots, {}, Terms())

    assert len(picked) == min(slots, len(waiting))
    assert len({job.key for job in picked}) == len(picked)
    assert {job.key for job in picked} <= {job.key for job in waiting}
