"""Who may be launched for now, and how much of the line is read to know it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace

import pytest

from controller.domain.capacity import Capacity
from controller.domain.events import LaunchesPaced
from controller.domain.job import JobState
from controller.domain.launch import LaunchPlan
from controller.domain.pacing import LEAST_LEASE, MACHINES, Bucket, Pace
from controller.domain.rules import Rules
from controller.domain.shares import Shares
from controller.messages import Step, Wake
from controller.usecases.capacity_book import FACT
from controller.usecases.pick_jobs import LINE_READ
from runner_agent.contract import wire
from tests.controller.usecases.world import World
from tests.fakes import samples


def with_tokens(world: World, machines: float) -> World:
    """As if other dispatchers had left so many."""
    pace = Pace(machines=Bucket(machines, world.clock.now))
    world.memory.remember(FACT, wire.dumps(Capacity("other", pace)), world.clock.now + 1_000)
    return world


def queue(world: World, repository: str, count: int, first: int = 1) -> None:
    world.jobs.add([samples.job(n, repository=repository, shape=repository) for n in range(first, first + count)])


def launched(world: World) -> Counter[str]:
    plans = [wire.loads(LaunchPlan, text) for text in world.fleet.requests]
    return Counter({dict(plan.tags)["spotrunner:repository"]: plan.count for plan in plans})


def test_a_repository_that_comes_late_does_not_wait_for_all_that_came_before() -> None:
    world = with_tokens(World(), 40)
    queue(world, "octo/many", LINE_READ + 100)
    queue(world, "octo/late", 30, first=10_000)

    world.wake()

    assert launched(world) == {"octo/many": 20, "octo/late": 20}


def test_the_weights_of_the_routing_document_count() -> None:
    world = with_tokens(World(), 40)
    world.configs.stack_rules = Rules(shares=Shares(weights={"octo/heavy": 3.0}))
    queue(world, "octo/heavy", 60)
    queue(world, "octo/light", 60, first=1_000)

    world.wake()

    assert launched(world) == {"octo/heavy": 30, "octo/light": 10}


def test_what_a_repository_had_last_time_counts_the_next_time() -> None:
    world = with_tokens(World(), 20)
    world.configs.stack_rules = Rules(shares=Shares(weights={"octo/a": 19.0}))
    queue(world, "octo/a", 100)
    queue(world, "octo/b", 100, first=1_000)
    for _ in range(4):
        world.wake()
        world.clock.turn(10.5)

    lighter = world.jobs.get(samples.job(n).key for n in range(1_000, 1_100)).values()
    assert sum(job.state is JobState.LAUNCHED for job in lighter) == pytest.approx(4, abs=1)


def test_no_more_jobs_of_a_configuration_than_it_may_have_get_a_machine_until_one_has_ended() -> None:
    world = World(samples.config(most_jobs=2))

    world.arrive(1, 2, 3)
    world.wake()
    before = world.states()
    world.moved(Step.COMPLETED, 1, conclusion="success")
    world.wake()

    assert Counter(before.values()) == {JobState.LAUNCHED: 2, JobState.WAITING: 1}
    assert world.job(3).state is JobState.LAUNCHED


def test_no_more_jobs_of_a_repository_than_it_may_have_get_a_machine() -> None:
    world = World()
    world.configs.stack_rules = Rules(shares=Shares(most_jobs={"octo/greedy": 3}))
    queue(world, "octo/greedy", 9)
    queue(world, "octo/other", 2, first=100)

    world.wake()

    assert launched(world) == {"octo/greedy": 3, "octo/other": 2}


def test_jobs_at_their_limit_do_not_hide_those_behind_them_in_the_line() -> None:
    world = World()
    world.configs.stack_rules = Rules(shares=Shares(most_jobs={"octo/greedy": 0}))
    queue(world, "octo/greedy", LINE_READ + 50)
    queue(world, "octo/other", 2, first=10_000)

    world.wake()

    assert launched(world) == {"octo/other": 2}


def test_where_tokens_fall_short_somebody_is_woken_once_when_there_are_some_again() -> None:
    world = with_tokens(World(), 0)
    queue(world, "octo/many", 50)

    world.wake()
    world.wake()

    wakes = [
        delay for sent, delay in zip(world.outbox.sent, world.outbox.delays, strict=True) if isinstance(sent, Wake)
    ]
    assert len(wakes) == 1
    assert LEAST_LEASE / MACHINES.per_s - 1 <= wakes[0] <= LEAST_LEASE / MACHINES.per_s + 3
    assert world.fleet.requests == []
    assert sum(event.jobs for event in world.told.of(LaunchesPaced)) == 100
    assert {job.version for job in world.jobs.waiting(100)} == {1}


def test_woken_then_they_are_served() -> None:
    world = with_tokens(World(), 0)
    queue(world, "octo/many", 50)
    world.wake()

    world.clock.turn(world.outbox.delays[0])
    world.wake()

    assert launched(world).total() >= LEAST_LEASE


def test_a_line_in_which_all_can_be_served_is_read_once() -> None:
    world = World()
    reads: list[str] = []

    def counted(name: str, call: Callable[[], object]) -> object:
        reads.append(name)
        return call()

    world.doors(counted).arrive(*range(1, 41))

    count = Counter(reads)
    assert count["jobs.waiting"] == 1
    assert count["jobs.under_way"] == 0
    assert count["memory.swap"] <= 2


def test_a_priority_puts_a_configurations_jobs_ahead_of_older_ones() -> None:
    world = with_tokens(World(samples.config(), samples.config("urgent", priority=5)), 20)
    world.jobs.add([samples.job(n) for n in range(1, 31)])
    world.jobs.add([replace(samples.job(99), labels=("spotrunner/urgent",), config="urgent", shape="urgent")])

    world.wake()

    assert world.job(99).state is JobState.LAUNCHED
    assert world.job(30).state is JobState.WAITING
