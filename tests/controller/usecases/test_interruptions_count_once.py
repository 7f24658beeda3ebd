"""A machine that the cloud takes away counts once against its place, whoever is heard first and how often."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.domain import places
from controller.domain.interruption import Ended, Warned
from controller.messages import Step
from runner_agent.contract.reports import ReportKind, Result
from tests.controller.usecases.world import LAST_WORD_S, World
from tests.fakes import samples


class Crash(BaseException):
    """The function is gone, and with it whatever it was about to do."""


def at_work(world: World) -> str:
    """A machine that works on the only job there is."""
    world.arrive(1)
    machine = world.machine_of(1)
    world.claim(machine)
    world.reported(ReportKind.STARTED, machine)
    world.moved(Step.IN_PROGRESS, 1, runner_name=world.runner(machine).name)
    return machine


def counted(world: World, machine: str) -> int:
    """How often the machine counts against its place."""
    breakers = world.book.look().breakers.values()
    failures = [failure for one in breakers for failure in one.failures]
    return sum(failure.cause == places.TAKEN_AWAY and failure.of == machine for failure in failures)


def warned(world: World, machine: str) -> None:
    world.noticed(Warned(machine, "terminate", at=world.clock.now))


def told_by_itself(world: World, machine: str) -> None:
    world.reported(ReportKind.INTERRUPTION, machine, interruption="terminate")


def ended_by_itself(world: World, machine: str) -> None:
    world.finished(machine, Result.INTERRUPTED, interruption="terminate")


def gone(world: World, machine: str) -> None:
    world.fleet.power_off(machine)
    world.noticed(Ended(machine, "terminated", at=world.clock.now - LAST_WORD_S - 1))


WORDS: dict[str, Callable[[World, str], None]] = {
    "warned": warned,
    "told": told_by_itself,
    "ended": ended_by_itself,
    "gone": gone,
}


@given(words=st.lists(st.tuples(st.sampled_from(sorted(WORDS)), st.integers(0, 12)), min_size=1, max_size=7))
def test_an_interruption_counts_once_in_whatever_order_it_is_told_and_wherever_a_function_dies(
    words: list[tuple[str, int]],
) -> None:
    world = World()
    machine = at_work(world)

    for word, dies_at in words:
        _say(world, machine, WORDS[word], dies_at)

    # A job may speak with its machine's voice: what a machine says of itself counts for nothing.
    said = any(word == "warned" for word, _ in words)
    assert counted(world, machine) == said


def _say(world: World, machine: str, word: Callable[[World, str], None], dies_at: int) -> None:
    """Heard once by a function that dies at one of its calls, if it makes so many; then again, and well."""
    calls = 0

    def around(_: str, call: Callable[[], object]) -> object:
        nonlocal calls
        calls += 1
        answer = call()
        if calls == dies_at:
            raise Crash
        return answer

    world.doors(around)
    try:
        word(world, machine)
    except Crash:
        world.doors()
        word(world, machine)
    world.doors()


def test_a_warning_heard_after_the_machine_has_ended_well_counts() -> None:
    world = World()
    machine = at_work(world)
    world.finished(machine)

    warned(world, machine)
    warned(world, machine)

    assert counted(world, machine) == 1


def test_a_warning_that_comes_again_when_its_place_has_been_forgotten_counts_for_nothing() -> None:
    world = World()
    machine = at_work(world)
    notice = Warned(machine, "terminate", at=world.clock.now)

    world.noticed(notice)
    once = counted(world, machine)
    world.clock.now += 2 * places.POLICY.window_s
    for _ in range(2 * places.POLICY.failures):
        world.noticed(notice)

    failures = [failure for one in world.book.look().breakers.values() for failure in one.failures]
    assert once == 1
    assert [failure.at for failure in failures if failure.at > notice.at + places.NEWS_S] == []
    assert not any(one.opened_at for one in world.book.look().breakers.values())


@pytest.mark.parametrize("word", ["soon", "rebalance", ""])
def test_what_is_no_notice_counts_for_nothing(word: str) -> None:
    world = World()
    machine = at_work(world)

    world.reported(ReportKind.INTERRUPTION, machine, interruption=word)

    assert counted(world, machine) == 0
    assert world.runner(machine).interruption in {"", "rebalance"}


def test_a_machine_that_is_not_a_spot_one_says_nothing_about_spot_machines() -> None:
    world = World(samples.config(spot=False))
    machine = at_work(world)

    warned(world, machine)

    assert counted(world, machine) == 0
