"""Tells the job's side that its machine is going to be taken away: by a file, and by the image's own programs.

Each executable in `<home>/on-interruption.d` is run in the order of names, as the runner's user, until the time is
up; it finds SPOTRUNNER_INTERRUPTION_FILE, SPOTRUNNER_INTERRUPTION_ACTION and SPOTRUNNER_INTERRUPTION_AT (seconds since
the epoch) in its environment. Jobs find SPOTRUNNER_INTERRUPTION_FILE in theirs and can watch for the file to appear.
"""

from __future__ import annotations

import json
import os
import secrets
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from runner_agent.cloud import Command, Notice, Process
from runner_agent.contract.record import Record, field
from runner_agent.lifecycle.machine import Machine
from runner_agent.listener.launch import INTERRUPTION_FILE, MARK, inherited
from runner_agent.listener.pipe import Tail, drain

FOLDER = "on-interruption.d"
LINES = 20


class Hooks(Record, frozen=False):
    """What runs because of one notice."""

    machine: Machine
    _running: list[Process] = field(default_factory=list)
    _over: bool = False

    def run(self, notice: Notice, until: float) -> None:
        """Write the file, then start the programs one after the other, beside the deciding thread."""
        self._write(notice)
        programs = tuple(_programs(self.machine.home / FOLDER))
        if programs:
            threading.Thread(target=self._all, args=(programs, notice, until), name="hooks", daemon=True).start()

    def stop(self) -> None:
        """End what still runs."""
        self._over = True
        for process in tuple(self._running):
            process.kill()

    def _write(self, notice: Notice) -> None:
        path = self.machine.interruption_file
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            fresh = path.with_suffix(".new")
            fresh.unlink(missing_ok=True)
            fresh.write_text(json.dumps({"action": notice.action, "at": notice.at}), "utf-8")
            fresh.chmod(0o644)
            fresh.replace(path)
        except OSError as broken:
            self.machine.tell("interruption_file_not_written", error=broken)

    def _all(self, programs: tuple[Path, ...], notice: Notice, until: float) -> None:
        for program in programs:
            if self._over or time.monotonic() >= until:
                self.machine.tell("hook_left_out", program=program.name)
                continue
            try:
                self._one(program, notice, until)
            except Exception as broken:  # noqa: BLE001 - a hook must never be what ends a job
                self.machine.tell("hook_failed", program=program.name, error=broken)

    def _one(self, program: Path, notice: Notice, until: float) -> None:
        process = self.machine.tree.start(self._command(program, notice))
        self._running.append(process)
        tail = Tail(LINES)
        reader = threading.Thread(target=_drained, args=(process.output, tail), name="hook-pipe", daemon=True)
        reader.start()
        while process.exit_code() is None and time.monotonic() < until and not self._over:
            time.sleep(0.05)
        code = process.exit_code()
        process.kill()
        reader.join(1.0)
        self._running.remove(process)
        self.machine.tell("hook_ended", program=program.name, code=code, lines=tail.lines(LINES))

    def _command(self, program: Path, notice: Notice) -> Command:
        mark = f"hook-{os.getpid()}-{secrets.token_hex(8)}"
        told: Mapping[str, str] = {
            INTERRUPTION_FILE: str(self.machine.interruption_file),
            "SPOTRUNNER_INTERRUPTION_ACTION": notice.action,
            "SPOTRUNNER_INTERRUPTION_AT": f"{notice.at:.0f}",
            MARK: mark,
        }
        environment = {**inherited(self.machine.environment), **told}
        return Command((str(program),), self.machine.home, environment, f"{MARK}={mark}")


def _programs(folder: Path) -> Iterator[Path]:
    with suppress(OSError):
        yield from (path for path in sorted(folder.iterdir()) if path.is_file() and os.access(path, os.X_OK))


def _drained(descriptor: int, tail: Tail) -> None:
    try:
        drain(descriptor, tail.add)
    finally:
        os.close(descriptor)
