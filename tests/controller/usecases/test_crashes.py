"""A door may be lost, or overtaken, before and after each single call: no job is lost and none gets two machines."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Literal

import pytest

from controller.domain.job import JobState
from controller.domain.runner import ALIVE
from controller.errors import AlreadyDone, Unavailable
from controller.messages import Chores, Step, Wake
from runner_agent.contract.bundle import Claim
from runner_agent.contract.reports import ReportKind, Result
from tests.controller.usecases.world import GRACE_S, IDLE_LIMIT_S, REPLAY_S, SETTLING_S, World, delivery
from tests.fakes import samples

JOBS = (1, 2, 3)
Side = Literal["before", "after"]
both_sides = pytest.mark.parametrize("side", ["before", "after"])


class PowerCut(Exception):
    """The invocation is lost; nothing of ours ever catches this."""


class Interruption:
    """Does something once, just before or just after the n-th outside call."""

    def __init__(self, moment: int, side: Side, deed: Callable[[], object]) -> None:
        self.moment, self.side, self.deed = moment, side, deed
        self.calls = 0

    def __call__(self, _name: str, call: Callable[[], object]) -> object:
        self.calls += 1
        mine = self.calls == self.moment
        if mine and self.side == "before":
            self.deed()
        answer = call()
        if mine and self.side == "after":
            self.deed()
        return answer

    @property
    def happened(self) -> bool:
        """Whether there were that many calls at all."""
        return self.calls >= self.moment


def power_cut() -> None:
    raise PowerCut


def hiccup() -> None:
    raise Unavailable("no answer")


def moments(play: Callable[[int], bool]) -> int:
    """Play the story with an interruption at the first call, the second, ... until there is no such call."""
    moment = 1
    while play(moment):
        moment += 1
        assert moment < 60, "the story has no end"
    return moment - 1


def put_right(world: World) -> None:
    """What the queue and the schedules do after a crash, in any order that they may come."""
    world.doors()
    world.backlog.come_back()
    world.pump()
    world.clock.turn(REPLAY_S + 1)
    world.sweep(Chores.PENDING_LAUNCHES)
    world.wake()


def assert_one_machine_each(world: World) -> None:
    assert set(world.states()) == set(JOBS)
    assert len({world.machine_of(n) for n in JOBS}) == len(JOBS)
    assert sorted(world.machine_of(n) for n in JOBS) == sorted(world.machines)
    assert world.pending == []


@both_sides
@pytest.mark.parametrize("failure", [power_cut, hiccup])
def test_a_dispatcher_lost_at_any_call_leaves_each_job_with_exactly_one_machine(
    side: Side, failure: Callable[[], None]
) -> None:
    def play(moment: int) -> bool:
        world = World()
        cut = Interruption(moment, side, failure)
        world.doors(cut)

        with suppress(PowerCut, Unavailable):
            world.backlog.put(*(samples.queued(n) for n in (1, 2)))
            world.backlog.put(samples.queued(3, labels=("spotrunner/linux-4cpu/cpu=8",)))
            world.pump()
        put_right(world)

        assert_one_machine_each(world)
        return cut.happened

    assert moments(play) >= 8


@both_sides
def test_machines_that_boot_before_a_lost_dispatcher_is_missed_are_not_launched_for_again(side: Side) -> None:
    def play(moment: int) -> bool:
        world = World()
        cut = Interruption(moment, side, power_cut)
        world.doors(cut)

        with suppress(PowerCut):
            world.arrive(*JOBS)
        world.doors().clock.turn(SETTLING_S + 1)
        for name in world.machines:
            world.claim(name)
        put_right(world)

        assert_one_machine_each(world)
        return cut.happened

    assert moments(play) >= 5


@both_sides
def test_a_lost_replay_is_replayed(side: Side) -> None:
    def play(moment: int) -> bool:
        world = World()
        world.fleet.lost_answers.append(Unavailable("timed out"))
        world.arrive(*JOBS)
        world.clock.turn(REPLAY_S + 1)
        cut = Interruption(moment, side, power_cut)
        world.doors(cut)

        with suppress(PowerCut):
            world.sweep(Chores.PENDING_LAUNCHES)
        put_right(world)

        assert_one_machine_each(world)
        assert len(set(world.fleet.requests)) == 1
        return cut.happened

    assert moments(play) >= 3


@both_sides
def test_two_dispatchers_over_one_line_never_launch_twice_wherever_the_second_cuts_in(side: Side) -> None:
    def play(moment: int) -> bool:
        world = World()
        other = world.dispatch
        messages = [delivery(samples.queued(n)) for n in JOBS]
        cut = Interruption(moment, side, lambda: other([*messages, delivery(Wake())]))

        world.doors(cut).arrive(*JOBS)

        assert_one_machine_each(world)
        assert len(world.fleet.requests) == 1
        return cut.happened

    assert moments(play) >= 4


@both_sides
def test_a_dispatcher_and_the_sweep_over_one_launch_agree_wherever_the_sweep_cuts_in(side: Side) -> None:
    def play(moment: int) -> bool:
        world = World()
        house = world.house

        def sweep() -> None:
            world.clock.turn(REPLAY_S + 1)
            for launch in world.pending:
                house.launch.replay(launch)

        cut = Interruption(moment, side, sweep)
        world.doors(cut).arrive(*JOBS)

        assert_one_machine_each(world)
        assert len(set(world.fleet.requests)) == 1
        return cut.happened

    assert moments(play) >= 4


def claims_again(world: World, name: str) -> bool:
    """The agent's own way: try again while it may, go when told to."""
    for _ in range(5):
        try:
            world.claim(name)
        except Unavailable:
            continue
        except AlreadyDone:
            world.finished(name, Result.RUNNER_UNAVAILABLE)
            return False
        else:
            return True
    return False


@both_sides
@pytest.mark.parametrize("failure", [power_cut, hiccup])
def test_a_claim_lost_at_any_call_ends_with_the_job_claimed_once(side: Side, failure: Callable[[], None]) -> None:
    def play(moment: int) -> bool:
        world = World()
        world.arrive(1)
        cut = Interruption(moment, side, failure)
        world.doors(cut)

        with suppress(PowerCut, Unavailable):
            world.claim(world.machines[0])
        world.doors()
        if not claims_again(world, world.machines[0]):
            world.wake()
            world.claim(world.machines[0])

        assert world.job(1).state is JobState.CLAIMED
        assert [world.machine_of(1)] == world.machines
        return cut.happened

    assert moments(play) >= 5


@both_sides
@pytest.mark.parametrize("failure", [power_cut, hiccup])
def test_a_claim_whose_answer_was_lost_is_repeated_by_the_same_agent_and_costs_no_machine(
    side: Side, failure: Callable[[], None]
) -> None:
    def play(moment: int) -> bool:
        world = World()
        world.arrive(1)
        (machine,) = world.machines
        cut = Interruption(moment, side, failure)
        world.doors(cut)

        with suppress(PowerCut, Unavailable):
            world.claim(machine, nonce="the agent's own")
        bundle = world.doors().claim(machine, nonce="the agent's own") if cut.happened else None

        assert bundle is None or bundle.runner_name == world.runner(machine).name
        assert world.job(1).state is JobState.CLAIMED
        assert world.machine_of(1) == machine
        assert world.machines == [machine]
        return cut.happened

    assert moments(play) >= 5


@both_sides
def test_two_machines_after_one_job_never_both_get_it(side: Side) -> None:
    def play(moment: int) -> bool:
        world = World()
        world.arrive(1, 2, 3)
        first, second, third = (world.machine_of(n) for n in JOBS)
        for n in (1, 2):
            world.moved(Step.COMPLETED, n, conclusion="cancelled")
        world.finished(third, Result.RUNNER_UNAVAILABLE)
        rival = world.claim_door

        def race() -> None:
            with suppress(AlreadyDone, Unavailable):
                rival(second, Claim("0.1.0"))

        cut = Interruption(moment, side, race)
        world.doors(cut)
        with suppress(AlreadyDone, Unavailable):
            world.claim(first)
        world.doors()

        holders = [name for name in (first, second) if world.runner(name).job == world.job(3).key]
        assert world.job(3).state is JobState.CLAIMED
        assert holders == [world.job(3).instance_id]
        return cut.happened

    assert moments(play) >= 5


@both_sides
@pytest.mark.parametrize("failure", [power_cut, hiccup])
def test_reports_lost_at_any_call_are_joined_when_they_come_again(side: Side, failure: Callable[[], None]) -> None:
    def play(moment: int) -> bool:
        world = World()
        world.arrive(*JOBS)
        one, two, three = (world.machine_of(n) for n in JOBS)
        names = {name: world.claim(name).runner_name for name in (one, two, three)}
        batch = [
            world.word(Step.IN_PROGRESS, 1, runner_name=names[two]),
            world.report(ReportKind.STARTED, two),
            world.word(Step.COMPLETED, 2, runner_name=names[one], conclusion="failure"),
            world.report(ReportKind.FINISHED, three, result=Result.NO_JOB),
        ]
        cut = Interruption(moment, side, failure)
        world.doors(cut)

        with suppress(PowerCut):
            world.hear(batch)
        assert world.doors().hear(batch) == []

        assert world.states() == {1: JobState.RUNNING, 2: JobState.COMPLETED, 3: JobState.WAITING}
        assert (world.job(1).instance_id, world.job(2).instance_id) == (two, one)
        assert (world.job(3).failures, world.job(3).replacements) == (1, 0)
        return cut.happened

    assert moments(play) >= 4


@both_sides
@pytest.mark.parametrize("failure", [power_cut, hiccup])
def test_a_sweep_lost_at_any_call_is_finished_by_the_next_ones(side: Side, failure: Callable[[], None]) -> None:
    def play(moment: int) -> bool:
        world = World()
        world.arrive(*JOBS)
        lost = world.machine_of(1)
        for n in (2, 3):
            world.claim(world.machine_of(n))
            world.moved(Step.IN_PROGRESS, n, runner_name=world.runner(world.machine_of(n)).name)
        world.clock.turn(180.0 + GRACE_S + 1)
        cut = Interruption(moment, side, failure)
        world.doors(cut)

        with suppress(PowerCut, Unavailable):
            world.sweep(Chores.STUCK_PROVISIONING)
        world.doors()
        world.clock.turn(GRACE_S + IDLE_LIMIT_S)
        for task in (Chores.ORPHANED_MACHINES, Chores.STUCK_PROVISIONING):
            world.sweep(task)
        world.wake()

        assert lost not in world.machines
        assert world.runner(lost).state not in ALIVE
        assert_one_machine_each(world)
        return cut.happened

    assert moments(play) >= 5
