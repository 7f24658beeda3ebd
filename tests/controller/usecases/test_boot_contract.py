"""Launched, claimed, registered, started: each stage has its deadline, and a machine that misses one is replaced."""

from __future__ import annotations

import pytest

from controller.domain.boot_health import NEVER_LISTENED, NEVER_STARTED
from controller.domain.events import BootFailed, ConfigurationFreed, ConfigurationHeld
from controller.domain.job import JobState
from controller.domain.runner import RunnerState
from controller.messages import Chores, Step
from runner_agent.contract.bundle import REGISTERED_AFTER_S
from runner_agent.contract.reports import ReportKind
from tests.controller.usecases.world import GRACE_S, IDLE_LIMIT_S, SET_UP_S, World

LISTENS_BY_S = SET_UP_S + REGISTERED_AFTER_S + GRACE_S
REST_S = 300.0


def claimed(*job_ids: int) -> World:
    world = World()
    world.arrive(*job_ids)
    for job_id in job_ids:
        world.claim(world.machine_of(job_id))
    return world


def given_up(world: World, after_s: float) -> None:
    """So long later a sweep looks for whoever is late, and the dispatcher hears of it."""
    world.clock.turn(after_s)
    world.sweep(Chores.STUCK_PROVISIONING)
    world.sweep(Chores.BOOTS)
    world.wake()


def test_a_machine_that_hangs_after_its_claim_is_ended_and_replaced_and_its_console_kept() -> None:
    world = claimed(1)
    first = world.machine_of(1)
    world.fleet.consoles[first] = "Out of memory\n"

    given_up(world, LISTENS_BY_S + 1)

    assert world.fleet.terminated == [first]
    assert world.machines == [world.machine_of(1)]
    assert "its runner should have listened" in world.runner(first).reason
    assert world.runner(first).console == "Out of memory"
    (told,) = world.told.of(BootFailed)
    assert (told.instance, told.cause) == (first, NEVER_LISTENED)


def test_a_machine_that_sets_up_within_its_time_is_left_alone() -> None:
    world = claimed(1)
    machine = world.machine_of(1)

    given_up(world, LISTENS_BY_S - 1)

    assert world.machines == [machine]
    assert world.job(1).state is JobState.CLAIMED


def test_a_machine_that_listens_has_its_idle_limit_from_then_on() -> None:
    world = claimed(1)
    machine = world.machine_of(1)
    world.clock.turn(SET_UP_S)
    world.reported(ReportKind.REGISTERED, machine, phases={"listening": world.clock.now - REGISTERED_AFTER_S})

    given_up(world, IDLE_LIMIT_S + GRACE_S - 1)
    alive = world.machines
    given_up(world, 2)

    assert alive == [machine]
    assert world.fleet.terminated == [machine]
    assert world.runner(machine).registered_at == pytest.approx(world.runner(machine).claimed_at, abs=SET_UP_S)
    assert [told.cause for told in world.told.of(BootFailed)] == [NEVER_STARTED]


def test_that_a_runner_listens_is_heard_once_and_only_before_its_job() -> None:
    world = claimed(1)
    machine = world.machine_of(1)
    world.reported(ReportKind.REGISTERED, machine)
    lease = world.runner(machine).lease_until

    world.clock.turn(10.0)
    world.reported(ReportKind.REGISTERED, machine)
    again = world.runner(machine).lease_until
    world.reported(ReportKind.STARTED, machine)
    busy = world.runner(machine)
    world.reported(ReportKind.REGISTERED, machine)

    assert again == lease
    assert world.runner(machine) == busy
    assert busy.state is RunnerState.BUSY


@pytest.mark.parametrize("heard", [ReportKind.STARTED, Step.IN_PROGRESS])
def test_whoever_says_that_the_job_has_started_ends_the_wait_for_its_runner(heard: ReportKind | Step) -> None:
    world = claimed(1)
    machine = world.machine_of(1)
    world.clock.turn(SET_UP_S)
    if isinstance(heard, Step):
        world.moved(heard, 1, runner_name=world.runner(machine).name)
    else:
        world.reported(heard, machine)

    given_up(world, LISTENS_BY_S)

    assert world.machines == [machine]


def test_machine_after_machine_that_never_listens_holds_its_configuration_until_one_does() -> None:
    world = claimed(*range(1, 6))

    given_up(world, LISTENS_BY_S + 1)
    held = list(world.machines)
    world.clock.turn(REST_S + 1)
    world.wake()
    (probe,) = world.machines
    world.claim(probe)
    world.sweep(Chores.BOOTS)
    merely_claimed = world.told.of(ConfigurationFreed)
    world.reported(ReportKind.REGISTERED, probe)
    world.sweep(Chores.BOOTS)

    assert held == []
    assert [told.cause for told in world.told.of(ConfigurationHeld)] == [NEVER_LISTENED]
    assert merely_claimed == []
    assert len(world.told.of(ConfigurationFreed)) == 1


def test_machines_that_hang_while_they_listen_say_nothing_against_their_boot() -> None:
    world = claimed(*range(1, 6))
    for machine in world.machines:
        world.reported(ReportKind.REGISTERED, machine)

    given_up(world, IDLE_LIMIT_S + GRACE_S + 1)

    assert world.told.of(ConfigurationHeld) == []
    assert len(world.told.of(BootFailed)) == 5
