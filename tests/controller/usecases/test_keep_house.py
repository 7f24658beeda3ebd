"""Housekeeping over the whole platform: what is broken is put right, what works is left in peace."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from controller.domain.boot_health import NEVER_CLAIMED
from controller.domain.deliveries import MessageDelayed
from controller.domain.events import ChoreDone, JobBackInLine, JobRefused, MachineGone, MachineTerminated
from controller.domain.job import JobState, Rerun, move
from controller.domain.runner import RunnerState
from controller.errors import Unavailable
from controller.messages import Chore, Chores, Step, Wake
from controller.ports import CloudMachine
from runner_agent.contract.bundle import Claim
from runner_agent.contract.reports import ReportKind, Result
from tests.controller.usecases.upkeep import UPKEEP
from tests.controller.usecases.world import GRACE_S, IDLE_LIMIT_S, JOB_LIMIT_S, REPLAY_S, World
from tests.fakes import samples

CLAIM_S = 180.0


def launched(*job_ids: int) -> tuple[World, list[str]]:
    """These jobs, and the machine of each."""
    world = World()
    world.arrive(*job_ids)
    return world, [world.machine_of(n) for n in job_ids]


TASKS = [task for task in Chores if task not in {Chores.MARKET, Chores.QUOTAS}]
"""Those that touch jobs and machines; the others learn of the cloud, and nothing of theirs is ever broken."""


def everything(world: World) -> None:
    """Every task, as the schedules run them."""
    for task in TASKS:
        world.sweep(task)


def frozen(world: World) -> tuple[object, ...]:
    """All that housekeeping could change."""
    return dict(world.shelf.records), dict(world.fleet.owned), list(world.fleet.terminated), list(world.outbox.sent)


def test_a_machine_that_never_claimed_is_written_off_and_its_job_launched_again() -> None:
    world, (machine,) = launched(1)
    world.clock.turn(CLAIM_S + GRACE_S + 1)

    (line,) = world.sweep(Chores.STUCK_PROVISIONING)

    assert line.startswith(f"write off {machine}: it should have claimed 12")
    assert world.machines == []
    assert world.runner(machine).state is RunnerState.GONE
    assert (world.job(1).state, world.job(1).failures) == (JobState.WAITING, 1)
    assert world.outbox.sent == [Wake("a machine came to nothing")]
    assert [type(event) for event in world.told.events[-4:]] == [
        MachineGone,
        MachineTerminated,
        JobBackInLine,
        ChoreDone,
    ]

    world.wake()

    assert world.machine_of(1) != machine
    assert len(world.machines) == 1


@pytest.mark.parametrize("late", [0.0, CLAIM_S - 1])
def test_a_machine_within_its_claim_deadline_is_left_alone(late: float) -> None:
    world, _ = launched(1)
    world.clock.turn(late)
    before = frozen(world)

    everything(world)

    assert frozen(world) == before


def test_a_busy_machine_is_left_alone_until_its_job_limit_and_grace_are_over() -> None:
    world, (machine,) = launched(1)
    name = world.claim(machine).runner_name
    world.moved(Step.IN_PROGRESS, 1, runner_name=name)
    world.clock.turn(JOB_LIMIT_S + GRACE_S - 1)
    before = frozen(world)

    everything(world)
    assert frozen(world) == before
    world.clock.turn(2.0)
    everything(world)

    assert world.machines == []
    # Whether the job has ended is GitHub's word alone.
    assert world.job(1).state is JobState.RUNNING


def test_a_job_that_github_gave_up_on_a_machine_that_hangs_is_run_again_once_the_machine_is_ended() -> None:
    world, (machine,) = launched(1)
    name = world.claim(machine).runner_name
    world.moved(Step.IN_PROGRESS, 1, runner_name=name)
    world.clock.turn(600.0)
    world.moved(Step.COMPLETED, 1, runner_name=name, conclusion="failure")
    world.clock.turn(JOB_LIMIT_S + GRACE_S)

    world.sweep(Chores.STUCK_PROVISIONING)

    assert world.machines == []
    assert world.job(1).rerun is Rerun.WANTED
    assert Chore(Chores.INTERRUPTED_JOBS) in world.outbox.sent


def test_a_job_on_a_machine_that_was_advised_to_be_left_and_then_vanished_is_run_again() -> None:
    world, (machine,) = launched(1)
    name = world.claim(machine).runner_name
    world.moved(Step.IN_PROGRESS, 1, runner_name=name)
    world.reported(ReportKind.INTERRUPTION, machine, interruption="rebalance")
    world.fleet.power_off(machine)

    missed(world)
    world.moved(Step.COMPLETED, 1, runner_name=name, conclusion="failure")

    assert (world.runner(machine).interruption, world.runner(machine).noticed_by) == ("vanished", "a sweep")
    assert world.job(1).rerun is Rerun.WANTED


def test_a_job_that_took_longer_than_its_limit_is_not_run_again_when_its_machine_is_ended() -> None:
    world, (machine,) = launched(1)
    name = world.claim(machine).runner_name
    world.moved(Step.IN_PROGRESS, 1, runner_name=name)
    world.clock.turn(JOB_LIMIT_S + GRACE_S + 1)

    world.sweep(Chores.STUCK_PROVISIONING)
    world.moved(Step.COMPLETED, 1, runner_name=name, conclusion="failure")

    assert world.machines == []
    assert world.job(1).rerun is Rerun.NONE


def test_a_machine_whose_runner_never_got_a_job_is_ended_and_the_job_given_back() -> None:
    world, (machine,) = launched(1)
    world.claim(machine)
    world.reported(ReportKind.REGISTERED, machine)
    world.clock.turn(IDLE_LIMIT_S + GRACE_S + 1)

    world.sweep(Chores.STUCK_PROVISIONING)

    assert world.machines == []
    assert "its runner should have had a job" in world.job(1).reason
    assert world.job(1).state is JobState.WAITING


def missed(world: World) -> None:
    """Two sweeps, with a while between them, see that a machine is missing."""
    for _ in range(2):
        world.clock.turn(GRACE_S + 1)
        world.sweep(Chores.ORPHANED_MACHINES)


def test_a_machine_that_vanished_gives_its_job_back() -> None:
    world, (machine,) = launched(1)
    world.fleet.power_off(machine)

    missed(world)
    world.wake()

    assert world.runner(machine).state is RunnerState.GONE
    assert world.fleet.terminated == []
    assert world.machine_of(1) != machine


def test_a_machine_that_the_cloud_has_forgotten_gives_its_job_back() -> None:
    world, (machine,) = launched(1)
    world.fleet.forget(machine)

    missed(world)
    world.wake()

    assert world.machine_of(1) != machine


def test_a_machine_that_ended_well_is_not_given_up_while_its_reports_are_on_their_way() -> None:
    world, (machine,) = launched(1)
    world.claim(machine)
    world.fleet.power_off(machine)
    world.clock.turn(GRACE_S + 1)

    lines = world.sweep(Chores.ORPHANED_MACHINES)
    world.finished(machine, Result.SUCCESS)
    world.clock.turn(GRACE_S + 1)

    assert lines == [f"{machine} is missing in the cloud"]
    assert world.sweep(Chores.ORPHANED_MACHINES) == []
    assert world.job(1).state is JobState.CLAIMED


def test_a_job_that_no_machine_ever_gets_is_given_up_and_says_so() -> None:
    """As when it was cancelled and nobody heard of it."""
    world, (machine,) = launched(1)
    for _ in range(10):
        machine = world.machine_of(1)
        world.claim(machine)
        world.finished(machine, Result.NO_JOB)
        world.wake()

    assert world.job(1).state is JobState.REFUSED
    assert "10 machines came to nothing" in world.told.of(JobRefused)[0].reason
    assert world.machines == []


def test_a_job_whose_machine_ran_something_waits_for_githubs_word() -> None:
    world, (machine,) = launched(1)
    world.claim(machine)
    world.reported(ReportKind.STARTED, machine)
    world.finished(machine, Result.SUCCESS)
    world.clock.turn(4 * GRACE_S)

    assert world.sweep(Chores.STUCK_PROVISIONING) == []
    assert world.job(1).state is JobState.CLAIMED


def test_a_job_whose_machine_ran_something_else_unheard_of_goes_back_in_line_after_ten_minutes() -> None:
    world = World()
    world.arrive(1)
    (machine,) = world.machines
    world.claim(machine)
    world.reported(ReportKind.STARTED, machine)
    world.finished(machine)
    world.clock.turn(601.0)

    world.sweep(Chores.STUCK_PROVISIONING)

    assert world.job(1).state is JobState.WAITING


def test_a_job_never_heard_to_be_queued_ends_with_its_machine() -> None:
    world = World()
    world.arrive(1)
    (machine,) = world.machines
    runner = world.claim(machine).runner_name
    world.moved(Step.IN_PROGRESS, 2, runner_name=runner)
    world.finished(machine)
    world.clock.turn(601.0)

    world.sweep(Chores.STUCK_PROVISIONING)

    assert (world.job(2).state, world.job(2).conclusion) == (JobState.COMPLETED, "")


def test_a_machine_too_young_to_be_listed_is_not_given_up() -> None:
    world, (machine,) = launched(1)
    world.fleet.forget(machine)
    world.clock.turn(GRACE_S - 1)

    assert world.sweep(Chores.ORPHANED_MACHINES) == []


def stray(world: World, age: float) -> str:
    """A machine of the stack that nobody has a record of."""
    machine = CloudMachine("i-stray", "launch-?", world.clock.now - age, "c7a.large", "us-east-1a", True, True)
    world.fleet.owned["i-stray"] = machine
    return machine.instance_id


def test_a_machine_without_a_record_is_ended() -> None:
    world = World()
    name = stray(world, age=601.0)

    lines = world.sweep(Chores.ORPHANED_MACHINES)

    assert lines == [f"terminate {name}: no record of it"]
    assert world.machines == []
    assert world.told.of(MachineTerminated) == [MachineTerminated(name, "no record of it")]


def test_a_young_machine_without_a_record_may_belong_to_a_launch_still_being_settled() -> None:
    world = World()
    stray(world, age=590.0)

    assert world.sweep(Chores.ORPHANED_MACHINES) == []
    assert world.machines == ["i-stray"]


def test_a_machine_that_said_its_last_word_and_did_not_power_off_is_ended() -> None:
    world, (machine,) = launched(1)
    world.finished(machine, Result.NO_JOB)
    world.fleet.owned[machine] = replace(world.fleet.owned[machine], running=True)

    world.sweep(Chores.ORPHANED_MACHINES)
    assert world.machines == [machine]
    world.clock.turn(GRACE_S + 1)
    world.sweep(Chores.ORPHANED_MACHINES)

    assert world.machines == []


def test_a_job_left_with_a_machine_that_ended_goes_back_in_line() -> None:
    world, (machine,) = launched(1)
    world.shelf.put(replace(world.runner(machine), state=RunnerState.GONE, since=world.clock.now))
    world.fleet.power_off(machine)
    world.clock.turn(GRACE_S + 1)

    (line,) = world.sweep(Chores.STUCK_PROVISIONING)
    world.wake()

    assert line == f"back in line with job 1#1: {machine} has ended without it"
    assert world.machine_of(1) != machine


NOTHING_BROKEN = {Chores.RECOVER_JOBS, Chores.RECOVER_DELIVERIES, Chores.REGIONS, Chores.FILL_POOLS, *UPKEEP}
"""Tasks with nothing to do in `broken`; their own tests give them something."""


def broken() -> World:
    """One of everything that housekeeping puts right."""
    world, (late, gone, ended, _) = launched(1, 2, 3, 4)
    world.shelf.put(replace(world.runner(ended), state=RunnerState.FINISHED, since=world.clock.now))
    world.fleet.lost_answers.append(Unavailable("timed out"))
    world.arrive(5)
    world.clock.turn(CLAIM_S + GRACE_S + REPLAY_S + 1)
    world.claim(gone)
    world.fleet.power_off(gone)
    stray(world, age=700.0)
    owing(world)
    world.boots.bury([samples.runner("i-silent")], NEVER_CLAIMED)
    del late
    return world


def owing(world: World) -> None:
    """A job that was refused, and one that was interrupted in a run that has ended; nobody at GitHub knows."""
    lost, name = samples.job(9, run_id=90), "spotrunner-i-lost-1"
    world.shelf.put(
        samples.job(8, state=JobState.REFUSED, reason="there is no such configuration"),
        replace(lost, state=JobState.COMPLETED, conclusion="failure", runner_name=name, rerun=Rerun.WANTED),
        samples.runner("i-lost", state=RunnerState.FINISHED, result="interrupted", ran=lost.key),
    )
    world.runs.ran(9, "failure", name, run_id=90)
    world.runs.end(90)


def test_a_dry_run_says_what_would_be_done_and_changes_nothing() -> None:
    world = broken()
    before = frozen(world)
    requests = len(world.fleet.requests)

    said = {task: world.sweep(task, dry_run=True) for task in TASKS}

    assert frozen(world) == before
    assert len(world.fleet.requests) == requests
    assert {task for task, lines in said.items() if not lines} <= NOTHING_BROKEN
    assert all(event.dry_run for event in world.told.of(ChoreDone))
    assert [event.acted_on for event in world.told.of(ChoreDone)] == [len(lines) for lines in said.values()]


def test_everything_that_was_broken_ends_with_one_machine_for_each_job_and_none_to_spare() -> None:
    world = broken()

    for _ in range(3):
        everything(world)
        world.wake()
        world.clock.turn(GRACE_S + 1)

    assert len({world.machine_of(n) for n in (1, 2, 3, 4, 5)}) == 5
    assert sorted(world.machines) == sorted(world.machine_of(n) for n in (1, 2, 3, 4, 5))


@pytest.mark.parametrize("task", TASKS)
def test_a_task_that_runs_twice_does_its_work_once(task: Chores) -> None:
    world = broken()
    world.sweep(task)
    before = frozen(world)

    world.sweep(task)

    assert frozen(world) == before


@pytest.mark.parametrize("task", TASKS)
def test_overlapping_runs_do_the_work_once_wherever_the_second_cuts_in(task: Chores) -> None:
    moment, more = 1, True
    while more:
        world = broken()
        alone = broken()
        alone.sweep(task)
        other, calls = world.house, 0

        def cut_in(_name: str, call: Callable[[], object]) -> object:
            nonlocal calls
            calls += 1
            if calls == moment:  # noqa: B023 - called within this round
                other(Chore(task))  # noqa: B023 - called within this round
            return call()

        world.doors(cut_in).sweep(task)

        assert world.states() == alone.states()
        assert sorted(world.machines) == sorted(alone.machines)
        assert world.runs.reruns == alone.runs.reruns
        assert [world.job(n).failures for n in world.states()] == [alone.job(n).failures for n in world.states()]
        moment, more = moment + 1, calls >= moment


def test_a_record_that_moved_on_meanwhile_is_not_written_off() -> None:
    world, (machine,) = launched(1)
    world.clock.turn(CLAIM_S + GRACE_S + 1)
    door = world.claim_door

    def claim(name: str, call: Callable[[], object]) -> object:
        if name == "ledger.save" and world.runner(machine).state is RunnerState.LAUNCHED:
            door(machine, Claim("0.1.0"))
        return call()

    world.doors(claim).sweep(Chores.STUCK_PROVISIONING)

    assert world.machines == [machine]
    assert world.machine_of(1) == machine
    assert world.told.of(MachineTerminated) == []


def test_a_cloud_that_does_not_end_the_machine_now_is_asked_again_and_the_job_waits_until_then() -> None:
    world, (machine,) = launched(1)
    world.clock.turn(CLAIM_S + GRACE_S + 1)
    world.fleet.faults.plan(Unavailable("throttled"))

    with pytest.raises(Unavailable):
        world.sweep(Chores.STUCK_PROVISIONING)
    world.wake()
    assert world.machines == [machine]
    world.clock.turn(GRACE_S + 1)
    everything(world)
    world.wake()

    assert machine not in world.machines
    assert [world.machine_of(1)] == world.machines


def test_one_launch_that_the_cloud_does_not_answer_does_not_hold_up_the_others() -> None:
    world = World()
    for n in (1, 2):
        world.fleet.lost_answers.append(Unavailable("timed out"))
        world.arrive(n)
    world.clock.turn(REPLAY_S + 1)
    world.fleet.faults.plan(Unavailable("throttled"))

    world.sweep(Chores.PENDING_LAUNCHES)

    assert world.states() == {1: JobState.LAUNCHING, 2: JobState.LAUNCHED}
    assert len(world.told.of(MessageDelayed)) == 2 + 1


def test_a_running_job_is_never_put_back_in_line() -> None:
    world, (machine,) = launched(1)
    world.shelf.put(move(world.job(1), JobState.RUNNING, world.clock.now))
    world.fleet.power_off(machine)
    world.clock.turn(10_000.0)

    for _ in range(3):
        everything(world)
        world.clock.turn(1_000.0)

    assert world.job(1).state is JobState.RUNNING


def test_what_a_task_looked_at_is_told() -> None:
    world, _ = launched(1, 2)

    world.sweep(Chores.ORPHANED_MACHINES)

    (told,) = world.told.of(ChoreDone)
    assert (told.task, told.looked_at, told.acted_on, told.dry_run) == ("orphaned-machines", 2, 0, False)
