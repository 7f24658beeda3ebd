from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from controller.local.github.stand_in.processes import children, end_steps
from tests.controller.local.github.stage import until

# A worker that starts a step in a group of its own, and another one after it; SIGTERM ends it and the step's group.
WORKER = """
import os, signal, subprocess, sys
def start(script):
    return subprocess.Popen(["sh", "-c", script], start_new_session=True)
def end(*_):
    try:
        os.killpg(step.pid, signal.SIGKILL)
    finally:
        os._exit(0)
signal.signal(signal.SIGTERM, end)
step = start(sys.argv[1])
step.wait()
if os.path.exists("ground"):
    start("touch next").wait()
"""
SHORT = ((signal.SIGINT, 5.0), (signal.SIGTERM, 5.0))
IMPATIENT = ((signal.SIGINT, 0.1), (signal.SIGTERM, 0.1))


@pytest.fixture
def work(tmp_path: Path) -> Path:
    (tmp_path / "ground").touch()
    return tmp_path


@pytest.fixture
def started() -> Iterator[list[subprocess.Popen[bytes]]]:
    workers: list[subprocess.Popen[bytes]] = []
    yield workers
    for worker in workers:
        for child in psutil.Process(worker.pid).children(recursive=True) if worker.poll() is None else []:
            child.kill()
        worker.kill()
        worker.wait()


def start(work: Path, script: str, started: list[subprocess.Popen[bytes]]) -> subprocess.Popen[bytes]:
    worker = subprocess.Popen(
        [sys.executable, "-c", WORKER, f"{script}; touch began; while :; do sleep 0.02; done"], cwd=work
    )
    started.append(worker)
    until((work / "began").exists)
    return worker


@pytest.mark.parametrize("name", ["INT", "TERM"])
def test_a_step_gets_its_say_on_each_signal(work: Path, started: list[subprocess.Popen[bytes]], name: str) -> None:
    deaf = "" if name == "INT" else "trap '' INT; "
    worker = start(work, f"{deaf}trap 'touch heard; exit 1' {name}", started)

    end_steps(worker.pid, (work / "ground").unlink, SHORT if name == "INT" else (IMPATIENT[0], SHORT[1]))

    assert (work / "heard").exists()
    worker.wait(20)
    assert not (work / "next").exists()


def test_a_step_that_listens_to_nothing_is_killed(work: Path, started: list[subprocess.Popen[bytes]]) -> None:
    worker = start(work, "trap '' INT TERM; echo $$ > pid", started)
    step = int((work / "pid").read_text())

    end_steps(worker.pid, (work / "ground").unlink, IMPATIENT)

    worker.wait(20)
    until(lambda: not psutil.pid_exists(step))


def test_only_the_living_count_as_children(work: Path, started: list[subprocess.Popen[bytes]]) -> None:
    worker = start(work, "true", started)

    found = children(worker.pid)

    assert found == [child.pid for child in psutil.Process(worker.pid).children()]
    assert len(found) == 1
