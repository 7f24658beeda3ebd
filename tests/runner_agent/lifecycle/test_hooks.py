from __future__ import annotations

import json
from pathlib import Path

import pytest

from runner_agent.contract.reports import ReportKind, Result
from runner_agent.lifecycle.hooks import FOLDER
from tests.runner_agent.runners import alive, starts
from tests.runner_agent.stage import until
from tests.runner_agent.world import RUN, World, done


def hook(world: World, name: str, text: str, mode: int = 0o755) -> Path:
    path = world.home / FOLDER / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n", "utf-8")
    path.chmod(mode)
    return path


def interrupt(world: World, folder: Path) -> None:
    """A notice long before the end; the job ends by itself."""
    world.start()
    world.running()
    world.stage.metadata.announce(120)
    until(lambda: ReportKind.INTERRUPTION in world.kinds)
    until((world.home / "work" / "interruption.json").exists)
    until(lambda: not (world.home / FOLDER).exists() or world.told("hook_ended") or world.told("hook_failed"))
    (folder / "go").touch()
    world.end()


def test_a_job_finds_a_file_once_its_machine_is_going_to_be_taken_away(world: World) -> None:
    folder = world.bake([*RUN, {"until": "go"}, *done()])
    world.grant()

    interrupt(world, folder)

    named = starts(folder)[0]["environment"]["SPOTRUNNER_INTERRUPTION_FILE"]
    assert json.loads(Path(named).read_text("utf-8"))["action"] == "terminate"
    assert world.last.result is Result.SUCCESS


def test_the_images_own_programs_are_run_in_order_with_what_they_need(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "not for hooks")
    out = world.home / "out"
    hook(world, "20-second", f"echo second >> {out}")
    hook(world, "10-first", f"env > {out}.env; echo first $SPOTRUNNER_INTERRUPTION_ACTION >> {out}; echo told")
    hook(world, "15-not-for-running", f"echo wrong >> {out}", mode=0o644)
    folder = world.bake([*RUN, {"until": "go"}, *done()])
    world.grant()

    world.start()
    world.running()
    world.stage.metadata.announce(120)
    until(lambda: len(world.told("hook_ended")) == 2)
    (folder / "go").touch()
    world.end()

    assert out.read_text("utf-8") == "first terminate\nsecond\n"
    assert "not for hooks" not in (world.home / "out.env").read_text("utf-8")
    assert world.told("hook_ended")[0]["lines"] == ["told"]


def test_a_program_that_cannot_be_started_harms_nothing(world: World) -> None:
    (world.home / FOLDER).mkdir()
    broken = world.home / FOLDER / "broken"
    broken.write_bytes(b"\x7fELF of another machine")
    broken.chmod(0o755)
    folder = world.bake([*RUN, {"until": "go"}, *done()])
    world.grant()

    interrupt(world, folder)

    assert world.last.result is Result.SUCCESS


def test_a_program_that_does_not_end_is_ended_with_the_machine(world: World) -> None:
    hook(world, "slow", f"echo $$ > {world.home}/pid; sleep 600")
    folder = world.bake([*RUN, {"until": "go"}, *done()])
    world.grant()

    world.start()
    world.running()
    world.stage.metadata.announce(120)
    pid = world.home / "pid"
    until(lambda: pid.exists() and pid.read_text("ascii").strip())
    (folder / "go").touch()
    world.end()

    until(lambda: not alive(int(pid.read_text("ascii"))))


def test_a_program_gets_no_more_time_than_the_job_has(world: World) -> None:
    hook(world, "slow", f"echo $$ > {world.home}/pid; sleep 600")
    world.bake([*RUN, {"on_interrupt": done("Failed", 102)}, {"wait": 600}])
    world.grant()

    world.start()
    world.running()
    world.stage.metadata.announce(6)
    world.end()

    assert world.last.result is Result.INTERRUPTED
    until(lambda: not alive(int((world.home / "pid").read_text("ascii"))))
