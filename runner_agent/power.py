"""The one terminal action, escalating until the machine is off; and the word to systemd that we are alive."""

from __future__ import annotations

import itertools
import shlex
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from runner_agent.contract.record import Record
from runner_agent.logs import Tell

DEFAULT = "systemctl poweroff"
ESCALATION = ("systemctl poweroff --force", "poweroff -f", "systemctl poweroff --force --force")
GRACE_S = 20.0
ATTEMPT_S = 10.0
_SYSRQ = Path("/proc/sysrq-trigger")


class PowerOff(Record):
    """Tries one command after the other, for ever: a machine that stays on costs money and does nothing."""

    command: str
    tell: Tell
    grace_s: float = GRACE_S
    run: Callable[[list[str]], int] | None = None
    rounds: Iterable[int] | None = None
    sysrq: Path = _SYSRQ

    def off(self) -> None:
        """Power off."""
        if threading.current_thread() is threading.main_thread():
            # The system that shuts down asks us to go: now there is nothing left to bring in order.
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
        for _ in self.rounds if self.rounds is not None else itertools.count():
            for command in steps(self.command):
                self._try(command)
            if self.command == DEFAULT:
                self._last_resort()

    def _try(self, command: str) -> None:
        try:
            code = (self.run or _run)(shlex.split(command))
        except (OSError, ValueError, subprocess.SubprocessError) as broken:
            self.tell("power_off_failed", command=command, error=broken)
            time.sleep(min(1.0, self.grace_s))
            return
        self.tell("power_off", command=command, code=code)
        time.sleep(self.grace_s if code == 0 else min(1.0, self.grace_s))

    def _last_resort(self) -> None:
        try:
            self.sysrq.write_text("o", "ascii")
        except OSError as broken:
            self.tell("power_off_failed", command="sysrq", error=broken)
        time.sleep(self.grace_s)


def steps(command: str) -> tuple[str, ...]:
    """The commands in order; harder ones only where the usual one is used.

    A machine with a command of its own is not a whole machine: it may be a process on somebody's desk.
    """
    return (command, *ESCALATION) if command == DEFAULT else (command,)


def _run(argv: list[str]) -> int:
    return subprocess.run(argv, check=False, stdin=subprocess.DEVNULL, timeout=ATTEMPT_S).returncode


class Watchdog(Record):
    """Tells systemd that the agent is alive; without systemd, nobody."""

    address: str = ""
    """What systemd put into NOTIFY_SOCKET."""

    def ready(self) -> None:
        """The agent has started."""
        self._say("READY=1")

    def alive(self) -> None:
        """The agent is not stuck: without this word systemd kills it, and the machine with it."""
        self._say("WATCHDOG=1")

    def _say(self, state: str) -> None:
        if not self.address or sys.platform == "win32":
            return
        address = "\0" + self.address[1:] if self.address.startswith("@") else self.address
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as to_systemd:
            try:
                to_systemd.connect(address)
                to_systemd.send(state.encode())
            except OSError:
                # Without the word systemd kills us, which is what a broken systemd would want.
                return
