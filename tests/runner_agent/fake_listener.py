"""Plays `bin/Runner.Listener` from a scenario: each start plays the next part, the last one again and again.

A part is a list of steps: {"say": line} {"wait": seconds} {"until": file} {"flood": bytes} {"child": "plain"|"daemon"}
{"exit": code} {"on_interrupt": [steps]} {"deaf": true} {"die": signal} {"touch": file} {"write": [file, bytes]}
{"fill": folder} {"files": folder} {"files_at_once": folder}
{"hog": [control group's list of processes, bytes]} {"count": [file, counter, time]}
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from pathlib import Path
from types import FrameType
from typing import Any

Step = dict[str, Any]
HERE = Path(__file__).resolve().parent.parent
CHILD = "import os,signal,sys,time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"


def play(steps: list[Step]) -> None:
    for step in steps:
        for name, value in step.items():
            globals()[f"do_{name}"](value)


def do_say(line: str) -> None:
    os.write(1, line.encode("utf-8", "surrogateescape") + b"\n")


def do_wait(seconds: float) -> None:
    until = time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0:
        time.sleep(left)


def do_until(name: str) -> None:
    while not (HERE / name).exists():
        time.sleep(0.01)


def do_touch(name: str) -> None:
    (HERE / name).touch()


def do_flood(size: int) -> None:
    block = b"\xff\xfe" + b"x" * (1 << 16)
    for _ in range(size // len(block)):
        os.write(1, block)
    os.write(1, b"\n")


def do_child(kind: str) -> None:
    pid = os.fork()
    if pid:
        if kind == "daemon":
            os.waitpid(pid, 0)
        return
    if kind == "daemon":
        os.setsid()
        if os.fork():
            os._exit(0)
    with (HERE / "children").open("a", encoding="ascii") as file:
        file.write(f"{os.getpid()}\n")
    os.execv(sys.executable, [sys.executable, "-S", "-c", CHILD])  # noqa: S606 - no shell is the point


def do_write(wish: tuple[str, int]) -> None:
    (HERE / wish[0]).write_bytes(b"x" * wish[1])


def do_fill(name: str) -> None:
    """Use up a disk, not faster than somebody can look."""
    (HERE / name).mkdir()
    try:
        for number in range(100_000):
            (HERE / name / str(number)).write_bytes(b"x" * 200_000)
            time.sleep(0.005)
    except OSError:
        return


def do_files(name: str, pause_s: float = 0.005) -> None:
    """Use up the inodes of a disk."""
    (HERE / name).mkdir()
    try:
        for number in range(100_000):
            (HERE / name / str(number)).touch()
            time.sleep(pause_s)
    except OSError:
        return


def do_files_at_once(name: str) -> None:
    """The same, faster than anybody can look."""
    do_files(name, pause_s=0.0)


def do_hog(wish: tuple[str, int]) -> None:
    """A step that needs more memory than there is."""
    pid = os.fork()
    if pid == 0:
        Path(wish[0]).write_text(str(os.getpid()), "ascii")
        held = bytearray(wish[1])
        held[::4096] = b"x" * len(held[::4096])
        os._exit(0)
    os.waitpid(pid, 0)


def do_count(wish: tuple[str, str, str]) -> None:
    name, counter, at = wish
    with (Path(os.environ["RUNNER_PERFLOG"]) / name).open("a", encoding="utf-8") as file:
        file.write(f"{counter}:{at}\n")


def do_exit(code: int) -> None:
    os._exit(code)


def do_die(number: int) -> None:
    os.kill(os.getpid(), number)
    time.sleep(60)


def do_deaf(_: object) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def do_on_interrupt(steps: list[Step]) -> None:
    def interrupted(_number: int, _frame: FrameType | None) -> None:
        play(steps)

    signal.signal(signal.SIGINT, interrupted)


def main() -> None:
    parts: list[list[Step]] = json.loads((HERE / "scenario.json").read_text("utf-8"))
    starts = HERE / "starts.jsonl"
    number = len(starts.read_text("utf-8").splitlines()) if starts.exists() else 0
    files = {path.name: path.read_text("utf-8") for path in HERE.iterdir() if path.name == ".setup_info"}
    start = {"argv": sys.argv[1:], "environment": dict(os.environ), "pid": os.getpid(), "files": files}
    with starts.open("a", encoding="utf-8") as file:
        file.write(json.dumps(start) + "\n")
    do_on_interrupt([{"exit": 0}])
    play(parts[min(number, len(parts) - 1)])


if __name__ == "__main__":
    main()
