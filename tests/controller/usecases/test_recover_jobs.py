from __future__ import annotations

from dataclasses import replace

import pytest

from controller.domain.deliveries import MessageDelayed
from controller.domain.events import DeliverySentAgain, JobAccepted, JobFound
from controller.domain.job import JobState
from controller.domain.job_key import Intake
from controller.errors import Unavailable
from controller.messages import Chores, JobMoved, JobQueued, Step
from tests.controller.usecases.world import SCAN_GRACE_S, World
from tests.fakes import samples
from tests.fakes.census import FakeCensus

OLD = SCAN_GRACE_S + 30.0


def found(job_id: int = 1, **changes: object) -> JobQueued:
    return replace(samples.queued(job_id), intake=Intake.SCAN, **changes)  # type: ignore[arg-type]  # fields of it


@pytest.fixture
def world() -> World:
    world = World()
    world.clock.turn(OLD)
    return world


def test_a_job_whose_webhook_never_came_is_found_and_gets_its_machine(world: World) -> None:
    world.census.has(found())

    world.sweep(Chores.RECOVER_JOBS)
    world.pump_sent()

    assert world.states() == {1: JobState.LAUNCHED}
    assert [told.intake for told in world.told.of(JobAccepted)] == [Intake.SCAN]
    assert len(world.told.of(JobFound)) == 1


def test_a_webhook_that_may_still_come_is_waited_for(world: World) -> None:
    world.census.has(found(queued_at=world.clock.now - SCAN_GRACE_S / 2))

    world.sweep(Chores.RECOVER_JOBS)

    assert world.outbox.sent == []


def test_a_job_that_is_known_is_not_brought_again(world: World) -> None:
    world.arrive(1)
    world.census.has(found())

    world.sweep(Chores.RECOVER_JOBS)

    assert world.outbox.sent == []


def test_a_webhook_that_comes_after_all_launches_nothing_twice(world: World) -> None:
    world.census.has(found())
    world.sweep(Chores.RECOVER_JOBS)
    world.pump_sent()

    world.arrive(1)

    assert len(world.machines) == 1


def test_a_job_that_was_cancelled_unheard_gets_no_machine_any_more(world: World) -> None:
    world.arrive(1)
    world.census.has(samples.moved(Step.COMPLETED, 1, conclusion="cancelled", completed_at=world.clock.now))
    world.clock.turn(OLD)

    world.sweep(Chores.RECOVER_JOBS)

    (word,) = world.outbox.sent
    assert isinstance(word, JobMoved)
    assert (word.kind, word.conclusion) == (Step.COMPLETED, "cancelled")


def test_a_job_that_began_unheard_is_running(world: World) -> None:
    world.arrive(1)
    world.census.has(samples.moved(Step.IN_PROGRESS, 1, started_at=world.clock.now))
    world.clock.turn(OLD)

    world.sweep(Chores.RECOVER_JOBS)

    assert [word.kind for word in world.outbox.sent] == [Step.IN_PROGRESS]


def test_a_job_whose_end_was_not_heard_is_looked_for_after_a_while(world: World) -> None:
    world.arrive(1)
    world.moved(Step.IN_PROGRESS, 1, started_at=world.clock.now)
    world.census.has(samples.moved(Step.COMPLETED, 1, conclusion="success", completed_at=world.clock.now))
    world.clock.turn(OLD)
    world.sweep(Chores.RECOVER_JOBS)
    early = len(world.outbox.sent)

    world.clock.turn(600.0)
    world.sweep(Chores.RECOVER_JOBS)

    assert early == 0
    assert [word.kind for word in world.outbox.sent] == [Step.COMPLETED]


def test_what_is_not_ours_is_left_alone(world: World) -> None:
    world.census.has(found(labels=("ubuntu-latest",)))

    world.sweep(Chores.RECOVER_JOBS)

    assert world.outbox.sent == []


def test_no_word_from_github_is_no_word_about_any_job(world: World) -> None:
    world.arrive(1)
    world.clock.turn(OLD)
    world.census.faults.plan(Unavailable("GitHub: 502"))

    world.sweep(Chores.RECOVER_JOBS)

    assert world.job(1).state is JobState.LAUNCHED
    assert world.outbox.sent == []
    assert [told.queue for told in world.told.of(MessageDelayed)] == ["scan"]


def test_a_repository_that_github_does_not_show_keeps_no_other_from_its_turn() -> None:
    world = World()
    world.census = FakeCensus("octo/gone", "octo/here")
    world.doors()
    world.clock.turn(OLD)
    world.census.closed.add("octo/gone")
    world.census.has(found(repository="octo/here"))

    world.sweep(Chores.RECOVER_JOBS)

    assert [word.repository for word in world.outbox.sent if isinstance(word, JobQueued)] == ["octo/here"]


def test_calls_are_limited_and_the_next_look_goes_on_where_this_one_stopped() -> None:
    world = World()
    world.census = FakeCensus(*(f"octo/r{n:03}" for n in range(100)))
    world.doors()
    looks = []

    for _ in range(4):
        world.census.calls.clear()
        world.sweep(Chores.RECOVER_JOBS)
        looks.append([call for call in world.census.calls if call.startswith("runs of")])

    assert {len(look) for look in looks} == {30}
    assert len({call for look in looks for call in look}) == 100


def test_a_dry_run_tells_and_does_nothing(world: World) -> None:
    world.census.has(found())
    world.deliveries.sent("a", 502, world.clock.now)

    lines = world.sweep(Chores.RECOVER_JOBS, dry_run=True) + world.sweep(Chores.RECOVER_DELIVERIES, dry_run=True)

    assert lines == [f"job 1#1 of {samples.REPOSITORY} is queued", "send delivery 1 again"]
    assert world.outbox.sent == []
    assert world.deliveries.again == []
    assert world.memory.facts == {}


def test_a_failed_delivery_is_sent_again_once(world: World) -> None:
    world.deliveries.sent("a", 502, world.clock.now)

    for _ in range(3):
        world.sweep(Chores.RECOVER_DELIVERIES)
        world.clock.turn(60.0)

    assert world.deliveries.again == [1]
    assert world.told.of(DeliverySentAgain) == [DeliverySentAgain("1")]


def test_while_nobody_answers_it_is_tried_at_each_look(world: World) -> None:
    world.deliveries.deaf = True
    world.deliveries.sent("a", 502, world.clock.now)

    for _ in range(3):
        world.sweep(Chores.RECOVER_DELIVERIES)
        world.clock.turn(60.0)

    assert len(world.deliveries.again) == 3


def test_after_a_long_silence_the_log_is_read_from_the_last_look_on(world: World) -> None:
    world.sweep(Chores.RECOVER_DELIVERIES)
    world.deliveries.sent("a", 502, world.clock.now + 60.0)

    world.clock.turn(2 * 86_400.0)
    world.sweep(Chores.RECOVER_DELIVERIES)

    assert world.deliveries.again == [1]


def test_more_failures_than_one_look_sends_again_are_left_for_the_next(world: World) -> None:
    for n in range(45):
        world.deliveries.sent(f"guid-{n}", 502, world.clock.now + n)

    for _ in range(3):
        world.clock.turn(60.0)
        world.sweep(Chores.RECOVER_DELIVERIES)

    assert len(world.deliveries.again) == 45
