"""Rows 6-18, 28-30 and 48 of the table of failures: the runner and its registration."""

from __future__ import annotations

import os
import signal
from typing import Any

import pytest

from runner_agent.contract.reports import ReportKind, Result
from runner_agent.listener import jit
from tests.runner_agent.runners import alive, children, jit_config, starts
from tests.runner_agent.stage import until
from tests.runner_agent.world import CONNECT, RUN, TAKE, World, done

DELETED: list[dict[str, Any]] = [
    {"say": "Failed to create a session. The runner registration has been deleted from the server."},
    {"exit": 1},
]
REMOVED: list[dict[str, Any]] = [
    *CONNECT,
    {"say": "The runner no longer exists on the server. Cleaning up local configuration."},
    {"exit": 0},
]
SKIPPED: list[dict[str, Any]] = [
    *TAKE,
    {"say": "[RUNNER 2026-11-20 10:00:03Z INFO Runner] Skipping message Job. Job message not found '1'."},
]
GOOD: list[dict[str, Any]] = [*RUN, *done()]


def two(world: World, **first: str) -> None:
    """Two bundles in a row, for a machine that arms again."""
    world.grant(world.bundle(**first), world.bundle(runner_name="sr-2", jit_config=jit_config("sr-2")))


@pytest.mark.parametrize("jit", ["", "%%%", "bm90IGpzb24=", "e30="])
def test_row_06_a_malformed_jit_config_is_exchanged(world: World, jit: str) -> None:
    folder = world.bake(GOOD)
    two(world, jit_config=jit)

    world.live()

    assert [claim.ended_runner for claim in world.stage.claims] == ["", "sr-1"]
    assert [report.runner_name for report in world.stage.reports] == ["sr-1", "sr-2", "sr-2"]
    assert world.stage.reports[0].kind is ReportKind.REGISTRATION_FAILED
    assert world.last.result is Result.SUCCESS
    assert len(starts(folder)) == 1


def test_row_07_a_deleted_registration_is_exchanged_twice_and_no_more(world: World) -> None:
    folder = world.bake(DELETED)
    world.grant()

    world.live()

    assert [claim.ended_runner for claim in world.stage.claims] == ["", "sr-1", "sr-1"]
    # Each of the three registrations gets the second try of a brand-new one.
    assert len(starts(folder)) == 6
    assert (world.last.kind, world.last.result) == (ReportKind.FINISHED, Result.REGISTRATION_FAILED)


def test_row_07_a_refused_re_arm_ends_with_what_the_runner_came_to(world: World) -> None:
    world.bake(DELETED)
    world.grant()
    world.stage.answers.append((409, '{"error":"the runner is still known at GitHub"}'))

    world.live()

    assert (world.last.kind, world.last.result) == (ReportKind.FINISHED, Result.REGISTRATION_FAILED)
    assert world.last.reason == "the runner's registration was deleted"


def test_row_08_a_brand_new_registration_gets_a_second_try_with_the_same_config(world: World) -> None:
    folder = world.bake(DELETED, GOOD)
    world.grant()

    world.live()

    assert len(world.stage.claims) == 1
    first, second = starts(folder)
    assert (
        first["environment"]["ACTIONS_RUNNER_INPUT_JITCONFIG"]
        == second["environment"]["ACTIONS_RUNNER_INPUT_JITCONFIG"]
    )
    assert world.last.result is Result.SUCCESS


def test_row_09_a_session_conflict_is_stopped_at_its_first_line(world: World) -> None:
    world.bake([{"say": "√ Connected to GitHub"}, {"say": "A session for this runner already exists."}, {"wait": 600}])
    world.grant()

    world.live()

    assert len(world.stage.claims) == 1
    assert world.last.result is Result.REGISTRATION_FAILED
    assert world.last.reason == "another process holds a session of this runner"


def test_row_10_a_runner_without_a_job_is_stopped_and_the_machine_ends(world: World) -> None:
    world.bake([*CONNECT, {"wait": 600}])
    world.grant(world.limits(idle_s=0.2))

    world.live()

    assert (world.last.result, world.last.reason) == (Result.NO_JOB, "no job came")
    assert len(world.stage.claims) == 1
    assert world.kinds == [ReportKind.FINISHED]


def test_row_11_a_runner_removed_while_idle_makes_the_machine_arm_again(world: World) -> None:
    world.bake(REMOVED, GOOD)
    two(world)

    world.live()

    assert [claim.ended_runner for claim in world.stage.claims] == ["", "sr-1"]
    assert [(report.runner_name, report.kind) for report in world.stage.reports] == [
        ("sr-2", ReportKind.STARTED),
        ("sr-2", ReportKind.FINISHED),
    ]


def test_row_12_a_ghost_is_stopped_at_once_and_the_machine_arms_again(world: World) -> None:
    world.bake([*SKIPPED, {"wait": 600}], GOOD)
    two(world)

    world.live()

    ghost = world.stage.reports[0]
    assert (ghost.kind, ghost.result, ghost.runner_name) == (ReportKind.REGISTRATION_FAILED, Result.GHOST, "sr-1")
    assert world.last.result is Result.SUCCESS
    assert "assigned" in ghost.phases


def test_row_13_silence_after_the_assignment_is_stopped(world: World) -> None:
    folder = world.bake([*TAKE, {"deaf": True}, {"touch": "deaf"}, {"wait": 600}])
    world.grant(world.limits(assigned_s=0.3, stop_s=0.2))

    world.live()

    assert (world.last.result, world.last.reason) == (Result.GHOST, "a job was assigned and never ran")
    assert "assigned" in world.last.phases
    assert world.last.exit_code in {0, -signal.SIGKILL}
    assert not alive(starts(folder)[0]["pid"])


def test_row_14_a_job_that_was_taken_and_never_ran_is_orphaned(world: World) -> None:
    world.bake(
        [
            *TAKE,
            {"say": "[RUNNER 2026-11-20 10:00:03Z INFO JobDispatcher] Job request 1 for plan a job b received."},
            {"exit": 0},
        ]
    )
    world.grant()

    world.live()

    assert world.last.result is Result.ORPHANED
    assert len(world.stage.claims) == 1


def test_row_16_a_retryable_error_is_retried_five_times_then_exchanged(world: World) -> None:
    folder = world.bake(*[[{"exit": 2}]] * 6, GOOD)
    two(world)

    world.live()

    configs = [start["environment"]["ACTIONS_RUNNER_INPUT_JITCONFIG"] for start in starts(folder)]
    assert configs == [jit_config()] * 6 + [jit_config("sr-2")]
    assert world.last.result is Result.SUCCESS


@pytest.mark.parametrize("code", [3, 4])
def test_row_17_a_self_update_is_waited_for(world: World, code: int) -> None:
    folder = world.bake(
        [{"say": "Runner update in progress, do not shutdown runner."}, {"touch": "update.finished"}, {"exit": code}],
        GOOD,
    )
    world.grant()

    world.live()

    assert world.last.result is Result.SUCCESS
    assert not (folder / "update.finished").exists()
    assert len(world.stage.claims) == 1


def test_row_18_a_version_that_is_too_old_is_exchanged(world: World) -> None:
    world.bake([{"exit": 7}], GOOD)
    two(world)

    world.live()

    assert [claim.ended_runner for claim in world.stage.claims] == ["", "sr-1"]
    assert world.last.result is Result.SUCCESS


def test_row_28_a_job_over_its_limit_is_stopped(world: World) -> None:
    world.bake([*RUN, {"on_interrupt": done("Failed", 102)}, {"wait": 600}])
    world.grant(world.limits(job_s=0.3))

    world.live()

    assert (world.last.result, world.last.reason) == (Result.TIMEOUT, "the job ran into its time limit")
    assert "limit" in world.states


def test_row_28_a_job_that_ends_well_while_it_is_being_stopped_has_succeeded(world: World) -> None:
    world.bake([*RUN, {"on_interrupt": done()}, {"wait": 600}])
    world.grant(world.limits(job_s=0.3))

    world.live()

    assert world.last.result is Result.SUCCESS


def test_row_29_a_listener_that_ignores_the_signal_is_killed(world: World) -> None:
    folder = world.bake([{"deaf": True}, *RUN, {"child": "plain"}, {"wait": 600}])
    world.grant(world.limits(job_s=0.3, stop_s=0.3))

    world.live()

    assert (world.last.result, world.last.exit_code) == (Result.TIMEOUT, -signal.SIGKILL)
    assert not any(alive(pid) for pid in (starts(folder)[0]["pid"], *children(folder)))


@pytest.mark.parametrize("kind", ["plain", "daemon"])
def test_row_30_what_a_step_left_behind_does_not_outlive_the_runner(world: World, kind: str) -> None:
    folder = world.bake([*RUN, {"child": kind}, {"until": "children"}, *done()])
    world.grant()

    world.live()

    assert world.last.result is Result.SUCCESS
    assert len(children(folder)) == 1
    assert not alive(children(folder)[0])


def test_row_48_a_runner_that_cannot_be_executed_is_unavailable(world: World) -> None:
    folder = world.bake([])
    (folder / "bin" / "Runner.Listener").write_bytes(b"\x7fELF made for another machine")
    world.grant()

    world.live()

    assert world.last.result is Result.RUNNER_UNAVAILABLE
    assert "the runner does not start" in world.last.reason


def test_a_listener_killed_during_its_job_leaves_an_orphan(world: World) -> None:
    folder = world.bake([*RUN, {"wait": 600}])
    world.grant()

    world.start()
    world.running()
    os.kill(starts(folder)[0]["pid"], signal.SIGKILL)
    world.end()

    assert (world.last.result, world.last.exit_code) == (Result.ORPHANED, -9)
    assert world.last.reason == "the runner was ended by signal 9 during its job"


def test_a_listener_that_lingers_after_its_job_is_stopped_and_the_result_stays(world: World) -> None:
    world.bake([{"deaf": True}, *RUN, done()[0], {"wait": 600}])
    world.grant(world.limits(stop_s=0.2))

    world.live()

    assert world.last.result is Result.SUCCESS


def test_a_worker_out_of_memory_is_told_apart_from_a_failed_job(world: World) -> None:
    line = "[RUNNER 2026-11-20 10:00:08Z INFO JobDispatcher] Worker finished for job 7d1f. Code: 137"
    world.bake([*RUN, {"say": line}, *done("Failed", 102)])
    world.grant()

    world.live()

    assert world.last.result is Result.OUT_OF_MEMORY


def test_self_update_is_switched_off_where_the_bundle_says_so(world: World) -> None:
    folder = world.bake(GOOD)
    plain = world.bundle()
    world.grant(world.bundle(package=type(plain.package)("2.336.0", "0" * 64, (), disable_update=True)))

    world.live()

    handed = jit.files(starts(folder)[0]["environment"]["ACTIONS_RUNNER_INPUT_JITCONFIG"])
    assert b'"DisableUpdate": true' in handed[".runner"]
    until(lambda: world.last.result is Result.SUCCESS)
