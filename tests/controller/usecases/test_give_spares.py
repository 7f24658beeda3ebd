"""A job takes a machine that runs already: no launch for it, no machine for two, and no job without one."""

from __future__ import annotations

from dataclasses import replace

import pytest

from controller.domain.events import JobLaunched, SpareTaken
from controller.domain.fleet_config import Span
from controller.domain.interruption import Ended, Warned
from controller.domain.job import JobState
from controller.domain.job_key import JobKey
from controller.domain.policy import Policy, Rule
from controller.domain.rules import Rules
from controller.domain.runner import RunnerState
from controller.domain.warm_pools import HAND_OVER_S, WARM
from controller.errors import NothingToDo, Unavailable
from controller.messages import Chore, Chores, Step, Wake
from runner_agent.contract.bundle import Bundle, Wait
from runner_agent.contract.reports import Result
from tests.controller.usecases.world import LAST_WORD_S, SPARE_POLL_S, World
from tests.fakes import samples


def pooled(size: int = 1, *, ready: bool = True) -> World:
    """A stack whose pool is filled."""
    world = World(samples.config(cpu=Span(4.0, 4.0), pool=size))
    world.sweep(Chores.FILL_POOLS)
    for machine in world.machines if ready else []:
        assert isinstance(world.ask(machine), Wait)
    return world


def test_a_job_takes_a_spare_without_a_launch_and_its_machine_hears_at_its_next_question() -> None:
    world = pooled()
    (machine,) = world.machines

    world.arrive(1)

    assert len(world.fleet.requests) == 1
    assert world.machine_of(1) == machine
    assert (world.job(1).state, world.job(1).rung) == (JobState.LAUNCHED, WARM)
    bundle = world.claim(machine)
    assert bundle.job.job_id == 1
    assert (world.job(1).state, world.runner(machine).state) == (JobState.CLAIMED, RunnerState.CLAIMED)
    assert world.runner(machine).repository == samples.REPOSITORY
    (taken,) = world.told.of(SpareTaken)
    assert (taken.job, taken.instance) == ("1#1", machine)
    assert world.told.of(JobLaunched) == []


def test_what_was_taken_is_replaced_at_once() -> None:
    world = pooled()

    world.arrive(1)
    assert world.outbox.sent == [Chore(Chores.FILL_POOLS)]
    world.pump_sent()

    assert len(world.machines) == 2
    assert [world.runner(name).state for name in world.machines] == [RunnerState.LAUNCHED, RunnerState.SPARE]


def test_more_jobs_than_spares_overflow_to_one_launch() -> None:
    world = pooled(2)
    spares = set(world.machines)

    world.arrive(1, 2, 3, 4, 5)

    assert len(world.fleet.requests) == 2
    assert len(world.machines) == 5
    assert {world.machine_of(n) for n in (1, 2)} == spares
    assert len({world.machine_of(n) for n in (1, 2, 3, 4, 5)}) == 5


def test_a_spare_that_still_boots_is_sooner_there_than_a_machine_that_was_never_asked_for() -> None:
    world = pooled(ready=False)

    world.arrive(1)

    assert len(world.machines) == 1
    assert world.claim(world.machine_of(1)).job.job_id == 1


@pytest.mark.parametrize("label", ["spotrunner/linux-4cpu/pool=false", "spotrunner/linux-4cpu/cpu=8"])
def test_a_job_that_wants_no_spare_or_another_machine_gets_its_own(label: str) -> None:
    world = pooled()
    (spare,) = world.machines

    world.arrive(1, labels=(label,))

    assert world.machine_of(1) != spare
    assert world.runner(spare).state is RunnerState.SPARE
    assert world.outbox.sent == []


def test_spares_serve_every_repository() -> None:
    world = pooled(2)
    spares = set(world.machines)

    world.backlog.put(samples.queued(1), samples.queued(2, repository="octo/other"))
    world.pump()

    assert {world.machine_of(1), world.machine_of(2)} == spares
    assert len(world.fleet.requests) == 1


def test_a_repository_gets_no_spare_of_a_kind_that_a_rule_keeps_from_it() -> None:
    world = pooled()
    (spare,) = world.fleet.running
    family = spare.instance_type.partition(".")[0]
    others = tuple(f for f in ("c7a", "m7i", "c7i", "m7a", "c6i") if f != family)
    world.configs.stack_rules = Rules(policy=Policy(rules=(Rule("theirs", ("octo/hello",), families=others),)))

    world.arrive(1)

    assert world.machine_of(1) != spare.instance_id


def test_a_run_again_on_demand_takes_no_spot_spare() -> None:
    world = pooled()
    (spare,) = world.machines
    world.shelf.put(replace(samples.job(1, state=JobState.WAITING, on_demand=True), shape="s"))

    world.wake()

    assert world.machine_of(1) != spare


def test_two_dispatchers_give_a_spare_to_one_job() -> None:
    world = pooled()
    (spare,) = world.machines
    world.shelf.hold_indexes()
    world.arrive(1)

    world.arrive(2)

    assert world.machine_of(1) == spare
    assert world.machine_of(2) != spare
    assert len(world.machines) == 2


def test_a_job_that_was_cancelled_leaves_its_spare_to_another_or_lets_it_go() -> None:
    world = pooled()
    (spare,) = world.machines
    world.arrive(1)
    world.moved(Step.COMPLETED, 1, conclusion="cancelled")

    with pytest.raises(NothingToDo):
        world.ask(spare)

    assert world.runner(spare).state is RunnerState.FINISHED


def test_a_spare_that_dies_before_it_claims_costs_its_job_a_minute_and_a_new_machine() -> None:
    world = pooled()
    (spare,) = world.machines
    world.arrive(1)
    world.clock.turn(HAND_OVER_S + 1)

    world.sweep(Chores.STUCK_PROVISIONING)
    world.pump_sent()

    assert world.runner(spare).state is RunnerState.GONE
    assert spare not in world.machines
    assert world.machine_of(1) != spare


def test_a_job_whose_spare_is_seen_to_end_gets_another_machine_at_once() -> None:
    world = pooled()
    (spare,) = world.machines
    world.arrive(1)
    world.fleet.power_off(spare)

    world.noticed(Ended(spare, "terminated", world.clock.now - LAST_WORD_S))
    world.pump_sent()

    assert world.machine_of(1) != spare


def test_a_spare_that_is_to_be_taken_away_is_given_to_nobody_and_sent_home() -> None:
    world = pooled()
    (spare,) = world.machines
    world.noticed(Warned(spare, "terminate", world.clock.now))

    world.arrive(1)

    assert world.machine_of(1) != spare
    with pytest.raises(NothingToDo, match="about to be taken away"):
        world.ask(spare)


def test_a_spare_that_ends_by_itself_gives_the_job_it_had_just_got_back() -> None:
    world = pooled()
    (spare,) = world.machines
    world.arrive(1)

    world.finished(spare, Result.INTERRUPTED)

    assert world.job(1).state is JobState.WAITING
    assert Wake("a job is back in line") in world.outbox.sent


@pytest.mark.parametrize("port", ["runners", "ledger"])
def test_where_spares_can_not_be_had_the_job_gets_a_machine_of_its_own(port: str) -> None:
    world = pooled()
    (spare,) = world.machines
    getattr(world, port).faults.plan(Unavailable("no"))

    world.arrive(1)

    assert world.machine_of(1) != spare
    assert len(world.machines) == 2


def test_a_spare_given_by_a_write_whose_answer_was_lost_is_the_jobs_only_machine() -> None:
    world = pooled()
    (spare,) = world.machines
    world.ledger.lost_answers.append(Unavailable("who knows"))

    world.arrive(1)

    assert world.machine_of(1) == spare
    assert len(world.machines) == 1


def test_a_configuration_without_a_pool_costs_no_call() -> None:
    world = World()
    calls = world.noted()

    world.arrive(1)

    assert "runners.spares" not in calls


def test_waiting_costs_one_read_for_each_question() -> None:
    world = pooled()
    (spare,) = world.machines
    calls = world.noted()

    world.ask(spare)

    assert calls == ["runners.get"]


def test_a_job_that_takes_a_spare_costs_one_write_and_one_message_in_place_of_a_launch() -> None:
    world = pooled()
    calls = world.noted()

    world.arrive(1)

    assert calls[calls.index("runners.spares") :] == ["runners.spares", "ledger.save", "outbox.send"]


def test_a_spare_is_told_to_wait_until_a_job_takes_it_and_waiting_changes_nothing() -> None:
    world = pooled()
    (spare,) = world.machines
    before = dict(world.shelf.records)

    answers = [world.ask(spare) for _ in range(5)]

    assert world.shelf.records == before
    assert all(isinstance(answer, Wait) and answer.again_s == SPARE_POLL_S for answer in answers)
    world.arrive(1)
    assert isinstance(world.ask(spare), Bundle)
    assert world.runner(spare).job == JobKey(1, 1)
