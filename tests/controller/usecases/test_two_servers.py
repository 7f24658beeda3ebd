"""Two GitHub servers that count their jobs alike: nothing of one is ever taken for the other's."""

from __future__ import annotations

from dataclasses import replace

import pytest

from controller.domain.deliveries import MessageDelayed
from controller.domain.job import Job, JobState
from controller.domain.job_key import JobKey
from controller.domain.runner import RunnerState
from controller.errors import NothingToDo, Rejected, Unavailable
from controller.messages import Chores, Step
from controller.usecases.recover_jobs import OnEveryServer
from runner_agent.contract.trace import TraceContext
from tests.controller.usecases.world import SCAN_GRACE_S, World
from tests.fakes import samples
from tests.fakes.telling import Told

CORP = "https://ghe.example/api/v3"
HERE, THERE = JobKey(1, 1), JobKey(1, 1, "corp")


@pytest.fixture
def world() -> World:
    """One job of the same number, repository and name on each server."""
    world = World()
    world.arrive(1)
    world.arrive(1, server=CORP, server_name="corp", installation_id=3)
    return world


def job(world: World, key: JobKey) -> Job:
    return world.jobs.get([key])[key]


def test_the_same_number_on_two_servers_is_two_jobs_with_a_machine_and_a_runner_each(world: World) -> None:
    machines = {key: job(world, key).instance_id for key in (HERE, THERE)}

    bundles = {key: world.claim(machine) for key, machine in machines.items()}

    assert len(set(machines.values())) == 2
    assert [(wanted.server, wanted.installation_id) for wanted in world.github.registrations] == [
        (samples.SERVER, 7),
        (CORP, 3),
    ]
    assert world.runner(machines[THERE]).job == THERE
    assert job(world, THERE).shape != job(world, HERE).shape
    traces = {key: TraceContext.parse(bundle.traceparent) for key, bundle in bundles.items()}
    assert len({context.trace_id for context in traces.values() if context}) == 2


def test_each_server_speaks_of_its_own_job(world: World) -> None:
    machine = job(world, THERE).instance_id
    world.claim(machine)

    world.moved(Step.IN_PROGRESS, 1, server_name="corp", runner_name=world.runner(machine).name)

    assert (job(world, HERE).state, job(world, THERE).state) == (JobState.LAUNCHED, JobState.RUNNING)
    assert world.runner(machine).ran == THERE


def test_a_server_has_no_say_about_a_machine_that_works_for_another(world: World) -> None:
    machine = job(world, HERE).instance_id
    world.claim(machine)

    world.moved(Step.IN_PROGRESS, 1, server_name="corp", runner_name=world.runner(machine).name)
    world.moved(Step.COMPLETED, 9, server_name="corp", runner_name=world.runner(machine).name, conclusion="success")

    assert (world.runner(machine).state, world.runner(machine).ran) == (RunnerState.CLAIMED, None)
    assert job(world, HERE).state is JobState.CLAIMED


def test_a_machine_that_lost_its_job_takes_none_of_another_server(world: World) -> None:
    machine = job(world, HERE).instance_id
    world.moved(Step.COMPLETED, 1, conclusion="cancelled")
    waiting = job(world, THERE)
    world.ledger.save([replace(waiting, state=JobState.WAITING, launch_id="", instance_id="")])

    with pytest.raises(NothingToDo):
        world.claim(machine)

    assert job(world, THERE).state is JobState.WAITING


def test_the_scan_of_one_server_knows_nothing_of_the_others_jobs(world: World) -> None:
    world.clock.turn(SCAN_GRACE_S + 30)

    world.sweep(Chores.RECOVER_JOBS)

    assert world.census.calls.count("jobs of run 70") == 1


def test_one_server_that_does_not_answer_keeps_nobody_from_the_next() -> None:
    def down(dry_run: bool) -> tuple[int, list[str]]:  # noqa: FBT001 - all tasks are called alike
        raise Unavailable(f"GitHub: 502, dry run {dry_run}")

    def up(dry_run: bool) -> tuple[int, list[str]]:  # noqa: FBT001 - all tasks are called alike
        seen.append(dry_run)
        return 2, ["found"]

    seen: list[bool] = []

    told = Told()
    assert OnEveryServer([down, up, up], told)(True) == (4, ["found", "found"])
    assert seen == [True, True]
    assert [event.reason for event in told.of(MessageDelayed)] == ["GitHub: 502, dry run True"]


def test_a_server_that_refuses_is_told_after_all_others_were_looked_at() -> None:
    def closed(dry_run: bool) -> tuple[int, list[str]]:  # noqa: FBT001 - all tasks are called alike
        raise Rejected(f"404, dry run {dry_run}")

    def up(dry_run: bool) -> tuple[int, list[str]]:  # noqa: FBT001 - all tasks are called alike
        seen.append(dry_run)
        return 0, []

    seen: list[bool] = []

    with pytest.raises(Rejected, match="404"):
        OnEveryServer([closed, up], Told())(False)

    assert seen == [False]
