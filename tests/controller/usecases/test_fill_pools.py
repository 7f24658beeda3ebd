"""Pools come to their size and stay there, whatever crashes, and nothing of them is forgotten."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from controller import wiring
from controller.domain.events import ConfigurationHeld, PoolShort, SpareReady, SpareRetired
from controller.domain.fleet_config import RunnerConfig, Span
from controller.domain.job_key import NOBODY
from controller.domain.launch import Launch, LaunchState, Refusal, Rung
from controller.domain.refusal import RefusalKind
from controller.domain.runner import Lifecycle, Runner, RunnerState
from controller.domain.warm_pools import LOOKED_AT_S
from controller.errors import NothingToDo, Unavailable
from controller.messages import Chore, Chores
from controller.usecases.region_watch import drain
from runner_agent.contract.bundle import Wait
from tests.controller.usecases.world import GRACE_S, REGION, REPLAY_S, SPARE_LIFE_S, World
from tests.fakes import samples

CLAIM_S = 180.0


def a_pool(size: int = 2, **changes: Any) -> RunnerConfig:  # noqa: ANN401 - fields of the configuration
    return samples.config(cpu=Span(4.0, 4.0), pool=size, **changes)


def fill(world: World, *, dry_run: bool = False) -> list[str]:
    return world.sweep(Chores.FILL_POOLS, dry_run=dry_run)


def filled(size: int = 2) -> World:
    """A pool whose machines are up and wait."""
    world = World(a_pool(size))
    fill(world)
    for machine in world.machines:
        world.ask(machine)
    return world


def change(world: World, config: RunnerConfig) -> None:
    world.configs.known = {config.name: config}


def spares(world: World) -> list[Runner]:
    every = [record for record in world.shelf.records.values() if isinstance(record, Runner)]
    return [runner for runner in every if runner.state is RunnerState.SPARE]


def test_a_pool_is_filled_by_one_launch_written_down_before_it_is_asked_for() -> None:
    world = World(a_pool(3))
    seen = world.noted()

    lines = fill(world)

    assert lines == ["start 3 spares of linux-4cpu"]
    assert len(world.fleet.requests) == 1
    assert seen.index("memory.swap") < seen.index("ledger.save") < seen.index("fleet.launch")
    assert len(spares(world)) == len(world.machines) == 3
    assert {runner.job for runner in spares(world)} == {NOBODY}
    (launch,) = [record for record in world.shelf.records.values() if isinstance(record, Launch)]
    assert (launch.state, launch.spares, launch.jobs) == (LaunchState.SETTLED, 3, ())


def test_a_spare_carries_the_stacks_tags_and_no_repositorys() -> None:
    world = filled(1)

    tags = dict(json.loads(world.fleet.requests[0])["tags"])

    assert tags.keys() == {wiring.TAG_STACK, wiring.TAG_ENVIRONMENT, wiring.TAG_LAUNCH, wiring.TAG_CONFIG}


def test_a_full_pool_is_left_in_peace_and_costs_few_calls() -> None:
    world = filled()
    world.clock.turn(LOOKED_AT_S)
    calls = world.noted()

    assert fill(world) == []

    assert calls == ["runners.spares", "memory.recall", "runners.get", "memory.recall"]


def test_a_stack_without_pools_costs_one_look() -> None:
    world = World()
    calls = world.noted()

    assert fill(world) == []

    assert calls == ["runners.spares"]


def test_a_dry_run_only_looks() -> None:
    world = World(a_pool())

    assert fill(world, dry_run=True) == ["start 2 spares of linux-4cpu"]
    assert world.machines == []


def test_a_spare_says_once_that_it_is_up_and_how_long_that_took() -> None:
    world = filled(1)
    (machine,) = world.machines
    world.ask(machine)

    (ready,) = world.told.of(SpareReady)
    assert ready.instance == machine
    assert world.runner(machine).lease_until == world.runner(machine).launched_at + SPARE_LIFE_S


def test_fillers_side_by_side_and_an_index_that_lags_start_nothing_twice() -> None:
    world = World(a_pool())
    world.shelf.hold_indexes()

    for _ in range(3):
        fill(world)

    assert len(world.machines) == 2


def test_a_filler_that_another_overtakes_starts_nothing() -> None:
    world = World(a_pool())
    overtaken: list[str] = []

    def overtake(name: str, call: Callable[[], object]) -> object:
        if name == "memory.swap" and not overtaken:
            overtaken.append(name)
            fill(world)
        return call()

    world.doors(overtake)
    first = world.house
    world.doors(overtake)
    first(Chore(Chores.FILL_POOLS))

    assert len(world.machines) == 2


def test_a_launch_whose_answer_was_lost_is_asked_again_word_for_word_and_counts_meanwhile() -> None:
    world = World(a_pool())
    world.fleet.lost_answers.append(Unavailable("who knows"))
    fill(world)
    assert spares(world) == []

    world.clock.turn(REPLAY_S / 2)
    fill(world)
    assert len(world.fleet.requests) == 1
    world.clock.turn(REPLAY_S)
    world.sweep(Chores.PENDING_LAUNCHES)
    fill(world)

    assert world.fleet.requests[0] == world.fleet.requests[1]
    assert len(world.fleet.requests) == 2
    assert len(spares(world)) == len(world.machines) == 2


def test_a_spare_that_is_up_before_its_launch_is_settled_is_known_by_its_tag() -> None:
    world = World(a_pool(1))
    world.fleet.lost_answers.append(Unavailable("who knows"))
    fill(world)
    (machine,) = world.machines
    world.clock.turn(31.0)

    assert isinstance(world.ask(machine), Wait)
    world.clock.turn(REPLAY_S)
    world.sweep(Chores.PENDING_LAUNCHES)

    assert world.runner(machine).state is RunnerState.SPARE
    assert world.pending == []
    assert len(world.machines) == 1


def test_a_launch_noted_and_never_written_down_holds_the_pool_up_for_a_minute_only() -> None:
    world = World(a_pool(1))
    world.ledger.faults.plan(Unavailable("cut"))
    fill(world)
    fill(world)
    assert world.machines == []

    world.clock.turn(61.0)
    fill(world)

    assert len(world.machines) == 1


def test_spares_climb_the_ladder_and_what_is_still_missing_is_told() -> None:
    world = World(a_pool(2))
    no = Refusal(RefusalKind.CAPACITY, "UnfulfillableCapacity")
    world.fleet.refuse_next += [no]

    fill(world)

    assert {runner.lifecycle for runner in spares(world)} == {Lifecycle.ON_DEMAND}
    assert len(world.machines) == 2
    rungs = [record.rung for record in world.shelf.records.values() if isinstance(record, Launch)]
    assert rungs == [Rung.SPOT, Rung.ON_DEMAND]


def test_a_pool_that_can_not_be_filled_says_why_and_is_tried_again() -> None:
    world = World(a_pool(2))
    world.fleet.refuse_next += [Refusal(RefusalKind.CAPACITY, "UnfulfillableCapacity")] * 2

    fill(world)
    (short,) = world.told.of(PoolShort)
    world.clock.turn(600.0)
    fill(world)

    assert (short.config, short.wanted, short.missing) == ("linux-4cpu", 2, 2)
    assert "UnfulfillableCapacity" in short.reason
    assert len(world.machines) == 2


def test_being_throttled_climbs_nowhere() -> None:
    world = World(a_pool(2))
    world.fleet.refuse_next += [Refusal(RefusalKind.RATE, "RequestLimitExceeded")]

    fill(world)

    assert len(world.fleet.requests) == 1
    assert world.machines == []


@pytest.mark.parametrize("gone", [False, True])
def test_a_pool_of_none_lets_every_spare_go_and_leaves_nothing(gone: bool) -> None:  # noqa: FBT001 - both ways
    world = filled()
    machines = world.machines
    change(world, replace(a_pool(0), name="another" if gone else "linux-4cpu"))

    fill(world)

    assert {event.instance for event in world.told.of(SpareRetired)} == set(machines)
    for machine in machines:
        with pytest.raises(NothingToDo, match="not wanted any more"):
            world.ask(machine)
        world.fleet.power_off(machine)
    assert spares(world) == []
    assert world.fleet.terminated == []


def test_a_spare_that_does_not_go_when_it_may_is_ended_by_the_sweep() -> None:
    world = filled(1)
    (machine,) = world.machines
    change(world, a_pool(0))
    fill(world)

    world.clock.turn(GRACE_S + 1)
    world.sweep(Chores.ORPHANED_MACHINES)

    assert world.fleet.terminated == [machine]


def test_spares_of_a_configuration_that_can_not_be_read_stay_and_nothing_is_started() -> None:
    world = filled()
    world.configs.known["linux-4cpu"] = None  # type: ignore[assignment]  # as `every` tells an unusable one

    assert fill(world) == []

    assert len(spares(world)) == 2


def test_a_changed_configuration_replaces_its_spares() -> None:
    world = filled(1)
    (old,) = world.machines
    change(world, a_pool(1, spot=False))

    fill(world)

    (new,) = spares(world)
    assert new.instance_id != old
    assert new.lifecycle is Lifecycle.ON_DEMAND
    assert world.runner(old).reason == "its configuration has changed"


def test_an_old_spare_is_succeeded_before_it_is_told_to_go() -> None:
    world = filled(1)
    (old,) = world.machines

    world.clock.turn(SPARE_LIFE_S - CLAIM_S)
    fill(world)
    assert len(spares(world)) == 2
    world.clock.turn(CLAIM_S)

    with pytest.raises(NothingToDo, match="its time as a spare has ended"):
        world.ask(old)
    assert world.runner(old).state is RunnerState.FINISHED


def test_waiting_spares_are_neither_stuck_nor_orphaned() -> None:
    world = filled()
    world.clock.turn(SPARE_LIFE_S - 1)

    for task in (Chores.STUCK_PROVISIONING, Chores.ORPHANED_MACHINES, Chores.PENDING_LAUNCHES):
        assert world.sweep(task) == []

    assert len(world.machines) == 2


def test_a_spare_that_hangs_beyond_its_time_is_ended_by_the_sweep() -> None:
    world = filled(1)
    (machine,) = world.machines
    world.clock.turn(SPARE_LIFE_S + GRACE_S + 1)

    world.sweep(Chores.STUCK_PROVISIONING)

    assert world.fleet.terminated == [machine]


def test_a_spare_that_vanishes_is_replaced() -> None:
    world = filled(1)
    (machine,) = world.machines
    world.fleet.power_off(machine)

    world.clock.turn(GRACE_S + 1)
    world.sweep(Chores.ORPHANED_MACHINES)
    world.clock.turn(GRACE_S + 1)
    world.sweep(Chores.ORPHANED_MACHINES)
    fill(world)

    assert world.runner(machine).state is RunnerState.GONE
    assert len(world.machines) == len(spares(world)) == 1


def test_an_image_that_does_not_boot_stops_the_filling() -> None:
    world = World(a_pool(2))

    for _ in range(8):
        fill(world)
        world.clock.turn(CLAIM_S + 1)
        world.sweep(Chores.STUCK_PROVISIONING)
        world.sweep(Chores.BOOTS)
    launched = len(world.fleet.owned)
    fill(world)

    assert world.told.of(ConfigurationHeld)
    assert len(world.fleet.owned) == launched < 10
    assert "held back" in world.told.of(PoolShort)[-1].reason


def test_a_spare_that_was_up_and_dies_says_nothing_against_its_image() -> None:
    world = filled(2)
    world.clock.turn(SPARE_LIFE_S + GRACE_S + 1)
    world.sweep(Chores.STUCK_PROVISIONING)

    world.sweep(Chores.BOOTS)

    assert world.boots.look().deaths == ()
    assert world.told.of(ConfigurationHeld) == []


def test_a_region_that_drains_fills_nothing_and_lets_its_spares_go() -> None:
    world = filled()
    drain(world.memory, REGION, world.clock.now)
    world.doors()

    fill(world)

    assert spares(world) == []
    assert {event.reason for event in world.told.of(SpareRetired)} == {"the region drains"}
    assert len(world.fleet.requests) == 1


def test_a_pool_no_machine_fits_says_so() -> None:
    world = World(a_pool(1, families=("nothing",)))

    fill(world)

    (short,) = world.told.of(PoolShort)
    assert "no machine type has" in short.reason
