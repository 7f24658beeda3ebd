from __future__ import annotations

import pytest

from controller.local.scenario.outside import RunnerSeen
from controller.local.scenario.pairs import Pairs
from tests.controller.local.scenario.world import World


def look(pairs: Pairs, world: World) -> None:
    pairs.look(world.jobs(), world.machines(), world.runners())


def two_jobs_one_machine() -> tuple[World, Pairs]:
    world, pairs = World(), Pairs()
    world.queue(1, "Lint", "spotrunner/linux-2cpu/run=1")
    world.now += 1
    world.queue(2, "Test", "spotrunner/linux-2cpu/run=2")
    world.launch("i-1")
    look(pairs, world)
    return world, pairs


def test_a_machine_is_first_taken_for_that_of_the_oldest_job_of_its_configuration() -> None:
    _, pairs = two_jobs_one_machine()

    assert (pairs.job_of("i-1"), pairs.machine_of(1), pairs.machine_of(2)) == (1, "i-1", "")


def test_the_labels_of_its_runner_know_better() -> None:
    world, pairs = two_jobs_one_machine()
    world.registered.append(RunnerSeen("spotrunner-i-1-1", ("spotrunner/linux-2cpu/run=2",)))
    look(pairs, world)

    assert (pairs.job_of("i-1"), pairs.machine_of(1), pairs.machine_of(2)) == (2, "", "i-1")


def test_and_what_it_runs_knows_best() -> None:
    world, pairs = two_jobs_one_machine()
    world.registered.append(RunnerSeen("spotrunner-i-1-1", ("spotrunner/linux-2cpu/run=1",)))
    world.start(2, "i-1")
    look(pairs, world)

    assert pairs.job_of("i-1") == 2
    assert pairs.machines_of(1) == ("i-1",)


def test_a_machine_that_has_ended_leaves_its_job_to_the_next() -> None:
    world, pairs = two_jobs_one_machine()
    world.power_off("i-1")
    world.launch("i-2")
    look(pairs, world)

    assert pairs.machines_of(1) == ("i-1", "i-2")
    assert pairs.machine_of(1) == "i-2"


def test_a_machine_of_another_configuration_is_for_nobody_here() -> None:
    world, pairs = two_jobs_one_machine()
    world.launch("i-9", "linux-arm")
    look(pairs, world)

    assert pairs.job_of("i-9") is None


@pytest.mark.parametrize(
    ("label", "facts", "fits"),
    [
        ("spotrunner/linux-2cpu/family=c7a+m7i", {}, False),
        ("spotrunner/linux-2cpu/family=c7a+c7i", {}, True),
        ("spotrunner/linux-2cpu/family=c7i.large", {}, True),
        ("spotrunner/linux-2cpu/spot=false", {}, False),
        ("spotrunner/linux-2cpu/spot=false", {"lifecycle": "on-demand"}, True),
        ("spotrunner/linux-2cpu", {"lifecycle": "on-demand"}, True),
        ("SpotRunner/Linux-2CPU,ram=4", {}, True),
    ],
)
def test_what_a_label_demands_of_a_machine_is_looked_at(label: str, facts: dict[str, str], *, fits: bool) -> None:
    world, pairs = World(), Pairs()
    world.queue(1, "Build", label)
    world.launch("i-1", **facts)
    look(pairs, world)

    assert (pairs.job_of("i-1") == 1) is fits
