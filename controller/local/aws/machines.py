"""Local machines: one tree of real processes each, watched until it ends, counted from the process table."""

from __future__ import annotations

import contextlib
import logging
import os
import selectors
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import psutil

_INIT = Path(__file__).with_name("machine.py")
_PATIENCE_S = 2.0


@dataclass(slots=True)
class Machine:
    """A machine that has been switched on."""

    home: Path
    init: subprocess.Popen[bytes] = field(repr=False)
    mains: socket.socket = field(repr=False)
    """Ours of two ends: closing it cuts the machine's power, its closing tells that the machine is off."""


@dataclass(frozen=True, slots=True)
class Process:
    """A process of a machine, from the process table."""

    pid: int
    machine: str
    command: str


class Room(Protocol):
    """Where machines stand; what they are made of is the room's own affair."""

    def start(self) -> None:
        """Begin to watch."""

    def switch_on(self, name: str, home: Path, command: Sequence[str], environment: Mapping[str, str]) -> None:
        """Start a machine."""

    def switch_off(self, names: Iterable[str]) -> None:
        """Ask machines to end at once; those that have ended already are left alone."""

    def freeze(self, name: str) -> None:
        """Let a machine stand still, for EC2 it is running."""

    def kill_agent(self, name: str) -> None:
        """Let a machine's agent be gone at once."""

    def processes(self) -> tuple[Process, ...]:
        """Whatever lives on any machine there ever was."""

    def stop(self) -> None:
        """Cut the power of all machines and see them end."""


class Machines:
    """Switches machines on and off; `on_end` hears of each one that has ended, however it ended."""

    def __init__(self, on_end: Callable[[str], None]) -> None:
        self._on_end = on_end
        self._lock = threading.Lock()
        self._running: dict[str, Machine] = {}
        self._homes: dict[str, Path] = {}
        self._seen: dict[str, psutil.Process] = {}
        self._selector = selectors.DefaultSelector()
        self._bell, self._ring = socket.socketpair()
        self._selector.register(self._bell, selectors.EVENT_READ)
        self._closed = False
        self._watcher = threading.Thread(target=self._watch, name="machines", daemon=True)

    def start(self) -> None:
        """Begin to watch."""
        self._watcher.start()

    def switch_on(self, name: str, home: Path, command: Sequence[str], environment: Mapping[str, str]) -> None:
        """Start the machine's process 1 with this command below it; its output is the machine's console."""
        ours, theirs = socket.socketpair()
        with self._lock:
            if self._closed:
                ours.close()
                theirs.close()
                return
            with theirs, console(home).open("ab") as screen:
                init = subprocess.Popen(
                    [sys.executable, "-I", "-S", str(_INIT), *command],
                    stdin=theirs.fileno(),
                    stdout=screen,
                    stderr=screen,
                    cwd=home,
                    env=dict(environment),
                    start_new_session=True,
                )
            self._running[name] = Machine(home, init, ours)
            self._homes[name] = home
            with contextlib.suppress(psutil.NoSuchProcess):
                self._seen[name] = psutil.Process(init.pid)
            self._selector.register(ours, selectors.EVENT_READ, name)
        self._ring.send(b"!")

    def switch_off(self, names: Iterable[str]) -> None:
        """Ask machines to end at once; those that have ended already are left alone."""
        with self._lock:
            for name in names:
                if machine := self._running.get(name):
                    machine.init.send_signal(signal.SIGTERM)
                    # Frozen from inside, it would not hear: cutting the power does not ask.
                    machine.init.send_signal(signal.SIGCONT)

    def freeze(self, name: str) -> None:
        """Let every process of a machine stand still, those too that it starts meanwhile."""
        frozen: set[int] = set()
        while moving := {process.pid for process in self.processes() if process.machine == name} - frozen:
            for pid in moving:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, signal.SIGSTOP)
            frozen |= moving

    def kill_agent(self, name: str) -> None:
        """Let a machine's agent be gone at once: the child of its process 1."""
        with self._lock:
            root = self._seen.get(name) if name in self._running else None
        with contextlib.suppress(psutil.NoSuchProcess):
            for agent in root.children()[:1] if root else ():
                agent.kill()

    def processes(self) -> tuple[Process, ...]:
        """Every living process of every machine there ever was, by descent and by where it lives."""
        with self._lock:
            homes = {str(home): name for name, home in self._homes.items()}
            roots = {root.pid: name for name, root in self._seen.items() if root.is_running()}
        if not homes:
            return ()
        table = {process.pid: process for process in psutil.process_iter(["ppid", "status", "cmdline"])}
        found = []
        for process in table.values():
            name = _ancestor(process, table, roots) or homes.get(_home_of(process, homes), "")
            if name and process.info["status"] != psutil.STATUS_ZOMBIE:
                found.append(Process(process.pid, name, " ".join(process.info["cmdline"] or ())))
        return tuple(found)

    def stop(self) -> None:
        """Cut the power of all machines and see them end; a second stop does nothing."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            machines = dict(self._running)
        for machine in machines.values():
            machine.mains.shutdown(socket.SHUT_RDWR)
            machine.init.send_signal(signal.SIGCONT)
        for name, machine in machines.items():
            self._end(name, machine)
        self._ring.close()
        if self._watcher.ident is not None:
            self._watcher.join(_PATIENCE_S)
        for machine in machines.values():
            machine.mains.close()
        self._selector.close()
        self._bell.close()

    def _watch(self) -> None:
        while True:
            for key, _ in self._selector.select():
                if key.data is None:
                    if not self._bell.recv(64):
                        return
                else:
                    self._ended(key.data)

    def _ended(self, name: str) -> None:
        with self._lock:
            if self._closed:
                self._selector.unregister(self._running[name].mains)
                return
            machine = self._running.pop(name)
            self._selector.unregister(machine.mains)
        self._end(name, machine)
        machine.mains.close()
        try:
            self._on_end(name)
        except Exception:
            logging.getLogger(__name__).exception("the end of machine %s could not be written down", name)

    def _end(self, name: str, machine: Machine) -> None:
        """See process 1 off; where it could not end in good order, whatever it left is killed."""
        try:
            code = machine.init.wait(_PATIENCE_S)
        except subprocess.TimeoutExpired:
            code = -1
        if code:
            left = [process.pid for process in self.processes() if process.machine == name]
            for pid in {*left, machine.init.pid}:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, signal.SIGKILL)
            machine.init.wait()


def console(home: Path) -> Path:
    """Where a machine's console output is kept, out of the machine's own reach."""
    return home.with_name(f"{home.name}.console")


def _ancestor(process: psutil.Process, table: Mapping[int, psutil.Process], roots: Mapping[int, str]) -> str:
    """The machine whose process 1 this is or descends from."""
    pid = process.pid
    while pid and pid not in roots:
        pid = table[pid].info["ppid"] if pid in table else 0
    return roots.get(pid, "")


def _home_of(process: psutil.Process, homes: Iterable[str]) -> str:
    """The home of the machine that an orphan came from: it was given that home, or it works in it."""
    with contextlib.suppress(psutil.Error, OSError):
        for place in (process.environ().get("SPOTRUNNER_HOME", ""), process.cwd()):
            for home in homes:
                if place == home or place.startswith(f"{home}/"):
                    return home
    return ""
