"""A room in which some machines are real and the others are light."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from controller.local.aws.machines import Machines, Process
from controller.local.light.room import LightMachines


class MixedMachines:
    """Of so many machines one is real, chosen by its random id."""

    def __init__(self, on_end: Callable[[str], None], one_in: int) -> None:
        self._one_in = one_in
        self._real, self._light = Machines(on_end), LightMachines(on_end)
        self._rooms = (self._real, self._light)

    def is_real(self, name: str) -> bool:
        """Whether a machine is a tree of processes with the real agent in it."""
        return int(name[-4:], 16) % self._one_in == 0

    def start(self) -> None:
        """Begin to watch."""
        for room in self._rooms:
            room.start()

    def switch_on(self, name: str, home: Path, command: Sequence[str], environment: Mapping[str, str]) -> None:
        """Start a machine."""
        room = self._real if self.is_real(name) else self._light
        room.switch_on(name, home, command, environment)

    def switch_off(self, names: Iterable[str]) -> None:
        """End machines at once."""
        chosen = tuple(names)
        for room in self._rooms:
            room.switch_off(chosen)

    def freeze(self, name: str) -> None:
        """Let a machine hang."""
        for room in self._rooms:
            room.freeze(name)

    def kill_agent(self, name: str) -> None:
        """Let a machine's agent be gone."""
        for room in self._rooms:
            room.kill_agent(name)

    def processes(self) -> tuple[Process, ...]:
        """Every living process of the real machines, and every light machine that is on."""
        return (*self._real.processes(), *self._light.processes())

    def stop(self) -> None:
        """Cut the power of all machines."""
        for room in self._rooms:
            room.stop()
