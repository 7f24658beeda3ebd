"""Where light machines stand: a thread each, switched on and off as real ones are."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from controller.local.aws.machines import Process
from controller.local.light.life import Life
from controller.local.light.power import Power, PowerCut
from controller.local.light.wires import Silent, Wires

_STOP_S = 10.0


@dataclass(frozen=True, slots=True)
class _Actor:
    power: Power
    thread: threading.Thread


class LightMachines:
    """A room for machines; `on_end` hears of each one that has ended, however it ended."""

    def __init__(self, on_end: Callable[[str], None]) -> None:
        self._on_end = on_end
        self._lock = threading.Lock()
        self._actors: dict[str, _Actor] = {}
        self._closed = False

    def start(self) -> None:
        """Nothing needs to be watched: each machine tells of its own end."""

    def switch_on(self, name: str, home: Path, command: Sequence[str], environment: Mapping[str, str]) -> None:  # noqa: ARG002 - a room's shape
        """Start a machine's life; the command that a real one would run is not run."""
        power = Power()
        wires = Wires(environment["AWS_EC2_METADATA_SERVICE_ENDPOINT"], environment["AWS_ENDPOINT_URL"], power)
        life = Life(home, wires, power)
        thread = threading.Thread(target=self._live, args=(name, life), name=f"light-{name}", daemon=True)
        with self._lock:
            if self._closed:
                return
            self._actors[name] = _Actor(power, thread)
        thread.start()

    def switch_off(self, names: Iterable[str]) -> None:
        """End machines at once; those that have ended already are left alone."""
        for name in names:
            self._end(name)

    def freeze(self, name: str) -> None:
        """Let a machine hang."""
        with self._lock:
            if actor := self._actors.get(name):
                actor.power.freeze()

    def kill_agent(self, name: str) -> None:
        """Without its agent a machine powers itself off."""
        self._end(name)

    def processes(self) -> tuple[Process, ...]:
        """Every machine that is on; it has no process of its own."""
        with self._lock:
            return tuple(Process(0, name, "light machine") for name in self._actors)

    def stop(self) -> None:
        """Cut the power of all and see their threads end; a second stop does nothing."""
        with self._lock:
            self._closed = True
            actors = list(self._actors.values())
            self._actors.clear()
        for actor in actors:
            actor.power.cut()
        deadline = time.monotonic() + _STOP_S
        for actor in actors:
            actor.thread.join(max(0.0, deadline - time.monotonic()))

    def _live(self, name: str, life: Life) -> None:
        try:
            life.live()
        except (PowerCut, Silent):
            pass
        except Exception:
            logging.getLogger(__name__).exception("light machine %s has failed", name)
        self._end(name)

    def _end(self, name: str) -> None:
        with self._lock:
            actor = self._actors.pop(name, None)
        if actor is not None:
            actor.power.cut()
            self._on_end(name)
