"""Goes with one started runner from its first line to the last process of its tree."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from typing import Protocol

from runner_agent.cloud import Notice, Process
from runner_agent.contract.bundle import Limits
from runner_agent.contract.record import Record, replace
from runner_agent.lifecycle.inbox import Closed, Exited, Happening, Inbox, Measured, Rebalanced
from runner_agent.limits import ending
from runner_agent.listener.lines import Heard, Parser, Said
from runner_agent.listener.pipe import Tail, drain
from runner_agent.vitals import Vitals
from runner_agent.watch import Stop, View, decide, silent, wake_at

PIPE_S = 1.0
"""For the last lines after the listener's end; a stray process may hold the pipe open for ever."""


class Witness(Protocol):
    """Who is told what happens, while it happens."""

    def heard(self, said: Said) -> None:
        """The listener said something new."""

    def announced(self, action: str) -> None:
        """A recommendation to leave was announced."""

    def taken_away(self, notice: Notice, stop_at: float) -> None:
        """The machine's end was announced; when a job has to end, by the machine's monotonic clock."""

    def measured(self, seen: Vitals) -> str:
        """The machine's vitals; why nothing can go on for long, or empty."""

    def lines(self, written: Sequence[str]) -> None:
        """Everything the runner writes, from the thread that must never wait."""

    def stopping(self, stop: Stop) -> None:
        """The runner has been asked to stop."""

    def passing(self, view: View, now: float) -> float:
        """Time goes by; when to be called again at the latest."""

    def starved(self) -> None:
        """A busy listener has been silent for too long."""


class Ended(Record):
    """All that is known of a runner that is gone."""

    said: dict[Heard, str]
    exit_code: int
    view: View
    stop: Stop | None
    strays: int
    """Processes that would have stayed behind."""
    tail: tuple[str, ...]
    dropped_bytes: int


class Session:
    """One started runner."""

    def __init__(self, process: Process, limits: Limits, inbox: Inbox, witness: Witness) -> None:
        self._process = process
        self._limits = limits
        self._inbox = inbox
        self._witness = witness
        now = time.monotonic()
        self._view = View(spawned_at=now, heard_at=now)
        self._said: dict[Heard, str] = {}
        self._heard_at = now
        self._tail = Tail()
        self._exit_code: int | None = None
        self._exited_at = 0.0
        self._dropped: int | None = None
        self._killed = False
        self._strays = 0
        self._starved = False

    def run(self, most_lines: int) -> Ended:
        """Until the whole tree is gone."""
        # A former runner's last words may still lie there.
        self._inbox.clear()
        if self._inbox.rebalanced:
            self._take(Rebalanced())
        reader = self._inbox.thread(self._read, "listener-pipe")
        self._inbox.thread(self._wait, "listener-exit")
        if self._inbox.notice:
            self._take_away(self._inbox.notice)
        while not self._over(time.monotonic()):
            self._step(time.monotonic())
        if not self._killed:
            self._kill()
        reader.join(PIPE_S)
        return self._ended(most_lines)

    def _step(self, now: float) -> None:
        self._view = replace(self._view, heard_at=self._heard_at)
        stop = decide(self._view, self._limits, now)
        if stop:
            self._stop(stop)
        if self._view.stopping and now >= self._view.stopping.kill_at and not self._killed:
            self._kill()
        if silent(self._view, now) and not self._starved:
            self._starved = True
            self._witness.starved()
        happening = self._inbox.get(self._next(now) - now)
        if happening:
            self._take(happening)

    def _next(self, now: float) -> float:
        until = self._witness.passing(self._view, now)
        if self._exit_code is not None:
            until = min(until, self._exited_at + PIPE_S)
        return until if self._killed else min(until, wake_at(self._view, self._limits))

    def _over(self, now: float) -> bool:
        if self._exit_code is None:
            return False
        return self._dropped is not None or now >= self._exited_at + PIPE_S

    def _take(self, happening: Happening) -> None:
        match happening:
            case Said():
                self._hear(happening)
            case Notice():
                self._take_away(happening)
            case Rebalanced():
                self._view = replace(self._view, rebalance=True)
                self._witness.announced("rebalance")
            case Measured(seen):
                self._view = replace(self._view, full=self._view.full or self._witness.measured(seen))
            case Exited(code):
                self._exit_code, self._exited_at = code, time.monotonic()
            case Closed(dropped):
                self._dropped = dropped

    def _hear(self, said: Said) -> None:
        fresh = said.what not in self._said
        self._said[said.what] = said.detail
        self._view = self._view.heard(said.what, time.monotonic())
        if fresh:
            self._witness.heard(said)

    def _take_away(self, notice: Notice) -> None:
        now = time.monotonic()
        # The notice's time is by the wall clock; from here on only what is left of it counts.
        self._view = replace(self._view, ending=ending(now + notice.at - time.time(), self._limits, now))
        stop_at = self._view.ending.stop_at if self._view.ending else now
        self._witness.taken_away(notice, stop_at)

    def _stop(self, stop: Stop) -> None:
        first = self._view.stopping is None
        self._view = replace(self._view, stopping=stop)
        if first:
            self._witness.stopping(stop)
            self._process.ask_to_stop()

    def _kill(self) -> None:
        self._killed = True
        self._strays = self._process.kill()

    def _read(self) -> None:
        parser = Parser()

        def take(written: Sequence[str]) -> None:
            self._heard_at = time.monotonic()
            self._witness.lines(written)
            # A worker's lines never say anything, and there can be a flood of them.
            own = [line for line in written if not line.startswith("[WORKER ")]
            self._tail.add(own)
            for line in own:
                said = parser.read(line)
                if said:
                    self._inbox.put(said)

        try:
            dropped = drain(self._process.output, take)
        finally:
            os.close(self._process.output)
        self._inbox.put(Closed(dropped))

    def _wait(self) -> None:
        self._inbox.put(Exited(self._process.wait()))

    def _ended(self, most_lines: int) -> Ended:
        return Ended(
            said=self._said,
            exit_code=-1 if self._exit_code is None else self._exit_code,
            view=self._view,
            stop=self._view.stopping,
            strays=self._strays,
            tail=self._tail.lines(most_lines),
            dropped_bytes=self._dropped or 0,
        )
