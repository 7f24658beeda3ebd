"""Lambda: functions as processes of their own, as many at a time as each is allowed."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass

from controller.local.aws.environment import Deployed, Environment, Outcome


@dataclass(frozen=True, slots=True)
class Tally:
    """What a function has done so far."""

    invocations: int = 0
    errors: int = 0
    environments: int = 0
    """How many processes were started for it."""


class LambdaFunction:
    """One function; callers beyond its concurrency wait for their turn, as a bigger cloud would not."""

    def __init__(self, deployed: Deployed, concurrency: int) -> None:
        self.deployed = deployed
        self.concurrency = concurrency
        self._changed = threading.Condition()
        self._idle: list[Environment] = []
        self._all: set[Environment] = set()
        self._running = 0
        self._tally = Tally()
        self._closed = False

    def warm(self) -> None:
        """Start one process ahead of the first call."""
        with self._changed:
            if not self._closed and not self._all:
                self._idle.append(self._start())

    def invoke(self, event: bytes, patience_s: float = 900.0) -> Outcome | None:
        """Call the function; None when no process was free in time."""
        environment = self._taken(patience_s)
        if environment is None:
            return None
        outcome = environment.invoke(event)
        with self._changed:
            self._running -= 1
            if environment.broken:
                self._all.discard(environment)
            else:
                self._idle.append(environment)
            done = self._tally
            self._tally = Tally(done.invocations + 1, done.errors + bool(outcome.error), done.environments)
            self._changed.notify()
        return outcome

    def tally(self) -> Tally:
        """What it has done so far."""
        return self._tally

    def kill(self) -> None:
        """End the processes that are at work, as the cloud may at any moment."""
        with self._changed:
            at_work = self._all.difference(self._idle)
        for environment in at_work:
            environment.kill()

    def close(self) -> None:
        """End every process; a second close does nothing."""
        with self._changed:
            self._closed = True
            environments = list(self._all)
            self._changed.notify_all()
        for environment in environments:
            environment.close()

    def _taken(self, patience_s: float) -> Environment | None:
        deadline = time.monotonic() + patience_s
        with self._changed:
            while not self._closed:
                if self._running < self.concurrency:
                    self._running += 1
                    return self._idle.pop() if self._idle else self._start()
                if (left := deadline - time.monotonic()) <= 0:
                    return None
                self._changed.wait(left)
        return None

    def _start(self) -> Environment:
        environment = Environment(self.deployed)
        self._all.add(environment)
        done = self._tally
        self._tally = Tally(done.invocations, done.errors, done.environments + 1)
        return environment


Functions = Mapping[str, LambdaFunction]
