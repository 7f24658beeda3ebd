"""What all doors know of machines that died in boot; a door that can not read it goes on as if all were well."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, field, replace
from typing import TypeVar

from controller.domain import boot_health, breaker
from controller.domain.boot_health import BootHealth
from controller.domain.breaker import Breaker, BreakerPolicy, BreakerState
from controller.domain.job import Job
from controller.domain.runner import Runner
from controller.errors import Rejected, Unavailable
from controller.ports import Memory
from runner_agent.contract import wire

FACT = "boots"
KEEP_S = 86_400.0
LOOK_S = 15.0
"""A warm dispatcher reads it this often, so that a burst costs no read for each of its launches."""
_TRIES = 12

T = TypeVar("T")


@dataclass(slots=True)
class BootBook:
    """Kept between warm invocations; launches side by side share it."""

    memory: Memory
    policy: BreakerPolicy
    clock: Callable[[], float]
    new_id: Callable[[], str]
    lock: AbstractContextManager[object] = field(default_factory=threading.RLock, repr=False)
    """For whom threads take turns in another way: something that holds nobody up."""
    _text: str | None = field(default=None)
    _known: BootHealth = field(default_factory=BootHealth)
    _looked_at: float = field(default=float("-inf"))

    def look(self) -> BootHealth:
        """As it is now; as it was last known where it can not be read."""
        # Nobody's job may hang on this record.
        with self.lock:
            with suppress(Unavailable, Rejected):
                self._open(self.memory.recall(FACT, self.clock()))
            self._looked_at = self.clock()
            return self._known

    def admit(self, group: Sequence[Job]) -> tuple[Sequence[Job], str]:
        """Those of a group that may be launched, and why the others may not."""
        with self.lock:
            if self.clock() - self._looked_at >= LOOK_S:
                self.look()
            admitted = self.change(lambda known: boot_health.admitted(known, group, self.clock(), self.policy))
            return admitted, boot_health.why_held(self._known, group[0].config)

    def holds(self, config: str) -> str:
        """Why nothing is to be launched ahead of any job for a configuration; empty while all is well."""
        known = self._known.breakers.get(config, Breaker())
        closed = breaker.state(known, self.clock(), self.policy) is BreakerState.CLOSED
        return "" if closed else boot_health.why_held(self._known, config)

    def bury(self, runners: Iterable[Runner], cause: str = "") -> None:
        """Write down, for the next look, the machines that died before they had a job: why, or what they had missed."""
        found = (boot_health.death_of(runner, cause or boot_health.missed(runner)) for runner in runners)
        deaths = [death for death in found if death]
        if deaths:
            self.change(lambda known: (boot_health.with_deaths(known, deaths), None))

    def change(self, change: Callable[[BootHealth], tuple[BootHealth, T]]) -> T:
        """Write down a change, made again on top of whatever somebody else has written meanwhile."""
        with self.lock:
            for _ in range(_TRIES):
                new, outcome = change(self._known)
                if new == self._known:
                    return outcome
                try:
                    if self._write(replace(new, stamp=self.new_id())):
                        return outcome
                except (Unavailable, Rejected):
                    break
            return outcome

    def _write(self, new: BootHealth) -> bool:
        text = wire.dumps(new)
        standing = self.memory.swap(FACT, self._text, text, self.clock() + KEEP_S)
        self._open(standing)
        return standing == text

    def _open(self, text: str | None) -> None:
        self._text = text
        try:
            self._known = wire.loads(BootHealth, text) if text else BootHealth()
        except wire.Malformed:
            # Written by another version: begin anew, on top of it.
            self._known = BootHealth()
