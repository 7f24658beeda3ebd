"""Reads off, while a local cloud runs, what AWS itself measures of queues and functions."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from controller.local.aws.cloud import LocalCloud
from tests.watching.metrics import Metrics

LOOKS_A_MINUTE = 6


@dataclass(slots=True)
class Meter:
    """Looks six times in each minute of real time; the functions' own words are read at the end."""

    cloud: LocalCloud
    metrics: Metrics = field(init=False)
    _failed: dict[str, int] = field(init=False, default_factory=dict)
    _stop: threading.Event = field(init=False, default_factory=threading.Event)
    _thread: threading.Thread = field(init=False)

    def __enter__(self) -> Self:
        self.metrics = Metrics(time.time(), self.cloud.options.speed)
        self._thread = threading.Thread(target=self._watch, name="meter", daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()
        for name in self.cloud.functions():
            self.metrics.read(self.cloud.function_log(name))

    def _watch(self) -> None:
        while not self._stop.wait(60 / LOOKS_A_MINUTE / self.cloud.options.speed):
            self._look(time.time())

    def _look(self, now: float) -> None:
        stack, speed = self.cloud.options.stack, self.cloud.options.speed
        for name, depth in self.cloud.queue_depths().items():
            queue = {"QueueName": f"{stack}-{name}"}
            self.metrics.put("AWS/SQS", "ApproximateNumberOfMessagesVisible", queue, depth.ready, now)
        for name, age in self.cloud.queue_ages().items():
            queue = {"QueueName": f"{stack}-{name}"}
            self.metrics.put("AWS/SQS", "ApproximateAgeOfOldestMessage", queue, age * speed, now)
        for name, tally in self.cloud.functions().items():
            new = tally.errors - self._failed.get(name, 0)
            self._failed[name] = tally.errors
            self.metrics.put("AWS/Lambda", "Errors", {"FunctionName": f"{stack}-{name}"}, new, now)
