"""The tasks that only look: the audit, the age of runners, the costs of a day."""

from __future__ import annotations

from dataclasses import replace

from controller.domain.archive import day
from controller.domain.cost_report import CostLine, last_whole_day
from controller.domain.events import DayCosted, MachinesAudited, MachinesDiffer, RunnerBehind, RunnerReleased
from controller.domain.job import JobState
from controller.domain.runner import RunnerState
from controller.messages import Chores
from controller.ports import CloudMachine
from runner_agent.contract import wire
from tests.controller.usecases.upkeep import DAY_S, LONGEST_JOB_S
from tests.controller.usecases.world import World
from tests.fakes import samples


def test_the_audit_counts_and_tells_and_ends_nothing() -> None:
    world = World()
    world.arrive(1)
    world.clock.turn(700.0)
    born = world.clock.now - 700
    stray = CloudMachine("i-stray", "", born, "c7a.xlarge", "us-east-1a", spot=True, running=True)
    world.fleet.owned["i-stray"] = stray

    lines = world.sweep(Chores.POOL_AUDIT)

    (audited,) = world.told.of(MachinesAudited)
    assert (audited.running, audited.recorded, audited.unknown, audited.missing) == (2, 1, 1, 0)
    assert [(each.instance, each.kind) for each in world.told.of(MachinesDiffer)] == [("i-stray", "unknown")]
    assert lines == ["i-stray is unknown: it runs under the stack's tag, and no record is of it"]
    assert world.fleet.terminated == []


def test_an_image_that_lags_behind_is_told_of_once_its_time_is_up() -> None:
    world = World()
    world.arrive(1)
    world.claim(world.machine_of(1), baked_runners=("2.330.0",))
    assert world.sweep(Chores.RUNNER_AGE) == []
    (machine,) = [world.runner(name) for name in world.machines]
    assert machine.baked == ("2.330.0",)

    world.clock.turn(21 * DAY_S)
    world.shelf.put(replace(machine, lease_until=world.clock.now + 600))
    fact = f"release {samples.SERVER} linux/x64"
    text, _ = world.memory.facts[fact]
    world.memory.facts[fact] = (text, world.clock.now + 600)
    lines = world.sweep(Chores.RUNNER_AGE)

    assert [event.version for event in world.told.of(RunnerReleased)] == ["2.336.0"]
    (behind,) = world.told.of(RunnerBehind)
    assert (behind.config, behind.baked, behind.current, behind.refused) == ("linux-4cpu", "2.330.0", "2.336.0", False)
    assert lines == ["rebuild the image of linux-4cpu: it has 2.330.0, GitHub offers 2.336.0 for 21 days or more"]


def test_without_a_known_release_nothing_is_said() -> None:
    world = World()
    world.shelf.put(samples.runner("i-1", baked=("2.330.0",)))

    assert world.sweep(Chores.RUNNER_AGE) == []
    assert world.told.of(RunnerReleased) == []


def test_a_machines_word_on_its_runners_is_cut_short() -> None:
    world = World()
    world.arrive(1)

    world.claim(world.machine_of(1), baked_runners=("9" * 500,) * 50)

    assert world.runner(world.machine_of(1)).baked == ("9" * 20,) * 4


def test_a_day_is_reported_once_and_kept() -> None:
    world = World()
    begins = last_whole_day(world.clock.now, LONGEST_JOB_S)
    ran = samples.runner("i-1", state=RunnerState.FINISHED, launched_at=begins, finished_at=begins + 3_600)
    world.shelf.put(
        ran,
        samples.job(1, state=JobState.COMPLETED, queued_at=begins, instance_id="i-1"),
        samples.job(2, state=JobState.COMPLETED, queued_at=begins + DAY_S - 1, instance_id="i-lost"),
        samples.job(3, state=JobState.COMPLETED, queued_at=begins - 1),
        samples.job(4, state=JobState.COMPLETED, queued_at=begins + DAY_S),
    )

    (line,) = world.sweep(Chores.COST_REPORT)
    again = world.sweep(Chores.COST_REPORT)

    assert line.startswith(f"octo/hello linux-4cpu on {day(begins)}: 2 jobs, 1.0 machine hours, $")
    assert again == []
    (told,) = world.told.of(DayCosted)
    assert (told.jobs, told.unpriced) == (2, 1)
    (kept,) = world.archive.kept[f"reports/cost/{day(begins)}/dev-us-east-1.jsonl.gz"]
    assert wire.loads(CostLine, kept).jobs == 2
