"""Row 53 and 54 of the table of failures: what is asked of Windows, and in which order."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from runner_agent.cloud import Command
from runner_agent.strain import GIB
from runner_agent.windows import Launcher, Win32Api, WindowsTree


@dataclass
class Recording(Win32Api):
    """Notes every call into Windows."""

    calls: list[tuple[object, ...]] = field(default_factory=list)
    console: bool = True
    assignable: bool = True

    def create_job(self) -> int:
        self.calls.append(("create_job",))
        return 11

    def assign(self, job: int, process: int) -> None:
        self.calls.append(("assign", job, process))
        if not self.assignable:
            raise OSError("Windows refused a call: error 5")

    def resume(self, process: int) -> None:
        self.calls.append(("resume", process))

    def attach_console(self, pid: int) -> None:
        self.calls.append(("attach_console", pid))
        if not self.console:
            raise OSError("Windows refused a call: error 6")

    def ignore_break(self, *, ignored: bool) -> None:
        self.calls.append(("ignore_break", ignored))

    def send_break(self, group: int) -> None:
        self.calls.append(("send_break", group))

    def free_console(self) -> None:
        self.calls.append(("free_console",))

    def active(self, job: int) -> int:
        self.calls.append(("active", job))
        return 3

    def memory(self) -> tuple[int, int]:
        if not self.assignable:
            raise OSError("Windows refused a call: error 5")
        return 8 * GIB, 6 * GIB

    def processor(self) -> tuple[float, float]:
        return 30.0, 40.0

    def terminate_job(self, job: int) -> None:
        self.calls.append(("terminate_job", job))


class Child(subprocess.Popen[bytes]):
    """A process with the handle that only Windows gives to one."""

    _handle = 42


@dataclass
class Starting(Launcher):
    calls: list[tuple[object, ...]]
    children: list[Child] = field(default_factory=list)

    def start(self, command: Command, output: int) -> Child:
        self.calls.append(("start_suspended",))
        self.children.append(Child(command.argv, stdout=output))
        return self.children[-1]


def tree(api: Recording) -> tuple[WindowsTree, Starting]:
    starting = Starting(api.calls)
    return WindowsTree(api, starting), starting


def command(folder: Path, code: str = "pass") -> Command:
    return Command((sys.executable, "-S", "-c", code), folder, {}, "MARK=w")


def test_row_53_the_runner_is_in_its_job_before_it_runs(tmp_path: Path) -> None:
    api = Recording()
    windows, _ = tree(api)

    process = windows.start(command(tmp_path))
    code = process.wait()
    os.close(process.output)

    assert api.calls == [("create_job",), ("start_suspended",), ("assign", 11, 42), ("resume", 42)]
    assert (code, process.exit_code()) == (0, 0)


def test_row_53_a_runner_that_cannot_be_enclosed_does_not_stay(tmp_path: Path) -> None:
    api = Recording(assignable=False)
    windows, starting = tree(api)

    with pytest.raises(OSError, match="error 5"):
        windows.start(command(tmp_path, "import time; time.sleep(60)"))

    assert starting.children[0].returncode is not None


def test_row_54_ctrl_break_goes_to_the_runners_own_console(tmp_path: Path) -> None:
    api = Recording()
    windows, _ = tree(api)
    process = windows.start(command(tmp_path))
    process.wait()
    api.calls.clear()

    process.ask_to_stop()
    os.close(process.output)

    pid = process.child.pid
    assert api.calls == [
        ("attach_console", pid),
        ("ignore_break", True),
        ("send_break", pid),
        ("free_console",),
        ("ignore_break", False),
    ]


def test_row_54_without_a_console_the_job_is_ended(tmp_path: Path) -> None:
    api = Recording(console=False)
    windows, _ = tree(api)
    process = windows.start(command(tmp_path))
    process.wait()
    api.calls.clear()

    process.ask_to_stop()
    os.close(process.output)

    assert api.calls == [("attach_console", process.child.pid), ("terminate_job", 11)]


def test_the_whole_job_is_killed(tmp_path: Path) -> None:
    api = Recording()
    windows, _ = tree(api)
    process = windows.start(command(tmp_path))
    process.wait()
    api.calls.clear()

    strays = process.kill()
    os.close(process.output)

    assert strays == 3
    assert api.calls == [("active", 11), ("terminate_job", 11)]


def test_windows_tells_of_memory_processor_and_disk_and_of_nothing_else(tmp_path: Path) -> None:
    windows, _ = tree(Recording())

    seen = windows.vitals(tmp_path)

    assert (seen.memory_mib, seen.busy_s, seen.passed_s) == (2_048.0, 10.0, 40.0)
    assert (seen.disk_total or 0) > 0
    assert (seen.files_total, seen.oom_kills, seen.network_bytes) == (None, None, None)


def test_what_windows_does_not_tell_is_unknown(tmp_path: Path) -> None:
    windows, _ = tree(Recording(assignable=False))

    seen = windows.vitals(tmp_path / "none")

    assert (seen.memory_mib, seen.disk_total, seen.passed_s) == (None, None, 40.0)
