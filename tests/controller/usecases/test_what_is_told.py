"""What the dashboard and the alarms are drawn from: told by whoever knows it, and not told where nobody does."""

from __future__ import annotations

from controller.domain.events import (
    ApiFailed,
    CapacityExhausted,
    FleetSeen,
    LineSeen,
    PlaceClosed,
    RunnerObtained,
)
from controller.domain.interruption import Warned
from controller.domain.launch import Refusal
from controller.domain.refusal import RefusalKind
from controller.domain.runner import Lifecycle
from controller.messages import Chores
from controller.usecases.keep_house import LATELY_S
from runner_agent.contract.reports import ReportKind, Source
from tests.controller.usecases.test_launch_machines import EVERY_POOL
from tests.controller.usecases.world import World


def sold_out() -> World:
    world = World()
    for lifecycle in Lifecycle:
        world.fleet.sell_out(lifecycle, EVERY_POOL)
    return world


def test_the_line_is_told_at_each_look_with_its_oldest_job() -> None:
    world = sold_out()
    world.arrive(1, 2)
    world.clock.turn(400)

    world.wake()

    last = world.told.of(LineSeen)[-1]
    assert last.waiting == 2
    assert last.oldest_s is not None
    assert last.oldest_s >= 400


def test_an_empty_line_has_no_oldest_job_and_an_unread_record_no_closed_places() -> None:
    world = World()

    world.wake()

    assert world.told.of(LineSeen) == [LineSeen(0, None, None)]


def test_a_ladder_without_a_machine_is_told_as_long_as_somebody_waits() -> None:
    world = sold_out()
    world.arrive(1, 2)
    world.clock.turn(60)

    world.wake()

    first, *_, last = world.told.of(CapacityExhausted)
    assert (first.jobs, last.jobs) == (2, 2)
    assert "on-demand" in last.reason


def test_a_served_job_exhausts_nothing() -> None:
    world = World()

    world.arrive(1)

    assert world.told.of(CapacityExhausted) == []


def test_a_refusal_for_another_reason_than_capacity_is_an_error_of_the_api() -> None:
    world = World()
    world.fleet.refuse_next += [
        Refusal(RefusalKind.CAPACITY, "InsufficientInstanceCapacity"),
        Refusal(RefusalKind.QUOTA, "VcpuLimitExceeded", "no more"),
    ]

    world.arrive(1)

    assert world.told.of(ApiFailed) == [ApiFailed("ec2", "CreateFleet", "VcpuLimitExceeded no more")]


def test_a_place_that_takes_machines_away_again_and_again_is_told_once() -> None:
    world = World()
    world.arrive(1, 2, 3, 4)
    machines = [world.machine_of(n) for n in (1, 2, 3, 4)]

    for machine in machines:
        world.noticed(Warned(machine, "terminate", at=world.clock.now))
        world.clock.turn(1)

    (closed,) = world.told.of(PlaceClosed)
    assert closed.cause == "interruption"
    assert closed.trips == 1


def test_the_fleet_is_counted_by_the_clouds_own_list() -> None:
    world = World()
    world.arrive(1, 2)
    world.sweep(Chores.ORPHANED_MACHINES)
    world.fleet.terminate([world.machine_of(1)])
    world.sweep(Chores.ORPHANED_MACHINES)
    world.clock.turn(LATELY_S + 1)

    world.sweep(Chores.ORPHANED_MACHINES)

    assert world.told.of(FleetSeen) == [FleetSeen(2, 2, 0, 2), FleetSeen(1, 1, 0, 2), FleetSeen(1, 1, 0, 1)]


def test_where_a_runner_came_from_is_told_once_and_only_where_its_machine_says_it() -> None:
    world = World()
    world.arrive(1, 2)
    for job, source in ((1, Source.CACHE), (2, None)):
        machine = world.machine_of(job)
        world.claim(machine)
        name = world.runner(machine).name
        for _ in range(2):
            world.reported(ReportKind.STARTED, machine, runner_name=name, runner_source=source)

    assert world.told.of(RunnerObtained) == [RunnerObtained(world.machine_of(1), "cache")]
