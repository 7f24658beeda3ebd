from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

import pytest

from controller.domain.deliveries import MessageDelayed, MessageRejected
from controller.domain.events import InterruptionNoticed, JobBackInLine, JobInterrupted, MachineGone, PlaceClosed
from controller.domain.interruption import FIRST_LOOK_S, MAINTENANCE, VANISHED, Advised, Ended, Notice, Warned
from controller.domain.job import JobState, Rerun
from controller.domain.places import place
from controller.domain.runner import Runner, RunnerState
from controller.errors import NothingToDo, Unavailable
from controller.messages import Chore, Chores, Delivery, Step, Wake
from runner_agent.contract import wire
from runner_agent.contract.reports import ReportKind, Result
from tests.controller.usecases.world import LAST_WORD_S, World
from tests.fakes import samples

STATES = ("shutting-down", "terminated", "stopping", "stopped")


class Crash(BaseException):
    """The function is gone, and with it whatever it was about to do."""


def launched(*job_ids: int) -> tuple[World, list[str]]:
    world = World()
    world.arrive(*job_ids)
    return world, [world.machine_of(job_id) for job_id in job_ids]


def busy(job_id: int = 1) -> tuple[World, str]:
    """A machine that works on its job, by its own word and GitHub's."""
    world, (machine,) = launched(job_id)
    world.claim(machine)
    name = world.runner(machine).name
    world.reported(ReportKind.STARTED, machine, runner_name=name)
    world.moved(Step.IN_PROGRESS, job_id, runner_name=name)
    return world, machine


def place_of(runner: Runner) -> str:
    return place(runner.instance_type, runner.zone)


def warned(machine: str, action: str = "terminate") -> Warned:
    return Warned(machine, action, at=0.0)


def ended(world: World, machine: str, state: str = "terminated", ago: float = LAST_WORD_S + 1) -> Ended:
    return Ended(machine, state, at=world.clock.now - ago)


def test_a_machine_warned_before_it_claimed_loses_its_job_at_once_to_a_new_one() -> None:
    world, (machine,) = launched(1)

    world.noticed(warned(machine))
    world.pump_sent()

    assert world.job(1).instance_id != machine
    assert world.machine_of(1) != machine
    assert [event.reason for event in world.told.of(JobBackInLine)] == [
        f"{machine} is taken away before it claimed: terminate"
    ]


def test_a_warned_machine_gets_no_work_any_more_even_while_its_job_still_waits() -> None:
    world, (machine,) = launched(1)
    world.noticed(warned(machine))

    with pytest.raises(NothingToDo, match="about to be taken away"):
        world.claim(machine)

    assert world.job(1).state is JobState.WAITING
    assert world.github.registrations == []


def test_a_warning_that_comes_while_the_machine_claims_gives_the_job_one_machine() -> None:
    world, (machine,) = launched(1)
    other = world.events
    cut = [warned(machine)]

    def cut_in(name: str, call: Callable[[], object]) -> object:
        if name == "github.register" and cut:
            other([Delivery("event-0", wire.dumps(cut.pop()))])
        return call()

    world.doors(cut_in)
    with pytest.raises(NothingToDo):
        world.claim(machine)
    world.pump_sent()

    assert world.machine_of(1) != machine
    assert len(world.machines) == 2


def test_a_claimed_machine_that_is_warned_keeps_its_job_until_it_says_that_it_ended_without_it() -> None:
    world, (machine,) = launched(1)
    world.claim(machine)

    world.noticed(warned(machine))
    held = world.job(1).state
    world.finished(machine, Result.INTERRUPTED, interruption="terminate")
    world.pump_sent()

    assert held is JobState.CLAIMED
    assert world.machine_of(1) != machine
    assert len(world.machines) == 1


def test_a_busy_machine_is_only_marked() -> None:
    world, machine = busy()

    world.noticed(warned(machine, "stop"))

    assert world.runner(machine).interruption == "stop"
    assert world.job(1).state is JobState.RUNNING
    (noticed,) = world.told.of(InterruptionNoticed)
    assert (noticed.instance, noticed.kind, noticed.state) == (machine, "stop", RunnerState.BUSY)


def test_a_job_that_failed_on_a_machine_taken_away_is_looked_after_soon() -> None:
    world, machine = busy()
    name = world.runner(machine).name
    world.noticed(warned(machine))

    world.moved(Step.COMPLETED, 1, runner_name=name, conclusion="failure")
    between = world.job(1).rerun
    world.finished(machine, Result.INTERRUPTED, interruption="terminate")

    assert between is Rerun.NONE
    assert world.job(1).rerun is Rerun.WANTED
    assert (world.outbox.sent[-1], world.outbox.delays[-1]) == (Chore(Chores.INTERRUPTED_JOBS), FIRST_LOOK_S)
    assert [event.interruption for event in world.told.of(JobInterrupted)] == ["terminate"]


@pytest.mark.parametrize("conclusion", ["success", "cancelled", "skipped"])
def test_a_job_that_did_not_fail_is_left_alone_whatever_befell_its_machine(conclusion: str) -> None:
    world, machine = busy()
    world.noticed(warned(machine))

    world.finished(machine, Result.INTERRUPTED, interruption="terminate")
    world.moved(Step.COMPLETED, 1, runner_name=world.runner(machine).name, conclusion=conclusion)

    assert world.job(1).rerun is Rerun.NONE
    assert world.told.of(JobInterrupted) == []


def test_a_job_that_failed_by_itself_after_the_warning_is_a_failure() -> None:
    world, machine = busy()
    world.noticed(warned(machine))

    world.moved(Step.COMPLETED, 1, runner_name=world.runner(machine).name, conclusion="failure")
    world.finished(machine, Result.FAILED, interruption="terminate")

    assert world.job(1).rerun is Rerun.NONE


def test_a_failure_on_a_machine_that_was_only_advised_is_a_failure() -> None:
    world, machine = busy()
    world.reported(ReportKind.INTERRUPTION, machine, interruption="rebalance")
    world.noticed(Advised(machine, at=0.0))

    world.moved(Step.COMPLETED, 1, runner_name=world.runner(machine).name, conclusion="failure")
    world.noticed(ended(world, machine))

    assert world.runner(machine).interruption == VANISHED
    assert [event.kind for event in world.told.of(InterruptionNoticed)] == ["rebalance"]


def test_announced_maintenance_is_told_and_counts_for_no_interruption() -> None:
    world, machine = busy()
    before = world.runner(machine)

    world.noticed(Advised(machine, at=0.0, kind=MAINTENANCE))

    assert [event.kind for event in world.told.of(InterruptionNoticed)] == ["maintenance"]
    assert world.runner(machine) == before
    assert world.book.look().breakers == {}


def test_a_notice_after_an_advice_counts_and_is_not_forgotten_for_a_later_one() -> None:
    world, machine = busy()

    world.reported(ReportKind.INTERRUPTION, machine, interruption="rebalance")
    world.reported(ReportKind.INTERRUPTION, machine, interruption="terminate")
    world.finished(machine, Result.INTERRUPTED, interruption="rebalance")

    assert world.runner(machine).interruption == "terminate"


def test_the_job_that_really_ran_on_the_machine_is_the_one_that_was_lost() -> None:
    world, (mine, other) = launched(1, 2)
    world.claim(mine)
    world.claim(other)
    thief = world.runner(mine).name
    world.moved(Step.IN_PROGRESS, 2, runner_name=thief)
    world.noticed(warned(mine))

    world.moved(Step.COMPLETED, 2, runner_name=thief, conclusion="failure")
    world.finished(mine, Result.INTERRUPTED, interruption="terminate", phases={"started": 1.0})

    assert world.job(2).rerun is Rerun.WANTED
    assert world.job(2).instance_id == mine
    assert world.job(1).rerun is Rerun.NONE


@pytest.mark.parametrize("state", STATES)
def test_a_machine_that_ended_without_a_word_is_written_off_and_its_job_gets_another(state: str) -> None:
    world, (machine,) = launched(1)
    world.claim(machine)
    world.fleet.power_off(machine)

    again = world.noticed(ended(world, machine, state))
    world.pump_sent()

    assert again == []
    assert world.runner(machine).state is RunnerState.GONE
    assert world.machine_of(1) != machine
    assert [event.reason for event in world.told.of(MachineGone)] == [f"the cloud says that it is {state}"]


def test_a_machine_that_has_just_ended_may_still_be_heard() -> None:
    world, (machine,) = launched(1)
    world.claim(machine)

    early = world.noticed(ended(world, machine, ago=LAST_WORD_S - 1))
    world.finished(machine, Result.SUCCESS, phases={"started": 1.0})
    late = world.noticed(ended(world, machine))

    assert (early, late) == (["event-0"], [])
    assert world.runner(machine).state is RunnerState.FINISHED
    assert world.told.of(MachineGone) == []
    assert world.told.of(MessageDelayed) == []


def test_a_busy_machine_that_vanished_leaves_its_job_to_github_which_gives_it_up_later() -> None:
    world, machine = busy()
    name = world.runner(machine).name
    world.fleet.power_off(machine)

    world.noticed(ended(world, machine))
    held = world.job(1)
    world.clock.turn(600)
    world.moved(Step.COMPLETED, 1, runner_name=name, conclusion="failure")

    assert held.state is JobState.RUNNING
    assert world.job(1).rerun is Rerun.WANTED
    assert world.machines == []


def test_a_machine_that_vanishes_after_github_had_the_failure_makes_it_an_interruption() -> None:
    world, machine = busy()
    world.noticed(warned(machine))
    world.moved(Step.COMPLETED, 1, runner_name=world.runner(machine).name, conclusion="failure")

    world.noticed(ended(world, machine))

    assert world.job(1).rerun is Rerun.WANTED
    assert Chore(Chores.INTERRUPTED_JOBS) in world.outbox.sent


def test_a_job_whose_queued_was_never_heard_is_run_again_too_when_its_machine_vanishes() -> None:
    world, (machine,) = launched(1)
    world.claim(machine)
    name = world.runner(machine).name
    known = samples.job(2)
    whose: dict[str, object] = {
        "server": known.server,
        "installation_id": known.installation_id,
        "run_id": known.run_id,
        "name": known.name,
        "head_sha": known.head_sha,
    }
    world.moved(Step.IN_PROGRESS, 2, runner_name=name, **whose)
    world.fleet.power_off(machine)

    world.noticed(ended(world, machine))
    world.clock.turn(600)
    world.moved(Step.COMPLETED, 2, runner_name=name, conclusion="failure", **whose)

    assert world.job(2).rerun is Rerun.WANTED
    assert (world.job(2).installation_id, world.job(2).run_id) == (known.installation_id, known.run_id)


def test_machines_of_others_and_the_end_of_ours_cost_one_read_and_no_word() -> None:
    world, machine = busy()
    world.finished(machine, Result.SUCCESS)
    before = dict(world.shelf.records)
    told = len(world.told.events)
    calls: list[str] = []

    def count(name: str, call: Callable[[], object]) -> object:
        calls.append(name)
        return call()

    world.doors(count)
    again = world.noticed(
        warned("i-stranger"), Advised("i-other", at=0.0), *(ended(world, "i-other", state) for state in STATES)
    ) + world.noticed(ended(world, machine), ended(world, machine, ago=0.0))

    assert again == []
    assert calls == ["runners.get", "runners.get"]
    assert world.shelf.records == before
    assert len(world.told.events) == told


def test_copies_of_a_notice_change_nothing_twice() -> None:
    world, (machine,) = launched(1)

    world.noticed(warned(machine), warned(machine, "stop"), warned(machine))
    once = dict(world.shelf.records)
    world.noticed(warned(machine))

    assert dict(world.shelf.records) == once
    assert len(world.told.of(InterruptionNoticed)) == 1
    assert world.outbox.sent == [Wake("a machine was taken away")]


def test_a_place_is_closed_by_what_the_cloud_says_and_not_by_what_machines_say_of_themselves() -> None:
    world, machines = launched(1, 2, 3)
    for machine in machines:
        world.claim(machine)
    (there,) = {place_of(world.runner(machine)) for machine in machines}

    for machine in machines:
        world.reported(ReportKind.INTERRUPTION, machine, interruption="terminate")
    by_themselves = dict(world.book.look().breakers)
    now = world.clock.now
    world.noticed(*(Warned(machine, "terminate", now) for machine in machines), Warned(machines[0], "terminate", now))

    assert by_themselves == {}
    assert set(world.book.look().breakers) == {there}
    assert len(world.told.of(InterruptionNoticed)) == 3
    assert [event.place for event in world.told.of(PlaceClosed)] == [there]


def test_a_pool_taken_away_brings_one_wake_up_and_a_machine_for_each_job() -> None:
    world, machines = launched(*range(1, 21))

    world.noticed(*(warned(machine) for machine in machines))
    world.pump_sent()

    assert world.outbox.sent.count(Wake("a machine was taken away")) == 1
    assert len({world.machine_of(n) for n in range(1, 21)} - set(machines)) == 20


def test_what_is_no_event_fails_alone() -> None:
    world, (machine,) = launched(1)
    good = Delivery("good", wire.dumps(warned(machine)))

    failed = world.events([Delivery("bad", "what?"), good])

    assert failed == ["bad"]
    assert world.runner(machine).interruption == "terminate"
    assert [event.queue for event in world.told.of(MessageRejected)] == ["events"]


@pytest.mark.parametrize("port", ["runners", "ledger", "outbox"])
def test_whatever_is_not_available_brings_the_events_again(port: str) -> None:
    world, (machine,) = launched(1)
    getattr(world, port).faults.plan(Unavailable("throttled"))

    failed = world.noticed(warned(machine))
    again = world.noticed(warned(machine))

    assert (failed, again) == (["event-0"], [])
    assert world.runner(machine).interruption == "terminate"
    assert len(world.told.of(MessageDelayed)) == 1


def test_a_record_that_changes_meanwhile_is_read_again() -> None:
    world, (machine,) = launched(1)
    touched: list[str] = []

    def touch(name: str, call: Callable[[], object]) -> object:
        if name == "ledger.save" and not touched:
            touched.append(name)
            runner = world.runner(machine)
            world.shelf.put(replace(runner, reason="touched"))
        return call()

    world.doors(touch).noticed(warned(machine))

    assert world.runner(machine).interruption == "terminate"
    assert world.runner(machine).reason == "touched"


def test_records_that_never_stand_still_bring_the_events_again() -> None:
    world, (machine,) = launched(1)

    def touch(name: str, call: Callable[[], object]) -> object:
        if name == "ledger.save":
            world.shelf.put(world.runner(machine))
        return call()

    failed = world.doors(touch).noticed(warned(machine))

    assert failed == ["event-0"]


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_crash_at_any_call_leaves_every_job_with_one_machine_once_the_event_comes_again(when: str) -> None:
    moment, more = 1, True
    while more:
        world, (idle, gone) = launched(1, 2)
        world.claim(gone)
        world.fleet.power_off(gone)
        heard: list[Notice] = [warned(idle), ended(world, gone)]
        calls = 0

        def crash(_name: str, call: Callable[[], object]) -> object:
            nonlocal calls
            calls += 1
            if calls == moment:  # noqa: B023 - called within this round
                if when == "after":
                    call()
                raise Crash
            return call()

        world.doors(crash)
        with suppress(Crash):
            world.noticed(*heard)
        world.doors().noticed(*heard)
        world.wake()
        world.pump_sent()

        assert len({world.machine_of(1), world.machine_of(2)} - {idle, gone}) == 2
        assert len(world.machines) == 3
        moment, more = moment + 1, calls >= moment


def test_nothing_to_hear_asks_nobody() -> None:
    world = World()
    calls: list[str] = []

    def count(name: str, call: Callable[[], object]) -> object:
        calls.append(name)
        return call

    assert world.doors(count).events([]) == []
    assert calls == []
