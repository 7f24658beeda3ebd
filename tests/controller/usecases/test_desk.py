"""The desk reads each record once and saves all changes together."""

from __future__ import annotations

from dataclasses import replace

from controller.domain.job_key import JobKey
from controller.ports import Jobs, Runners
from controller.usecases.desk import Desk
from tests.controller.usecases.world import World, watched
from tests.fakes import samples


def desk_over(world: World) -> tuple[Desk, list[str]]:
    """A desk, and the reads it makes."""
    calls: list[str] = []

    def count(name: str, call: object) -> object:
        calls.append(name)
        return call() if callable(call) else call

    jobs: Jobs = watched(world.jobs, count)
    runners: Runners = watched(world.runners, count)
    return Desk(jobs, runners, world.ledger), calls


def stocked() -> World:
    world = World()
    world.shelf.put(samples.job(1), samples.job(2), samples.runner("i-1"))
    return world


def test_what_was_fetched_is_not_read_again_even_where_there_is_none() -> None:
    desk, calls = desk_over(stocked())

    desk.fetch([JobKey(1, 1), JobKey(9, 1)], ["i-1", "i-9"])

    assert desk.job(JobKey(1, 1)) is not None
    assert desk.job(JobKey(9, 1)) is None
    assert desk.runner("i-1") is not None
    assert desk.runner("i-9") is None
    assert calls == ["jobs.get", "runners.get"]


def test_what_was_not_fetched_is_read_when_it_is_needed() -> None:
    desk, calls = desk_over(stocked())

    desk.job(JobKey(1, 1))
    desk.job(JobKey(1, 1))

    assert calls == ["jobs.get"]


def test_nothing_is_read_for_no_record_and_no_machine() -> None:
    desk, calls = desk_over(stocked())

    desk.fetch([], [])

    assert desk.runner("") is None
    assert calls == []


def test_the_other_sides_of_what_was_fetched_are_read_in_one_go() -> None:
    world = World()
    world.shelf.put(
        samples.job(1, instance_id="i-2"),
        samples.runner("i-1", job=JobKey(2, 1)),
        samples.job(2),
        samples.runner("i-2"),
    )
    desk, calls = desk_over(world)

    desk.fetch([JobKey(1, 1)], ["i-1"])
    desk.fetch_partners()

    assert desk.job(JobKey(2, 1)) is not None
    assert desk.runner("i-2") is not None
    assert calls == ["jobs.get", "runners.get"] * 2


def test_no_other_side_is_read_twice() -> None:
    world = World()
    world.shelf.put(samples.job(1, instance_id="i-1"), samples.runner("i-1"))
    desk, calls = desk_over(world)

    desk.fetch([JobKey(1, 1)], ["i-1"])
    desk.fetch_partners()

    assert calls == ["jobs.get", "runners.get"]


def test_a_change_is_seen_on_the_desk_at_once_and_in_storage_after_the_save() -> None:
    world = stocked()
    desk, _ = desk_over(world)
    job = desk.job(JobKey(1, 1))
    assert job is not None

    desk.put(replace(job, reason="changed"))
    desk.put(replace(job, reason="changed again"))

    assert desk.job(JobKey(1, 1)) == replace(job, reason="changed again")
    assert world.job(1).reason == ""
    assert desk.save()
    assert (world.job(1).reason, world.job(1).version) == ("changed again", 2)


def test_a_desk_on_which_nothing_changed_saves_nothing() -> None:
    world = stocked()
    desk, _ = desk_over(world)
    desk.job(JobKey(1, 1))

    assert desk.save()
    assert world.ledger.saves == []


def test_where_somebody_else_was_faster_nothing_of_the_desk_is_written() -> None:
    world = stocked()
    desk, _ = desk_over(world)
    one, two = desk.job(JobKey(1, 1)), desk.job(JobKey(2, 1))
    assert one is not None
    assert two is not None
    desk.put(replace(one, reason="mine"), replace(two, reason="mine"))
    world.shelf.put(replace(world.job(2), reason="theirs"))

    assert not desk.save()

    assert (world.job(1).reason, world.job(2).reason) == ("", "theirs")
