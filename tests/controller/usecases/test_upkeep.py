"""Archive, ghosts and dead letters: crashed at every outside call, and run twice at once, nothing is lost or spoilt."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from controller.domain.dead_letters import DeadLetter
from controller.domain.events import ChoreDone
from controller.domain.job import Job, JobState
from controller.domain.runner import RunnerState
from controller.errors import Unavailable
from controller.messages import Chores, Step
from runner_agent.contract import wire
from tests.controller.usecases.upkeep import DAY_S, UPKEEP
from tests.controller.usecases.world import World
from tests.fakes import samples
from tests.fakes.dead_letters import FakeDeadLetters

OLD = (1, 2, 3)
OLD_S = 8 * DAY_S


def world_to_keep() -> World:
    """Three old jobs, a young one, two ghosts beside a runner at work, and three letters."""
    world = World()
    now = world.clock.now
    for n in (*OLD, 4):
        at = now - (OLD_S if n in OLD else DAY_S)
        world.shelf.put(samples.job(n, state=JobState.COMPLETED, queued_at=at, received_at=at, since=at, told=True))
    world.shelf.put(samples.job(7, state=JobState.COMPLETED, since=now - 700))
    for name, state in (("i-gone", RunnerState.GONE), ("i-busy", RunnerState.BUSY)):
        key = samples.job(7).key
        world.shelf.put(samples.runner(name, state=state, since=now - 700, job=key, lease_until=now + 900))
    for name in ("spotrunner-i-gone-1", "spotrunner-i-gone-2", "spotrunner-i-busy-1", "spotrunner-i-other-1"):
        world.github.register(samples.registration(name), now)
    letters(world).put(
        letter("fine", wire.dumps(samples.moved(Step.COMPLETED, 1))),
        letter("broken", "{"),
        letter("wake", '{"kind":"wake"}', queue="jobs"),
    )
    return world


def letters(world: World) -> FakeDeadLetters:
    assert isinstance(world.letters, FakeDeadLetters)
    return world.letters


def letter(name: str, text: str, queue: str = "reports", returns: int = 0) -> DeadLetter:
    return DeadLetter(queue, name, text, "AROAWEBHOOK:webhook", samples.NOW, returns, receipt=name)


def archived(world: World) -> list[Job]:
    kept = [line for name, lines in world.archive.kept.items() if name.startswith("jobs/") for line in lines]
    return [wire.loads(Job, line) for line in kept]


def stored(world: World) -> set[int]:
    return {record.key.job_id for record in world.shelf.records.values() if isinstance(record, Job)}


def check(world: World) -> None:
    """What must be true when all has been done, however often."""
    assert {job.key.job_id for job in archived(world)} == set(OLD)
    assert stored(world) == {4, 7}
    assert {name for _, name in world.github.runners} == {"spotrunner-i-busy-1", "spotrunner-i-other-1"}
    assert world.runner("i-gone").delisted
    assert not world.runner("i-busy").delisted
    assert letters(world).lying == {}
    assert {sent.id for sent in letters(world).sent_back} == {"fine"}
    assert [name for name in world.archive.kept if name.startswith("parked/reports/") and "broken" in name]


class _Crash(BaseException):
    pass


class _Place:
    """Counts the outside calls down, and does something instead of, or before, the one it comes to."""

    def __init__(self, number: int, do: Callable[[Callable[[], object]], object]) -> None:
        self._left, self._do = number, do

    def __call__(self, _name: str, call: Callable[[], object]) -> object:
        self._left -= 1
        return self._do(call) if self._left == 0 else call()


def calls_of(task: Chores) -> int:
    """How many outside calls a task makes, one of which is there even where it finds nothing."""
    names: list[str] = []

    def count(name: str, call: Callable[[], object]) -> object:
        names.append(name)
        return call()

    world_to_keep().doors(count).sweep(task)
    return len(names)


def crash_before(_call: Callable[[], object]) -> object:
    raise _Crash


def crash_after(call: Callable[[], object]) -> object:
    call()
    raise _Crash


@pytest.mark.parametrize("crash", [crash_before, crash_after])
@pytest.mark.parametrize("task", sorted(UPKEEP))
def test_a_task_that_crashes_at_any_call_is_made_good_by_the_next_one(
    task: Chores, crash: Callable[[Callable[[], object]], object]
) -> None:
    for number in range(1, calls_of(task) + 1):
        world = world_to_keep()

        with pytest.raises(_Crash):
            world.doors(_Place(number, crash)).sweep(task)
        letters(world).come_back()
        world.doors()
        for each in UPKEEP:
            world.sweep(each)

        check(world)


@pytest.mark.parametrize("task", sorted(UPKEEP))
def test_two_runs_at_once_do_no_more_than_one(task: Chores) -> None:
    for number in range(1, calls_of(task) + 1):
        world = world_to_keep()

        def another(call: Callable[[], object], world: World = world) -> object:
            world.sweep(task)
            return call()

        world.doors(_Place(number, another)).sweep(task)
        letters(world).come_back()
        for each in UPKEEP:
            world.sweep(each)

        check(world)


def test_a_dry_run_says_in_a_sentence_what_would_be_done_and_does_none_of_it() -> None:
    world = world_to_keep()
    before = (
        dict(world.shelf.records),
        dict(world.github.runners),
        dict(letters(world).lying),
        dict(world.memory.facts),
    )

    said = {task: world.sweep(task, dry_run=True) for task in UPKEEP}

    assert (world.shelf.records, world.github.runners, letters(world).lying, world.memory.facts) == before
    assert world.archive.kept == {}
    assert letters(world).sent_back == []
    assert len(said[Chores.OLD_JOBS]) == 1
    assert said[Chores.OLD_JOBS][0].startswith("archive 3 jobs as jobs/")
    assert sorted(line.split(":")[0] for line in said[Chores.GHOST_RUNNERS]) == [
        "ask no more about i-gone",
        "remove runner spotrunner-i-gone-1 from octo/hello",
        "remove runner spotrunner-i-gone-2 from octo/hello",
    ]
    assert sorted(line.split(":")[0] for line in said[Chores.DEAD_LETTERS]) == [
        "drop message wake of jobs",
        "park message broken of reports",
        "send back message fine of reports",
    ]
    assert all(event.dry_run for event in world.told.of(ChoreDone))


def test_a_job_that_moved_on_while_it_was_archived_stays() -> None:
    world = world_to_keep()
    job = world.job(1)

    def meanwhile(name: str, call: Callable[[], object]) -> object:
        if name == "archive.keep":
            world.ledger.save([replace(job, reason="somebody else wrote it")])
        return call()

    world.doors(meanwhile).sweep(Chores.OLD_JOBS)

    assert stored(world) == {1, 4, 7}
    world.doors().sweep(Chores.OLD_JOBS)
    assert stored(world) == {4, 7}
    assert {job.version for job in archived(world) if job.key.job_id == 1} == {1, 2}


def test_the_jobs_of_a_day_that_are_too_many_at_once_have_their_turn_a_minute_later() -> None:
    world = World()
    at = world.clock.now - OLD_S
    for n in range(2_001):
        world.shelf.put(samples.job(n, state=JobState.COMPLETED, queued_at=at, received_at=at, since=at))

    world.sweep(Chores.OLD_JOBS)
    world.pump_sent()

    assert stored(world) == set()
    assert {job.key.job_id for job in archived(world)} == set(range(2_001))


def test_where_github_does_not_answer_nothing_is_settled() -> None:
    world = world_to_keep()
    world.github.faults.plan(Unavailable("GitHub is away"))

    lines = world.sweep(Chores.GHOST_RUNNERS)

    assert lines == []
    assert not world.runner("i-gone").delisted
    world.sweep(Chores.GHOST_RUNNERS)
    assert world.runner("i-gone").delisted


def test_one_list_serves_all_machines_of_a_repository() -> None:
    world = world_to_keep()
    now = world.clock.now
    for n in range(20):
        world.shelf.put(samples.runner(f"i-dead{n}", state=RunnerState.GONE, since=now - 700, job=samples.job(7).key))
    world.github.calls.clear()

    world.sweep(Chores.GHOST_RUNNERS)

    assert world.github.calls == ["listed", "remove", "remove"]


def test_a_letter_that_keeps_failing_is_parked_and_one_that_rests_is_left() -> None:
    world = World()
    fine = wire.dumps(samples.moved(Step.COMPLETED, 1))
    letters(world).put(
        letter("poison", fine, returns=4), replace(letter("rests", fine, returns=2), sent_at=world.clock.now)
    )

    lines = world.sweep(Chores.DEAD_LETTERS)

    assert lines == ["park message poison of reports: it failed after each of 4 returns"]
    assert set(letters(world).lying) == {"rests"}


def test_a_queue_that_can_not_be_read_does_not_stop_the_others() -> None:
    world = world_to_keep()
    letters(world).faults.plan(Unavailable("jobs-dead is away"))

    lines = world.sweep(Chores.DEAD_LETTERS)

    assert sorted(line.split(":")[0] for line in lines) == [
        "park message broken of reports",
        "send back message fine of reports",
    ]
