"""One start of the runner under test: started as the agent starts it, heard as the agent hears it."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from runner_agent.cloud import Process, ProcessTree
from runner_agent.listener.launch import Runner, command, prepare
from runner_agent.listener.lines import Heard, Parser
from runner_agent.listener.pipe import Tail, drain

LOOK_S = 0.05
LAST_LINES = 3


class Broken(Exception):
    """The runner broke its contract; the message says how."""


@dataclass(frozen=True, slots=True)
class Place:
    """The runner under test and what it is started with."""

    folder: Path
    tree: ProcessTree
    performance: Path
    environment: Mapping[str, str]


class Probe:
    """A started runner; every wait ends at one deadline."""

    def __init__(self, process: Process, deadline: float) -> None:
        self._process = process
        self._deadline = deadline
        self._said: dict[Heard, str] = {}
        self._tail = Tail()
        self._heard = threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def hears(self, what: Heard) -> str:
        """Wait for the runner's words; their name, result or number. Raises `Broken`."""
        with self._heard:
            while what not in self._said:
                if self._process.exit_code() is not None and not self._reader.is_alive():
                    raise Broken(f"ended with {self._process.exit_code()} and never said {what!r}; {self._last()}")
                if time.monotonic() > self._deadline:
                    raise Broken(f"never said {what!r}; {self._last()}")
                self._heard.wait(LOOK_S)
            return self._said[what]

    def has_said(self, what: Heard) -> bool:
        """Whether it has, so far."""
        return what in self._said

    def waits_for(self, met: object, what: str) -> None:
        """Wait until a condition, given as a function, is met. Raises `Broken`."""
        while callable(met) and not met():
            if time.monotonic() > self._deadline:
                raise Broken(f"{what}; {self._last()}")
            time.sleep(LOOK_S)

    def interrupt(self) -> None:
        """Ask it to stop, as the agent does."""
        self._process.ask_to_stop()

    def ends(self, *codes: int) -> int:
        """Wait for its end with one of these codes, or any where none is given. Raises `Broken`."""
        self.waits_for(lambda: self._process.exit_code() is not None, "did not end")
        # What it said last is still in the pipe.
        self._reader.join(max(0.1, self._deadline - time.monotonic()))
        code = self._process.exit_code()
        if code is None or (codes and code not in codes):
            raise Broken(f"ended with {code} instead of {' or '.join(map(str, codes))}; {self._last()}")
        return code

    def close(self) -> None:
        """Leave nothing of it behind."""
        self._process.kill()
        self._reader.join(1.0)
        with suppress(OSError):
            os.close(self._process.output)

    def _read(self) -> None:
        parser = Parser()

        def take(lines: Sequence[str]) -> None:
            heard = [said for line in lines if (said := parser.read(line))]
            with self._heard:
                self._tail.add(lines)
                self._said.update({said.what: said.detail for said in heard})
                self._heard.notify_all()

        with suppress(OSError):
            drain(self._process.output, take)

    def _last(self) -> str:
        lines = [line for line in self._tail.lines(50) if line.strip()][-LAST_LINES:]
        return "its last words: " + (" | ".join(line[:200] for line in lines) or "none")


@contextmanager
def started(place: Place, jit_config: str, patience_s: float) -> Iterator[Probe]:
    """The runner, started for one block; raises `Broken` where it cannot even start."""
    flag = place.performance / "interruption"
    runner = Runner(place.folder, jit_config, place.performance, "", flag)
    prepare(runner, place.tree)
    try:
        process = place.tree.start(command(runner, place.environment))
    except OSError as broken:
        raise Broken(f"does not start: {broken}") from broken
    probe = Probe(process, time.monotonic() + patience_s)
    try:
        yield probe
    finally:
        probe.close()
