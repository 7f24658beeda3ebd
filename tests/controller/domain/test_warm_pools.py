"""Which spare a job takes, and how a pool comes to its size."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.domain.job import JobState
from controller.domain.job_key import NOBODY
from controller.domain.runner import Lifecycle, Runner, RunnerState
from controller.domain.warm_pools import (
    LARGEST_POOL,
    RECENT_S,
    WRITTEN_S,
    Fill,
    Plan,
    Pool,
    Wish,
    coming,
    pairs,
    plan,
    remembered,
    strays,
)
from tests.fakes import samples

NOW = samples.NOW + 1_000.0
LEAD_S = 180.0
SHAPE = "four"
WISH = Wish(SHAPE, {"c7a.xlarge"}, on_demand=False)


def spare(name: str = "i-1", **changes: Any) -> Runner:  # noqa: ANN401 - fields of the record
    usual: dict[str, Any] = {
        "state": RunnerState.SPARE,
        "job": NOBODY,
        "repository": "",
        "shape": SHAPE,
        "ready_at": NOW - 500,
        "lease_until": NOW + 2_000,
    }
    return samples.runner(name, **(usual | changes))


def test_a_job_takes_the_ready_spare_whose_time_ends_first() -> None:
    booting = spare("i-1", ready_at=None, lease_until=NOW + 10)
    young, old = spare("i-2", lease_until=NOW + 900), spare("i-3", lease_until=NOW + 800)

    found = pairs([samples.job(n) for n in (1, 2, 3, 4)], [booting, young, old], WISH, NOW)

    assert [(job.key.job_id, each.instance_id) for job, each in found] == [(1, "i-3"), (2, "i-2"), (3, "i-1")]


@pytest.mark.parametrize(
    ("changes", "wish"),
    [
        ({"shape": "eight"}, WISH),
        ({"interruption": "terminate"}, WISH),
        ({"lease_until": NOW}, WISH),
        ({"state": RunnerState.LAUNCHED}, WISH),
        ({"state": RunnerState.FINISHED}, WISH),
        ({"lifecycle": Lifecycle.SPOT}, replace(WISH, on_demand=True)),
        # A rule about the job's repository may leave out types that the pool has.
        ({"instance_type": "m7a.xlarge"}, WISH),
    ],
)
def test_a_spare_that_does_not_fit_or_is_about_to_go_is_taken_by_nobody(changes: dict[str, Any], wish: Wish) -> None:
    assert pairs([samples.job()], [spare(**changes)], wish, NOW) == []


def test_a_job_that_must_not_have_a_spot_machine_takes_a_spare_that_is_none() -> None:
    paid = spare("i-2", lifecycle=Lifecycle.ON_DEMAND)

    found = pairs([samples.job()], [spare("i-1"), paid], replace(WISH, on_demand=True), NOW)

    assert [each for _, each in found] == [paid]


def test_a_job_that_has_moved_on_takes_nothing() -> None:
    assert pairs([samples.job(state=JobState.RUNNING)], [spare()], WISH, NOW) == []


@given(st.integers(0, 120), st.integers(0, 120))
def test_nobody_takes_two_and_nothing_is_taken_twice(jobs: int, spares: int) -> None:
    found = pairs([samples.job(n + 1) for n in range(jobs)], [spare(f"i-{n}") for n in range(spares)], WISH, NOW)

    assert len(found) == min(jobs, spares, LARGEST_POOL)
    assert len({job.key for job, _ in found}) == len({each.id for _, each in found}) == len(found)


SPARES = st.lists(
    st.builds(
        lambda shape, ready, left, interruption, config: {
            "shape": shape,
            "ready_at": NOW - 50 if ready else None,
            "lease_until": NOW + left,
            "interruption": interruption,
            "config": config,
        },
        st.sampled_from([SHAPE, SHAPE, SHAPE, "old"]),
        st.booleans(),
        st.floats(-100, 3_000),
        st.sampled_from(["", "", "rebalance", "terminate"]),
        st.sampled_from(["linux-4cpu", "linux-4cpu", "other"]),
    ),
    max_size=12,
)


@given(SPARES, st.integers(0, 8), st.integers(0, 8))
def test_a_plan_carried_out_leaves_nothing_to_plan(kept: list[dict[str, Any]], size: int, under_way: int) -> None:
    pool = Pool("linux-4cpu", SHAPE, size)
    spares = [spare(f"i-{number}", **changes) for number, changes in enumerate(kept)]

    first = plan(pool, spares, under_way, NOW, LEAD_S)
    stopped = {runner.instance_id for runner, _ in first.stop}
    left = [runner for runner in spares if runner.instance_id not in stopped]

    assert plan(pool, left, under_way + first.start, NOW, LEAD_S) == Plan()


@given(SPARES, st.integers(0, 8), st.integers(0, 8))
def test_a_plan_never_starts_beyond_the_size_nor_touches_another_pool(
    kept: list[dict[str, Any]], size: int, under_way: int
) -> None:
    spares = [spare(f"i-{number}", **changes) for number, changes in enumerate(kept)]

    made = plan(Pool("linux-4cpu", SHAPE, size), spares, under_way, NOW, LEAD_S)

    assert made.start == 0 or made.start + under_way <= size
    assert all(runner.config == "linux-4cpu" for runner, _ in made.stop)
    assert not made.start or all(runner.shape != SHAPE for runner, _ in made.stop)


def test_a_pool_that_is_short_starts_what_is_missing_and_counts_what_is_coming() -> None:
    pool = Pool("linux-4cpu", SHAPE, 3)

    assert plan(pool, [], 0, NOW, LEAD_S) == Plan(start=3)
    assert plan(pool, [spare()], 1, NOW, LEAD_S) == Plan(start=1)
    assert plan(pool, [spare()], 5, NOW, LEAD_S).start == 0


def test_the_successor_of_an_old_spare_is_started_before_it_goes() -> None:
    old = spare(lease_until=NOW + LEAD_S)

    assert plan(Pool("linux-4cpu", SHAPE, 1), [old], 0, NOW, LEAD_S) == Plan(start=1)


def test_a_spare_that_boots_counts_until_it_should_have_been_up() -> None:
    booting = spare(ready_at=None, lease_until=NOW + 5)

    assert plan(Pool("linux-4cpu", SHAPE, 1), [booting], 0, NOW, LEAD_S) == Plan()
    assert plan(Pool("linux-4cpu", SHAPE, 1), [replace(booting, lease_until=NOW)], 0, NOW, LEAD_S).start == 1


def test_a_pool_made_smaller_lets_go_of_those_that_are_of_the_least_use() -> None:
    booting = spare("i-1", ready_at=None, lease_until=NOW + 100)
    old, young = spare("i-2", lease_until=NOW + 500), spare("i-3", lease_until=NOW + 900)

    made = plan(Pool("linux-4cpu", SHAPE, 1), [young, old, booting], 0, NOW, LEAD_S)

    assert made == Plan(stop=((booting, "the pool was made smaller"), (old, "the pool was made smaller")))


def test_a_spare_of_what_the_configuration_said_before_is_replaced() -> None:
    drifted = spare(shape="old")

    made = plan(Pool("linux-4cpu", SHAPE, 1), [drifted], 0, NOW, LEAD_S)

    assert made == Plan(start=1, stop=((drifted, "its configuration has changed"),))


def test_why_a_pool_is_emptied_is_told_its_spares() -> None:
    (made,) = plan(Pool("linux-4cpu", SHAPE, 0, "the region drains"), [spare()], 0, NOW, LEAD_S).stop

    assert made == (spare(), "the region drains")


def test_spares_of_configurations_that_are_gone_go_and_all_others_stay() -> None:
    gone, kept = spare("i-1", config="gone"), spare("i-2")
    taken = spare("i-3", config="gone", state=RunnerState.LAUNCHED)

    assert strays([gone, kept, taken], {"linux-4cpu"}) == Plan(stop=((gone, "its configuration is gone"),))


def test_what_a_launch_will_bring_counts_until_its_outcome_is_written_down() -> None:
    fills = {"new": Fill("a", 2, NOW - 1), "asked": Fill("a", 3, NOW - 500), "done": Fill("a", 4, NOW - 5)}
    fills["never"] = Fill("b", 5, NOW - WRITTEN_S)

    assert coming(fills, {"asked"}, {"asked", "done"}, NOW) == {"a": 5}


def test_a_launch_is_looked_at_by_name_for_as_long_as_an_index_may_not_show_it() -> None:
    fills = {"old": Fill("a", 1, NOW - RECENT_S), "young": Fill("a", 1, NOW - RECENT_S + 1)}

    assert remembered(fills, set(), NOW).keys() == {"young"}
    assert remembered(fills, {"old"}, NOW).keys() == {"old", "young"}
