from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from controller.local.github.stand_in.processes import children, end_steps, hold, thread_states
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
open("ready", "w").close()
step.wait()
if os.path.exists("ground"):
    start("touch next").wait()
"""
# Three threads that start a step after the other.
BUSY = """
import subprocess, threading
def work():
    while True:
        subprocess.run(["true"])
for _ in range(3):
    threading.Thread(target=work).start()
print("began", flush=True)
"""
# However busy the machine is, a step that listens ends long before.
SHORT = ((signal.SIGINT, 60.0), (signal.SIGTERM, 60.0))
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
    # The step may begin before its worker knows that it has one to end.
    until(lambda: (work / "began").exists() and (work / "ready").exists())
    return worker


def lives(pid: int) -> bool:
    """Whether a process is more than an entry that nobody has reaped."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


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
    until(lambda: not lives(step))


def test_a_worker_stands_still_before_its_steps_are_looked_at(started: list[subprocess.Popen[bytes]]) -> None:
    for _ in range(10):
        worker = subprocess.Popen([sys.executable, "-c", BUSY], stdout=subprocess.PIPE)
        started.append(worker)
        assert worker.stdout is not None
        worker.stdout.readline()

        hold(worker.pid)

        assert set(thread_states(worker.pid)) == {"T"}
        worker.kill()
        worker.communicate()


def test_a_worker_that_is_gone_has_nothing_to_end(work: Path, started: list[subprocess.Popen[bytes]]) -> None:
    worker = start(work, "true", started)
    for child in psutil.Process(worker.pid).children():
        child.kill()
    worker.wait(20)

    end_steps(worker.pid, (work / "ground").unlink, SHORT)

    assert not (work / "ground").exists()


def test_only_the_living_count_as_children(work: Path, started: list[subprocess.Popen[bytes]]) -> None:
    worker = start(work, "true", started)

    found = children(worker.pid)

    assert found == [child.pid for child in psutil.Process(worker.pid).children()]
    assert len(found) == 1
