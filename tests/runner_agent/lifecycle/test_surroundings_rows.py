"""Rows 15, 43, 47 and 49-51 of the table of failures: what is around the runner."""

from __future__ import annotations

import socket
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from runner_agent.clock import COMMANDS, step
from runner_agent.contract.reports import ReportKind, Result
from runner_agent.docker import Docker
from tests.runner_agent.runners import starts
from tests.runner_agent.stage import until
from tests.runner_agent.world import CONNECT, QUICK_PACE, RUN, World, done

SKEWED: list[dict[str, Any]] = [
    {"say": "The local machine's clock may be out of sync with the server time by more than five minutes."},
    {"wait": 600},
]
GOOD: list[dict[str, Any]] = [*RUN, *done()]


def test_row_15_a_runner_whose_job_went_to_a_sibling_ends_as_one_without_a_job(world: World) -> None:
    world.bake([*CONNECT, {"wait": 600}])
    world.grant(world.limits(idle_s=0.2))

    world.live()

    assert (world.last.result, world.last.job_name) == (Result.NO_JOB, "")
    assert len(world.stage.claims) == 1


def test_row_15_a_runner_that_got_another_job_reports_the_one_that_it_ran(world: World) -> None:
    world.bake([*CONNECT, {"say": "2026-11-20 10:00:03Z: Running job: deploy"}, {"exit": 100}])
    world.grant()

    world.live()

    assert [report.job_name for report in world.stage.reports] == ["deploy", "deploy"]


def test_row_43_a_clock_that_is_minutes_off_is_set_and_the_same_runner_started_again(world: World) -> None:
    folder = world.bake(SKEWED, GOOD)
    world.grant()

    world.live()

    assert (len(world.stepped), len(world.stage.claims), len(starts(folder))) == (1, 1, 2)
    assert world.last.result is Result.SUCCESS


def test_row_43_a_clock_that_cannot_be_set_ends_the_machine(world: World) -> None:
    world.bake(SKEWED)
    world.grant()

    world.live()

    assert len(world.stepped) == 1
    assert (world.last.result, world.last.reason) == (
        Result.REGISTRATION_FAILED,
        "this machine's clock is minutes off",
    )


@pytest.mark.parametrize(("codes", "asked"), [([0], 1), ([1, 0], 2)])
def test_row_43_whoever_keeps_the_time_is_asked_to_step_it(codes: list[int], asked: int) -> None:
    ran: list[tuple[str, ...]] = []

    def run(command: tuple[str, ...]) -> int:
        ran.append(command)
        return codes[len(ran) - 1]

    step(lambda *_, **__: None, run)

    assert tuple(ran) == COMMANDS[:asked]


def test_row_43_a_machine_without_a_time_keeper_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    said: list[str] = []

    step(lambda event, **_: said.append(event))

    assert said == ["clock_not_stepped", "clock_not_stepped"]


def test_row_47_an_idle_runner_that_the_controller_removed_ends_the_machine_when_there_is_no_other_work(
    world: World,
) -> None:
    removed = {"say": "The runner no longer exists on the server. Cleaning up local configuration."}
    world.bake([*CONNECT, removed, {"exit": 0}])
    world.grant()
    world.stage.answers.append((410, '{"error":"nothing to do"}'))

    world.live()

    assert [claim.ended_runner for claim in world.stage.claims] == ["", "sr-1"]
    assert (world.last.kind, world.last.result) == (ReportKind.FINISHED, Result.NO_JOB)


def test_row_47_a_cancelled_job_is_left_to_github(world: World) -> None:
    world.bake([*RUN, *done("Canceled", 103)])
    world.grant()

    world.live()

    assert world.last.result is Result.CANCELLED
    assert "limit" not in world.states


@pytest.mark.parametrize(
    "end",
    [
        [{"say": "Process terminated. Couldn't find a valid ICU package installed on the system."}, {"die": 6}],
        [{"exit": 134}],
        [{"say": "libhostfxr.so: cannot open shared object file"}, {"exit": 127}],
    ],
)
def test_row_49_an_image_that_lacks_a_library_gets_no_other_registration(
    world: World, end: list[dict[str, Any]]
) -> None:
    world.bake(end)
    world.grant()

    world.live()

    assert world.last.result is Result.RUNNER_UNAVAILABLE
    assert len(world.stage.claims) == 1


def test_row_50_a_docker_that_is_still_starting_is_waited_for(world: World, tmp_path: Path) -> None:
    door = tmp_path / "d.sock"
    folder = world.bake(GOOD)
    world.grant()

    world.start(docker=Docker(door))
    until(lambda: "preparing" in world.states)
    assert not starts(folder)
    with ExitStack() as stack:
        daemon = stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
        daemon.bind(str(door))
        daemon.listen()
        world.end()

    assert world.last.result is Result.SUCCESS
    assert not world.told("docker_not_ready")


def test_row_50_a_docker_that_never_comes_is_told_and_the_job_runs_all_the_same(world: World, tmp_path: Path) -> None:
    world.pace = type(QUICK_PACE)(race_s=0.05, relaunch_s=0.05, docker_s=0.2)
    world.bake(GOOD)
    world.grant()

    world.live(docker=Docker(tmp_path / "d.sock"))

    assert world.told("docker_not_ready")
    assert world.last.result is Result.SUCCESS


def test_row_51_an_image_baked_of_a_used_machine_is_cleaned_of_its_identity(world: World) -> None:
    folder = world.bake([*RUN, {"touch": "seen"}, *done()])
    for name in (".runner", ".credentials", ".credentials_rsaparams", "update.finished"):
        (folder / name).write_text("another machine's", "utf-8")
    for name in ("_diag", "_work"):
        (folder / name).mkdir()
        (folder / name / "left").touch()
    world.grant()

    world.live()

    assert not [name for name in (".runner", ".credentials", "_diag", "_work") if (folder / name).exists()]
    assert (folder / ".credentials_rsaparams").read_text("utf-8") == ""
    assert set(world.told("image_was_used_before")[0]["found"]) >= {".runner", "_diag", "_work"}
    assert world.last.result is Result.SUCCESS
