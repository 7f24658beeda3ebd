from __future__ import annotations

from controller.domain.deliveries import MessageDelayed
from controller.domain.events import CommitTold
from controller.domain.job import JobState, Rerun
from controller.errors import Rejected, Unavailable
from controller.messages import Chores
from tests.controller.usecases.world import World
from tests.fakes import samples


def refused(**changes: object) -> World:
    world = World()
    world.arrive(1, labels=("spotrunner/no-such-config",), **changes)
    assert world.job(1).state is JobState.REFUSED
    return world


def test_a_refused_job_is_explained_on_its_commit_once() -> None:
    world = refused()

    said = [world.sweep(Chores.CHECK_RUNS) for _ in range(3)]

    (check,) = world.checks.posted
    assert (check.repository, check.head_sha) == (samples.REPOSITORY, "a" * 40)
    assert (check.name, check.external_id) == ("SpotRunner: build 1", "1#1")
    assert "no-such-config" in check.summary
    assert said == [["tell octo/hello of job 1#1: No runner for this job"], [], []]
    assert [event.outcome for event in world.told.of(CommitTold)] == ["posted"]


def test_a_refusal_at_the_launch_is_explained_too() -> None:
    world = World()
    world.configs.known["linux-4cpu"] = samples.config()
    world.configs.known["arm"] = samples.config("arm")
    world.arrive(1)
    world.shelf.put(samples.job(2, config="gone", labels=("spotrunner/gone",), version=0))

    world.wake()
    world.sweep(Chores.CHECK_RUNS)

    assert [check.external_id for check in world.checks.posted] == ["2#1"]


def test_a_dry_run_only_says_what_it_would_tell() -> None:
    world = refused()

    said = world.sweep(Chores.CHECK_RUNS, dry_run=True)

    assert said == ["tell octo/hello of job 1#1: No runner for this job"]
    assert world.checks.posted == []


def test_a_github_that_does_not_answer_is_told_later() -> None:
    world = refused()
    world.checks.faults.plan(Unavailable("502"))

    said = [world.sweep(Chores.CHECK_RUNS) for _ in range(2)]

    assert [len(lines) for lines in said] == [0, 1]
    assert len(world.checks.posted) == 1
    assert len(world.told.of(MessageDelayed)) == 1


def test_a_github_that_will_not_have_it_is_asked_once() -> None:
    world = refused()
    world.checks.faults.plan(Rejected("403 Resource not accessible by integration"))

    for _ in range(2):
        world.sweep(Chores.CHECK_RUNS)

    assert world.job(1).told
    assert world.checks.posted == []
    (told,) = world.told.of(CommitTold)
    assert "not accessible" in told.outcome


def test_a_job_without_a_commit_is_let_go() -> None:
    world = refused(head_sha="")

    world.sweep(Chores.CHECK_RUNS)

    assert world.checks.posted == []
    assert world.job(1).told


def test_one_commit_that_can_not_be_told_keeps_no_other_waiting() -> None:
    world = World()
    world.arrive(1, 2, labels=("spotrunner/no-such-config",))
    world.checks.faults.plan(Unavailable("502"))

    world.sweep(Chores.CHECK_RUNS)

    assert len(world.checks.posted) == 1


def test_a_job_that_is_run_after_all_is_explained_no_more() -> None:
    world = refused()
    world.shelf.put(samples.job(1, state=JobState.COMPLETED, rerun=Rerun.NONE, version=world.job(1).version))

    world.sweep(Chores.CHECK_RUNS)

    assert world.checks.posted == []
