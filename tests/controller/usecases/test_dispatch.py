"""The provisioning door: whoever has come is written down, then everybody in line is launched for."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest

from controller.adapters.threads import each
from controller.domain.deliveries import MessageDelayed, MessageRejected
from controller.domain.events import JobBackInLine
from controller.domain.fleet_config import Os
from controller.domain.job import JobState
from controller.domain.launch import LaunchAnswer, Refusal
from controller.domain.refusal import RefusalKind
from controller.errors import Unavailable
from controller.messages import Delivery, Step, Wake
from controller.usecases import region_watch
from controller.usecases.dispatch import LAUNCHING_S
from tests.controller.usecases.world import World, delivery
from tests.fakes import samples
from tests.fakes.fleet import FakeFleet

DRAIN_SEEN_S = 31.0
"""A dispatcher that has just looked does not look again for half a minute."""


def test_equal_jobs_share_one_request_for_machines() -> None:
    world = World()

    world.arrive(1, 2, 3)

    assert len(world.fleet.requests) == 1
    assert len(world.machines) == 3
    assert len({world.machine_of(n) for n in (1, 2, 3)}) == 3


def test_unequal_jobs_are_launched_apart() -> None:
    world = World()
    world.backlog.put(samples.queued(1), samples.queued(2, labels=("spotrunner/linux-4cpu/cpu=8",)))

    world.pump()

    assert len(world.fleet.requests) == 2
    assert {machine.instance_type.split(".")[1] for machine in world.fleet.running} == {"xlarge", "2xlarge"}


EIGHT = ("spotrunner/linux-4cpu/cpu=8",)


class SlowFleet(FakeFleet):
    """A cloud that needs most of a dispatcher's time for one launch."""

    def __init__(self, world: World) -> None:
        super().__init__(world.clock.now)
        self.clock = world.clock

    def launch(self, request: str) -> LaunchAnswer:
        self.clock.turn(LAUNCHING_S + 1.0)
        return super().launch(request)


class Meeting(FakeFleet):
    """A cloud that answers when as many launches are under way as it waits for."""

    def __init__(self, world: World, launches: int) -> None:
        super().__init__(world.clock.now)
        self.met = threading.Barrier(launches, timeout=30.0)
        self.one_at_a_time = threading.Lock()

    def launch(self, request: str) -> LaunchAnswer:
        self.met.wait()
        with self.one_at_a_time:
            return super().launch(request)


def test_launches_that_would_begin_too_late_wait_for_a_wake_up_that_is_asked_for() -> None:
    world = World()
    world.fleet = SlowFleet(world)
    world.doors()
    world.backlog.put(samples.queued(1), samples.queued(2, labels=EIGHT))

    world.pump()
    asked, woken = len(world.fleet.requests), [sent for sent in world.outbox.sent if isinstance(sent, Wake)]
    world.clock.turn(60.0)
    world.wake()

    assert (asked, len(woken)) == (1, 1)
    assert len(world.fleet.requests) == len(world.machines) == 2


def test_groups_are_launched_side_by_side_where_there_are_threads_for_them() -> None:
    world = World()
    world.fleet = Meeting(world, launches=2)
    world.doors()
    world.dispatch = replace(world.dispatch, side_by_side=each)
    world.backlog.put(samples.queued(1), samples.queued(2, labels=EIGHT))

    world.pump()

    assert set(world.states().values()) == {JobState.LAUNCHED}
    assert len(world.machines) == 2


def test_a_full_batch_drains_the_queue_so_that_a_burst_is_one_launch() -> None:
    world = World()

    failed = world.arrive(*range(1, 96))

    assert failed == []
    assert len(world.fleet.requests) == 1
    assert len(world.machines) == 95
    assert world.backlog.ready == []
    assert world.backlog.taken == {}


def test_a_batch_that_is_not_full_leaves_the_queue_alone() -> None:
    world = World()

    world.dispatch([delivery(samples.queued(1))])

    assert world.backlog.receives == 0


def test_one_dispatch_takes_no_more_than_its_limit_off_the_queue() -> None:
    world = World()
    world.backlog.put(*(samples.queued(n) for n in range(1, 301)))

    world.dispatch(world.backlog.take(10))

    assert len(world.backlog.ready) == 300 - 10 - 200
    assert len(world.machines) == 210


def test_a_burst_larger_than_one_atomic_write_gets_every_job_its_machine() -> None:
    world = World()

    world.arrive(*range(1, 151))

    assert len(world.fleet.requests) == 2
    assert len({world.machine_of(n) for n in range(1, 151)}) == 150
    assert len(world.machines) == 150


def test_a_malformed_message_fails_alone() -> None:
    world = World()
    bad = Delivery("message-bad", '{"kind":"queued","job_id":"seven"}', "AROA:webhook")

    failed = world.dispatch([delivery(samples.queued(1)), bad, delivery(samples.queued(2))])

    assert failed == ["message-bad"]
    assert len(world.machines) == 2
    (told,) = world.told.of(MessageRejected)
    assert (told.queue, told.message) == ("jobs", "message-bad")
    assert "job_id" in told.reason


def test_a_malformed_message_met_while_draining_is_left_on_the_queue_alone() -> None:
    world = World()
    world.backlog.put(*(samples.queued(n) for n in range(1, 11)))
    world.backlog.ready.append(Delivery("message-bad", "nonsense", "AROA:webhook"))
    world.backlog.put(samples.queued(11))

    failed = world.dispatch(world.backlog.take(10))

    assert failed == []
    assert "message-bad" in world.backlog.taken
    assert len(world.machines) == 11


def test_whatever_is_delivered_twice_launches_once() -> None:
    world = World()
    world.arrive(1, 2)

    world.arrive(1, 2, 1)
    world.wake()

    assert len(world.fleet.requests) == 1
    assert len(world.machines) == 2


def test_a_wake_up_launches_for_whoever_is_in_line() -> None:
    world = World()
    world.jobs.add([samples.job(1), samples.job(2)])

    world.wake()

    assert len(world.machines) == 2


def test_a_wake_up_with_nobody_in_line_asks_the_cloud_nothing() -> None:
    world = World()

    failed = world.dispatch([delivery(Wake())])

    assert failed == []
    assert world.fleet.requests == []


def test_a_job_just_written_down_is_launched_in_one_save_even_before_the_index_shows_it() -> None:
    world = World()
    world.shelf.hold_indexes()

    world.arrive(1)

    world.machine_of(1)
    assert [len(save) for save in world.ledger.saves] == [2, 3]
    # A first try that was refused would have used up the first id.
    assert world.job(1).launch_id == "launch-1"


def test_an_index_that_still_shows_a_launched_job_in_line_launches_nothing() -> None:
    world = World()
    world.jobs.add([samples.job(1)])
    world.shelf.hold_indexes()
    world.wake()

    world.wake()

    assert len(world.fleet.requests) == 1
    assert len(world.machines) == 1


def test_where_the_table_does_not_answer_the_whole_batch_comes_again_and_launches_once() -> None:
    world = World()
    batch = [delivery(samples.queued(n)) for n in (1, 2)]
    world.jobs.faults.plan(Unavailable("throttled"))

    failed = world.dispatch(batch)
    again = world.dispatch(batch)

    assert failed == [one.id for one in batch]
    assert again == []
    assert len(world.told.of(MessageDelayed)) == 2
    assert len(world.machines) == 2


def test_a_cloud_that_does_not_answer_for_one_group_does_not_hold_up_the_next() -> None:
    world = World()
    world.fleet.faults.plan(Unavailable("throttled"))
    world.backlog.put(samples.queued(1), samples.queued(2, labels=("spotrunner/linux-4cpu/cpu=8",)))

    failed = world.pump()

    assert failed == []
    assert world.states() == {1: JobState.LAUNCHING, 2: JobState.LAUNCHED}
    assert len(world.pending) == 1
    assert len(world.told.of(MessageDelayed)) == 1


def test_a_platform_without_a_launch_template_does_not_hold_up_the_next_group() -> None:
    world = World(samples.config(), samples.config("windows", os=Os.WINDOWS))
    world.backlog.put(samples.queued(1, labels=("spotrunner/windows",)), samples.queued(2))

    failed = world.pump()

    assert failed == []
    assert world.states() == {1: JobState.REFUSED, 2: JobState.LAUNCHED}
    assert "no launch template for windows/x64" in world.job(1).reason


def test_a_refused_job_is_never_launched_for() -> None:
    world = World()

    world.arrive(1, labels=("spotrunner/nope",))
    world.wake()

    assert world.fleet.requests == []


def test_a_cancelled_job_is_not_launched_for_when_its_queued_message_comes_late() -> None:
    world = World()
    world.moved(Step.COMPLETED, 1, conclusion="cancelled")

    world.arrive(1)

    assert world.fleet.requests == []
    assert world.job(1).state is JobState.COMPLETED


@pytest.mark.parametrize("kind", [RefusalKind.RATE, RefusalKind.SERVER])
def test_a_job_that_got_nothing_waits_with_its_reason_and_is_picked_again(kind: RefusalKind) -> None:
    world = World()
    world.fleet.refuse_next.append(Refusal(kind, "RequestLimitExceeded"))

    world.arrive(1)

    assert world.job(1).state is JobState.WAITING
    assert world.job(1).reason == "RequestLimitExceeded"
    assert [event.reason for event in world.told.of(JobBackInLine)] == ["RequestLimitExceeded"]

    world.clock.turn(60)
    world.wake()

    world.machine_of(1)


def test_a_drained_stack_without_another_region_queues_what_comes_and_finishes_what_runs() -> None:
    world = World()
    world.arrive(1)
    (machine,) = world.machines
    region_watch.drain(world.memory, world.region, world.clock())
    world.clock.turn(DRAIN_SEEN_S)

    world.arrive(2)
    name = world.claim(machine).runner_name
    world.moved(Step.IN_PROGRESS, 1, runner_name=name)

    assert [world.job(n).state for n in (1, 2)] == [JobState.RUNNING, JobState.WAITING]
    assert world.machines == [machine]

    region_watch.resume(world.memory, world.region, world.clock())
    world.clock.turn(DRAIN_SEEN_S)
    world.wake()

    assert world.job(2).state is JobState.LAUNCHED
