"""The agent as a process of its own, with real signals."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from runner_agent.__main__ import main
from runner_agent.contract import wire
from runner_agent.contract.bundle import RunnerPackage, Targets, Wait
from runner_agent.contract.reports import ReportKind, Result
from runner_agent.settings import Settings
from tests.runner_agent import runners
from tests.runner_agent.stage import INSTANCE, PATIENCE_S, Served, Stage, until
from tests.runner_agent.world import RUN, World, done

ROOT = Path(__file__).parents[2]
OFF = """/bin/sh -c 'echo off >> "$0"; kill -KILL $PPID' """


@contextmanager
def agent(stage: Stage, home: Path, **environment: str) -> Iterator[subprocess.Popen[str]]:
    """A running agent whose power-off kills it, as the end of a machine would."""
    settings = {
        "PATH": os.environ["PATH"],
        "SPOTRUNNER_HOME": str(home),
        "SPOTRUNNER_RUNNER_USER": "",
        "SPOTRUNNER_POWER_OFF": f"{OFF}{home}/off",
        "AWS_EC2_METADATA_SERVICE_ENDPOINT": stage.url,
        "AWS_ENDPOINT_URL": stage.url,
    }
    command = (sys.executable, "-m", "runner_agent", "run")
    with subprocess.Popen(
        command, cwd=ROOT, env=settings | environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def test_a_whole_life_as_a_process(world: World) -> None:
    folder = world.bake([*RUN, {"child": "daemon"}, {"until": "children"}, *done()])
    world.grant()

    with agent(world.stage, world.home) as process:
        text, _ = process.communicate(timeout=PATIENCE_S)

    assert (world.home / "off").read_text("ascii") == "off\n"
    assert world.kinds == [ReportKind.STARTED, ReportKind.FINISHED]
    assert world.last.result is Result.SUCCESS
    assert {"boot", "agent"} <= world.stage.spans.keys()
    assert [json.loads(line)["event"] for line in text.splitlines()][-1] == "state"
    assert not runners.alive(runners.children(folder)[0])


def test_a_downloaded_runner_in_a_whole_life(world: World) -> None:
    data, sha256 = runners.archive([*RUN, *done()])
    world.stage.files["/bucket/runner.tar.gz"] = Served(data)
    world.grant(world.bundle(package=RunnerPackage("2.336.0", sha256, ("s3://bucket/runner.tar.gz",))))

    with agent(world.stage, world.home) as process:
        process.communicate(timeout=PATIENCE_S)

    assert world.last.result is Result.SUCCESS
    assert world.stage.claims[0].baked_runners == ()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_row_46_a_signal_to_the_agent_ends_the_job_and_the_machine(world: World, number: int) -> None:
    world.bake([*RUN, {"on_interrupt": done("Failed", 102)}, {"wait": 600}])
    world.grant(world.limits(notice_margin_s=45.0))

    with agent(world.stage, world.home) as process:
        world.running()
        process.send_signal(number)
        process.wait(PATIENCE_S)

    assert (world.home / "off").exists()
    assert (world.last.result, world.last.interruption) == (Result.INTERRUPTED, "shutdown")


def test_row_46_a_signal_before_the_claim_is_answered_ends_the_machine(world: World) -> None:
    world.stage.answers.append((503, ""))

    with agent(world.stage, world.home) as process:
        until(lambda: world.stage.claims)
        process.send_signal(signal.SIGTERM)
        process.wait(PATIENCE_S)

    assert (world.home / "off").exists()


def test_a_spare_as_a_process_waits_and_ends_at_a_signal(world: World) -> None:
    targets = Targets("eu-west-1", f"{world.stage.url}/000000000000/reports")
    world.stage.answers.append((202, wire.dumps(Wait(INSTANCE, 0.2, 60.0, targets, notice_poll_s=0.1))))

    with agent(world.stage, world.home) as process:
        until(lambda: len(world.stage.claims) > 5)
        process.send_signal(signal.SIGTERM)
        process.wait(PATIENCE_S)

    assert (world.home / "off").exists()
    assert (world.last.result, world.last.interruption) == (Result.INTERRUPTED, "shutdown")
    assert set(world.stage.metadata.asked) >= {"meta-data/spot/instance-action"}
    assert world.stage.queue_attempts == 1


def test_row_34_when_everything_is_killed_the_last_report_is_that_of_the_start(world: World) -> None:
    folder = world.bake([*RUN, {"wait": 600}])
    world.grant()

    with agent(world.stage, world.home) as process:
        world.running()
        process.kill()
        process.wait(PATIENCE_S)
    os.kill(runners.starts(folder)[0]["pid"], signal.SIGKILL)

    assert world.kinds == [ReportKind.STARTED]


def test_row_44_a_whole_life_shows_no_secret_in_its_output_or_its_arguments(world: World) -> None:
    folder = world.bake([*RUN, {"until": "go"}, *done("Failed", 102)])
    world.grant()

    with agent(world.stage, world.home) as process:
        world.running()
        listener = runners.starts(folder)[0]["pid"]
        argv = Path(f"/proc/{listener}/cmdline").read_bytes() + Path(f"/proc/{process.pid}/cmdline").read_bytes()
        (folder / "go").touch()
        text, _ = process.communicate(timeout=PATIENCE_S)

    assert "canary" not in text
    assert b"canary" not in argv
    assert runners.jit_config().encode() not in argv


def test_help_shows_an_example_and_every_setting(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--help"])

    shown = capsys.readouterr().out
    assert ended.value.code == 0
    assert "spotrunner-agent run" in shown
    for name in ("SPOTRUNNER_HOME", "SPOTRUNNER_RUNNER_USER", "SPOTRUNNER_POWER_OFF", "AWS_ENDPOINT_URL"):
        assert name in shown


@pytest.mark.parametrize("arguments", [[], ["walk"], ["run", "now"]])
def test_anything_but_a_command_is_explained_and_starts_nothing(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)

    assert ended.value.code == 2
    assert "usage: spotrunner-agent" in capsys.readouterr().err


def test_without_an_environment_the_defaults_are_those_of_a_machine_image() -> None:
    settings = Settings.read({})

    assert settings == Settings(
        Path("/opt/spotrunner"), "runner", "systemctl poweroff", "http://169.254.169.254", "", ""
    )
