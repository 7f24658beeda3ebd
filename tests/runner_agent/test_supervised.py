"""Rows 37 and 44 of the table of failures: the agent below a process 1 that takes everything with it."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from controller.local.aws import machine as process_one
from runner_agent.commands import units
from runner_agent.contract.record import replace
from runner_agent.contract.reports import ReportKind, Result
from tests.runner_agent.runners import JIT_SECRET, children, jit_config, starts
from tests.runner_agent.stage import LOG_SECRET, LOG_TOKEN, PATIENCE_S, ROLE_SECRET, ROLE_TOKEN, Stage, until
from tests.runner_agent.world import RUN, World, done

ROOT = Path(__file__).parents[2]
LONGEST_S = 1.2
"""About as long as an agent needs here until its job runs, and a bit."""


@contextmanager
def supervised(stage: Stage, home: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A machine with the agent in it; it is off when this process has ended."""
    environment = {
        "PATH": os.environ["PATH"],
        "SPOTRUNNER_HOME": str(home),
        "SPOTRUNNER_RUNNER_USER": "",
        "AWS_EC2_METADATA_SERVICE_ENDPOINT": stage.url,
        "AWS_ENDPOINT_URL": stage.url,
    }
    agent = (sys.executable, "-m", "runner_agent", "run")
    command = (sys.executable, "-I", "-S", str(Path(process_one.__file__)), *agent)
    with (
        (home / "console").open("wb") as screen,
        subprocess.Popen(
            command, cwd=ROOT, env=environment, stdin=subprocess.PIPE, stdout=screen, stderr=screen
        ) as machine,
    ):
        try:
            yield machine
        finally:
            machine.kill()


def below(pid: int) -> list[int]:
    with suppress(OSError):
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text("ascii").split()]
    return []


def agent_of(machine: subprocess.Popen[bytes]) -> int:
    until(lambda: below(machine.pid), "the agent")
    return below(machine.pid)[0]


def living(home: Path) -> list[int]:
    """Every process that carries the machine's home in its environment, or was started by its runner."""
    found = []
    for place in Path("/proc").iterdir():
        with suppress(OSError):
            if place.name.isdecimal() and str(home).encode() in (place / "environ").read_bytes():
                found.append(int(place.name))
    return found


@pytest.mark.parametrize("seed", range(20))
def test_row_37_an_agent_that_is_killed_at_any_moment_leaves_nothing_and_the_machine_is_off(
    world: World, seed: int
) -> None:
    world.bake([*RUN, {"child": "daemon"}, {"child": "plain"}, {"wait": 600}])
    world.grant()

    with supervised(world.stage, world.home) as machine:
        agent = agent_of(machine)
        time.sleep(random.Random(seed).uniform(0.0, LONGEST_S))  # noqa: S311 - the moment is what is tried
        os.kill(agent, signal.SIGKILL)
        machine.wait(PATIENCE_S)

    assert living(world.home) == []


def test_row_37_so_does_one_that_is_killed_in_the_middle_of_its_job(world: World) -> None:
    folder = world.bake([*RUN, {"child": "daemon"}, {"child": "plain"}, {"wait": 600}])
    world.grant()

    with supervised(world.stage, world.home) as machine:
        until(lambda: len(children(folder)) == 2)
        assert len(living(world.home)) >= 4
        os.kill(agent_of(machine), signal.SIGKILL)
        machine.wait(PATIENCE_S)

    assert living(world.home) == []


def test_row_37_systemd_is_asked_to_end_the_machine_of_an_agent_that_failed() -> None:
    # By text: only a real systemd can show what it does.
    text = "\n".join(str(value) for value in vars(units).values() if isinstance(value, str))

    assert "FailureAction=poweroff-force" in text
    assert "SuccessAction=poweroff" in text


class Watcher(threading.Thread):
    """Notes the arguments of every process of a machine while it runs."""

    def __init__(self, home: Path) -> None:
        super().__init__(daemon=True)
        self.home = home
        self.seen: set[bytes] = set()
        self.over = threading.Event()

    def run(self) -> None:
        while not self.over.wait(0.005):
            for pid in living(self.home):
                with suppress(OSError):
                    self.seen.add(Path(f"/proc/{pid}/cmdline").read_bytes())


def test_row_44_a_canary_in_every_input_shows_up_nowhere(world: World) -> None:
    leaks = (
        ROLE_SECRET,
        ROLE_TOKEN,
        JIT_SECRET,
        jit_config(),
        "canary-client-id-1234",
        "canary-imds-token-1",
    )
    shown = [{"say": f"[{who} 2026-11-20 10:00:05Z ERR  A] {leak}"} for leak in leaks for who in ("RUNNER", "WORKER")]
    job = {"say": f"2026-11-20 10:00:03Z: Running job: {' '.join(leaks)}"}
    folder = world.bake([*RUN[:-1], *shown, job, {"until": "go"}, *shown, *done("Failed", 102)])
    hook = world.home / "on-interruption.d" / "hook"
    hook.parent.mkdir()
    hook.write_text(f"#!/bin/sh\necho {ROLE_SECRET} {JIT_SECRET}\n", "utf-8")
    hook.chmod(0o755)
    where = replace(world.bundle().targets, log_group="/runners", log_role="arn:aws:iam::0:role/logs")
    world.grant(world.bundle(targets=where))
    watcher = Watcher(world.home)

    with supervised(world.stage, world.home) as machine:
        watcher.start()
        world.running()
        world.stage.metadata.announce(120)
        until(lambda: ReportKind.INTERRUPTION in world.kinds)
        (folder / "go").touch()
        machine.wait(PATIENCE_S)
    watcher.over.set()
    watcher.join()

    # The fake listener notes what it was given and what it is to say: what GitHub's own does is not the agent's.
    own = {folder / "starts.jsonl", folder / "scenario.json", hook}
    files = [path for path in world.home.rglob("*") if path.is_file() and path not in own]
    everything = b"\n".join([*(path.read_bytes() for path in files), *watcher.seen])
    everything += "\n".join([*world.stage.messages, str(world.stage.traces), str(world.stage.log_calls)]).encode()
    assert world.last.result is Result.FAILED
    assert world.stage.logged
    assert len(watcher.seen) >= 2
    assert starts(folder)
    assert (world.home / "journal.jsonl") in files
    assert world.stage.assumed
    assert not [leak for leak in (*leaks, LOG_SECRET, LOG_TOKEN) if leak.encode() in everything]
    assert b"canary-" not in everything
