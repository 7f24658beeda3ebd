from __future__ import annotations

import pytest

from controller.domain.events import BootFailed, ConfigurationFreed, ConfigurationHeld, JobHeld
from controller.domain.interruption import Ended, Warned
from controller.domain.job import JobState
from controller.errors import Unavailable
from controller.messages import Chores, Step
from tests.controller.usecases.world import World

CLAIM_S = 180.0
REST_S = 300.0


def silent(world: World, job_id: int = 1) -> str:
    """The job's machine never claims; a sweep finds out, and the dispatcher hears of it."""
    name = world.machine_of(job_id)
    world.clock.turn(CLAIM_S + 1)
    world.sweep(Chores.STUCK_PROVISIONING)
    world.sweep(Chores.BOOTS)
    world.wake()
    return name


@pytest.fixture
def world() -> World:
    world = World()
    world.arrive(1)
    return world


@pytest.fixture
def broken(world: World) -> World:
    """Five machines of the only configuration came up for nothing, and four of their jobs have been given up."""
    world.arrive(*range(12, 16))
    silent(world)
    for job_id in range(12, 16):
        world.moved(Step.COMPLETED, job_id, conclusion="cancelled")
    return world


def test_a_machine_that_does_not_claim_in_time_is_replaced_and_ended(world: World) -> None:
    first = silent(world)

    assert world.machine_of(1) != first
    assert world.fleet.terminated == [first]
    assert len(world.machines) == 1


def test_its_console_is_kept_with_it_and_told_with_its_job_without_secrets(world: World) -> None:
    name = world.machine_of(1)
    world.fleet.consoles[name] = "Kernel panic - not syncing\npassword=hunter2\n"

    silent(world)

    (told,) = world.told.of(BootFailed)
    assert (told.instance, told.job, told.config) == (name, "1#1", "linux-4cpu")
    assert told.console == "Kernel panic - not syncing\npassword=***"
    assert world.runner(name).console == told.console


def test_a_console_that_can_not_be_read_keeps_nobody_waiting(world: World) -> None:
    world.clock.turn(CLAIM_S + 1)
    world.sweep(Chores.STUCK_PROVISIONING)
    world.fleet.faults.plan(Unavailable("EC2: RequestLimitExceeded"))

    world.sweep(Chores.BOOTS)

    (told,) = world.told.of(BootFailed)
    assert "can not be read" in told.console


def test_a_machine_that_ec2_ends_in_boot_is_replaced_by_its_own_event(world: World) -> None:
    name = world.machine_of(1)
    world.fleet.power_off(name)

    world.noticed(Ended(name, "terminated", world.clock.now - 60.0))
    world.pump_sent()
    world.sweep(Chores.BOOTS)

    assert world.machine_of(1) != name
    assert [told.cause for told in world.told.of(BootFailed)] == ["ended in boot"]


def test_a_spot_machine_taken_away_in_boot_is_nobodys_fault(world: World) -> None:
    name = world.machine_of(1)
    world.noticed(Warned(name, "terminate", world.clock.now))
    world.fleet.power_off(name)

    world.noticed(Ended(name, "terminated", world.clock.now - 60.0))
    world.sweep(Chores.BOOTS)

    assert world.told.of(BootFailed) == []


def test_after_equal_failures_the_job_waits_and_says_why_instead_of_burning_machines(broken: World) -> None:
    requests = len(broken.fleet.requests)
    broken.arrive(2)
    for _ in range(3):
        broken.clock.turn(60.0)
        broken.sweep(Chores.BOOTS)
        broken.wake()

    assert broken.machines == []
    assert len(broken.fleet.requests) == requests
    assert {broken.job(n).state for n in (1, 2)} == {JobState.WAITING}
    assert "machine after machine never claimed" in broken.job(2).reason
    assert [(told.config, told.trips) for told in broken.told.of(ConfigurationHeld)] == [("linux-4cpu", 1)]
    assert {"1#1", "2#1"} <= {told.job for told in broken.told.of(JobHeld)}
    assert len(broken.told.of(JobHeld)) == len({told.job for told in broken.told.of(JobHeld)})


def test_after_the_rest_one_machine_is_tried_and_its_claim_frees_all(broken: World) -> None:
    broken.arrive(2, 3)
    broken.clock.turn(REST_S)
    broken.wake()
    (probe,) = broken.machines

    broken.claim(probe)
    broken.clock.turn(60.0)
    broken.sweep(Chores.BOOTS)
    broken.pump_sent()

    assert len(broken.machines) == 3
    assert broken.told.of(ConfigurationFreed) == [ConfigurationFreed("linux-4cpu")]


def test_a_probe_that_fails_too_makes_the_rest_longer(broken: World) -> None:
    broken.clock.turn(REST_S)
    broken.wake()
    silent(broken)
    broken.clock.turn(REST_S)
    broken.wake()
    early = list(broken.machines)

    broken.clock.turn(REST_S)
    broken.wake()

    assert early == []
    assert len(broken.machines) == 1
    assert [told.trips for told in broken.told.of(ConfigurationHeld)] == [1, 2]


def test_a_probe_whose_job_is_cancelled_makes_room_for_another(broken: World) -> None:
    broken.arrive(2)
    broken.clock.turn(REST_S)
    broken.wake()

    broken.moved(Step.COMPLETED, 1, conclusion="cancelled")
    broken.clock.turn(60.0)
    broken.sweep(Chores.BOOTS)
    broken.wake()

    assert broken.job(2).state is JobState.LAUNCHED


def test_machines_that_do_come_up_keep_their_configuration_free() -> None:
    world = World()
    world.arrive(*range(1, 12))
    world.claim(world.machine_of(11))

    world.clock.turn(CLAIM_S + 1)
    world.sweep(Chores.STUCK_PROVISIONING)
    world.sweep(Chores.BOOTS)

    assert len(world.told.of(BootFailed)) == 10
    assert world.told.of(ConfigurationHeld) == []


def test_a_record_that_can_not_be_read_holds_no_job() -> None:
    world = World()
    world.memory.faults.plan(*(Unavailable("DynamoDB: 500") for _ in range(10)))

    world.arrive(1)

    assert world.job(1).state is JobState.LAUNCHED


def test_a_dry_run_names_the_dead_and_judges_nothing(world: World) -> None:
    name = world.machine_of(1)
    world.clock.turn(CLAIM_S + 1)
    world.sweep(Chores.STUCK_PROVISIONING)

    lines = world.sweep(Chores.BOOTS, dry_run=True)

    assert lines == [f"{name} never claimed"]
    assert world.told.of(BootFailed) == []
    assert len(world.boots.look().deaths) == 1
