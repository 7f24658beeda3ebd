"""A process tree on Windows: a Job Object that dies with the agent, and Ctrl-Break to one process group."""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

from runner_agent.cloud import Command
from runner_agent.contract.record import Record, field
from runner_agent.vitals import MIB, Vitals

T = TypeVar("T")

# Literals of the Windows headers; the modules that name them exist on Windows only.
CREATE_NEW_PROCESS_GROUP = 0x0000_0200
CREATE_SUSPENDED = 0x0000_0004
CTRL_BREAK_EVENT = 1
JOB_OBJECT_EXTENDED_LIMIT_INFORMATION = 9
JOB_OBJECT_BASIC_ACCOUNTING_INFORMATION = 1
JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE = 0x0000_2000
KILLED = 1
_EXTENDED_LIMITS_SIZE = 144
_LIMIT_FLAGS_OFFSET = 16
_ACTIVE_PROCESSES_OFFSET = 40
_ACCOUNTING_SIZE = 48
_MEMORY_STATUS_SIZE = 64
_TOTAL_MEMORY_OFFSET = 8
_FREE_MEMORY_OFFSET = 16
_FILE_TIME_SIZE = 8
_FILE_TIMES_A_SECOND = 10_000_000


class Win32Api:
    """Every call into Windows that the agent makes; tests put a recording one in its place."""

    def __init__(self) -> None:
        self._kernel: Any = getattr(ctypes, "windll").kernel32  # noqa: B009 - the attribute exists on Windows only
        self._nt: Any = getattr(ctypes, "windll").ntdll  # noqa: B009 - the same
        self._kernel.CreateJobObjectW.restype = ctypes.c_void_p

    def create_job(self) -> int:
        """A Job Object whose processes all die when its last handle is closed, also by our own death."""
        job = self._checked(self._kernel.CreateJobObjectW(None, None))
        limits = bytearray(_EXTENDED_LIMITS_SIZE)
        limits[_LIMIT_FLAGS_OFFSET : _LIMIT_FLAGS_OFFSET + 4] = JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE.to_bytes(4, "little")
        buffer = (ctypes.c_char * len(limits)).from_buffer(limits)
        kind = JOB_OBJECT_EXTENDED_LIMIT_INFORMATION
        self._checked(self._kernel.SetInformationJobObject(ctypes.c_void_p(job), kind, buffer, len(limits)))
        return job

    def assign(self, job: int, process: int) -> None:
        """Put a process, by its handle, into a job."""
        self._checked(self._kernel.AssignProcessToJobObject(ctypes.c_void_p(job), ctypes.c_void_p(process)))

    def resume(self, process: int) -> None:
        """Let a suspended process run."""
        status = self._nt.NtResumeProcess(ctypes.c_void_p(process))
        if status:
            raise OSError(f"NtResumeProcess: status {status:#x}")

    def attach_console(self, pid: int) -> None:
        """Leave our own console, if any, and join the one of a process."""
        self._kernel.FreeConsole()
        self._checked(self._kernel.AttachConsole(pid))

    def ignore_break(self, *, ignored: bool) -> None:
        """Whether this process ignores console events."""
        self._checked(self._kernel.SetConsoleCtrlHandler(None, ignored))

    def send_break(self, group: int) -> None:
        """Ctrl-Break to a process group on the console we are attached to."""
        self._checked(self._kernel.GenerateConsoleCtrlEvent(CTRL_BREAK_EVENT, group))

    def free_console(self) -> None:
        """Leave the console."""
        self._kernel.FreeConsole()

    def active(self, job: int) -> int:
        """How many processes of a job are alive."""
        buffer = ctypes.create_string_buffer(_ACCOUNTING_SIZE)
        kind = JOB_OBJECT_BASIC_ACCOUNTING_INFORMATION
        self._checked(
            self._kernel.QueryInformationJobObject(ctypes.c_void_p(job), kind, buffer, _ACCOUNTING_SIZE, None)
        )
        return int.from_bytes(buffer.raw[_ACTIVE_PROCESSES_OFFSET : _ACTIVE_PROCESSES_OFFSET + 4], "little")

    def memory(self) -> tuple[int, int]:
        """Bytes of memory there are, and those that could be had at once."""
        # The call wants to find the size of the structure at its beginning.
        empty = _MEMORY_STATUS_SIZE.to_bytes(4, "little").ljust(_MEMORY_STATUS_SIZE, b"\0")
        status = ctypes.create_string_buffer(empty, _MEMORY_STATUS_SIZE)
        self._checked(self._kernel.GlobalMemoryStatusEx(status))
        return _number(status.raw, _TOTAL_MEMORY_OFFSET), _number(status.raw, _FREE_MEMORY_OFFSET)

    def processor(self) -> tuple[float, float]:
        """Seconds that all cores together were idle, and seconds there were, since boot."""
        idle, kernel, user = (ctypes.create_string_buffer(_FILE_TIME_SIZE) for _ in range(3))
        self._checked(self._kernel.GetSystemTimes(idle, kernel, user))
        # The kernel's time includes the idle one.
        spent = _number(kernel.raw, 0) + _number(user.raw, 0)
        return _number(idle.raw, 0) / _FILE_TIMES_A_SECOND, spent / _FILE_TIMES_A_SECOND

    def terminate_job(self, job: int) -> None:
        """End every process of a job."""
        self._checked(self._kernel.TerminateJobObject(ctypes.c_void_p(job), KILLED))

    def _checked(self, answer: int | None) -> int:
        if not answer:
            raise OSError(f"Windows refused a call: error {self._kernel.GetLastError()}")
        return answer


class Launcher:
    """Starts a suspended process; apart from the calls because Python's own `subprocess` does it."""

    def start(self, command: Command, output: int) -> subprocess.Popen[bytes]:
        """Start in a process group and console of its own, waiting to be resumed."""
        return subprocess.Popen(
            command.argv,
            cwd=command.folder,
            env=dict(command.environment),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            creationflags=CREATE_NEW_PROCESS_GROUP | CREATE_SUSPENDED,
        )


class WindowsTree(Record):
    """Starts the runner inside a Job Object, before it can start anything itself."""

    api: Win32Api = field(default_factory=Win32Api)
    launcher: Launcher = field(default_factory=Launcher)

    def start(self, command: Command) -> WindowsProcess:
        """Start suspended, enclose, resume."""
        reading, writing = os.pipe()
        try:
            job = self.api.create_job()
            child = self._enclosed(job, self.launcher.start(command, writing))
        except BaseException:
            os.close(reading)
            raise
        finally:
            os.close(writing)
        return WindowsProcess(self.api, child, reading, job)

    def _enclosed(self, job: int, child: subprocess.Popen[bytes]) -> subprocess.Popen[bytes]:
        handle = int(getattr(child, "_handle"))  # noqa: B009 - on Windows only
        try:
            self.api.assign(job, handle)
            self.api.resume(handle)
        except BaseException:
            child.kill()
            child.wait()
            raise
        return child

    def vitals(self, folder: Path) -> Vitals:
        """One look at the machine; Windows has neither inodes nor a killer of processes."""
        memory = self._known(self.api.memory)
        processor = self._known(self.api.processor)
        disk = self._known(lambda: shutil.disk_usage(folder))
        return Vitals(
            busy_s=processor[1] - processor[0] if processor else None,
            passed_s=processor[1] if processor else None,
            memory_mib=(memory[0] - memory[1]) / MIB if memory else None,
            disk_total=disk.total if disk else None,
            disk_free=disk.free if disk else None,
        )

    @staticmethod
    def _known(look: Callable[[], T]) -> T | None:
        with suppress(OSError):
            return look()
        return None

    def give(self, path: Path) -> None:
        """Nothing to do: the image grants the runner's folder to its user, and what is inside inherits it."""


class WindowsProcess(Record):
    """A started program with everything in its job."""

    api: Win32Api
    child: subprocess.Popen[bytes]
    output: int
    job: int

    def exit_code(self) -> int | None:
        """None while the program runs."""
        return self.child.poll()

    def wait(self) -> int:
        """Block until the program has ended."""
        return self.child.wait()

    def ask_to_stop(self) -> None:
        """Ctrl-Break; a machine without a console cannot send one, so there the job is ended at once."""
        try:
            self.api.attach_console(self.child.pid)
        except OSError:
            self.api.terminate_job(self.job)
            return
        try:
            self.api.ignore_break(ignored=True)
            self.api.send_break(self.child.pid)
            # The event reaches us as well, a moment later; not ignored, it would end the agent.
            time.sleep(0.1)
        finally:
            self.api.free_console()
            self.api.ignore_break(ignored=False)

    def kill(self) -> int:
        """End the job."""
        strays = self.api.active(self.job) - (self.child.poll() is None)
        self.api.terminate_job(self.job)
        self.child.wait()
        return max(0, strays)


def _number(raw: bytes, place: int) -> int:
    return int.from_bytes(raw[place : place + 8], "little")
