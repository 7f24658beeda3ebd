"""What CloudWatch would have of a run in local mode: the functions' own lines, and what AWS counts for everybody."""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

Key = tuple[str, str, frozenset[tuple[str, str]]]
"""Namespace, metric, dimensions."""


@dataclass(frozen=True, slots=True)
class Point:
    """A value at a time, in seconds of real time since the run began."""

    at: float
    value: float


@dataclass(slots=True)
class Metrics:
    """Everything that was measured; local time runs `speed` times as fast as the time that is written down."""

    began: float
    speed: float
    points: dict[Key, list[Point]] = field(default_factory=lambda: defaultdict(list))

    def put(self, namespace: str, metric: str, dimensions: Mapping[str, str], value: float, now: float) -> None:
        """Write a value down, as measured at a local time."""
        self.points[namespace, metric, frozenset(dimensions.items())].append(Point(self.real(now), value))

    def real(self, now: float) -> float:
        """Seconds since the run began, in real time."""
        return (now - self.began) * self.speed

    def read(self, log: str) -> None:
        """Take in what a function has written: the embedded metric format, as CloudWatch reads it."""
        for text in log.splitlines():
            line = _json(text)
            for directive in line.get("_aws", {}).get("CloudWatchMetrics", ()):
                self._take(line, directive)

    def window(self, key: Key, start: float, end: float, statistic: str) -> float | None:
        """The statistic of a stretch of time; None where nothing was measured in it."""
        values = [point.value for point in self.points.get(key, ()) if start <= point.at < end]
        return STATISTICS[statistic](values) if values else None

    def _take(self, line: Mapping[str, object], directive: Mapping[str, Iterable[object]]) -> None:
        now = json.loads(json.dumps(line["_aws"]))["Timestamp"] / 1_000
        for names in directive["Dimensions"]:
            dimensions = {str(name): str(line[str(name)]) for name in names}  # type: ignore[attr-defined]  # any JSON
            for metric in directive["Metrics"]:
                name, unit = metric["Name"], metric["Unit"]  # type: ignore[index]  # the same
                # A length of time in a hurried world stands for a longer one in the real world.
                value = float(str(line[name])) * (self.speed if unit == "Seconds" else 1)
                self.put(str(directive["Namespace"]), name, dimensions, value, now)


STATISTICS: Mapping[str, Callable[[Sequence[float]], float]] = {
    "Sum": math.fsum,
    "Maximum": max,
    "Minimum": min,
    "SampleCount": len,
    "Average": lambda values: math.fsum(values) / len(values),
}


def _json(text: str) -> dict[str, dict[str, list[dict[str, list[object]]]]]:
    try:
        line = json.loads(text)
    except ValueError:
        return {}
    return line if isinstance(line, dict) else {}
