"""When CloudWatch would raise an alarm: the rules of its user guide, over metrics that are all there.

It looks each minute, at a window that slides with it, and at a few periods more than the alarm counts; those
make up for missing ones. Only where they do not, the alarm's own word on missing data counts.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from infra.alarms import Alarm, Compare, Missing
from tests.watching.metric_math import Series, evaluate
from tests.watching.metrics import Key, Metrics

MINUTE_S = 60
ARRIVAL_S = 60
"""How late a minute's data is there to be looked at."""
MORE = 2
"""How many periods more are looked at; the guide's examples show five for an alarm that counts three."""


@dataclass(frozen=True, slots=True)
class Rule:
    """The part of an alarm that judges points."""

    compare: Compare
    threshold: float
    periods: int
    of_periods: int
    missing: Missing

    @classmethod
    def of(cls, alarm: Alarm) -> Rule:
        """An alarm's."""
        return cls(alarm.compare, alarm.threshold, alarm.periods, alarm.of_periods, alarm.missing)

    def breaches(self, value: float) -> bool:
        """Whether a point is on the wrong side."""
        return value > self.threshold if self.compare is Compare.ABOVE else value < self.threshold


def is_raised(points: Series, rule: Rule) -> bool:
    """Whether the alarm is up, with these points the latest, the newest last."""
    real = [value for value in points if value is not None]
    counted: Sequence[bool] = [rule.breaches(value) for value in real[-rule.of_periods :]]
    absent = rule.of_periods - len(counted)
    bad = sum(counted) + (absent if rule.missing is Missing.BAD else 0)
    return bad >= rule.periods


def rises(alarm: Alarm, metrics: Metrics, until: float, phase: float = 0.0) -> Iterator[float]:
    """The moments at which the alarm goes up, in real seconds since the run began."""
    up = False
    # Before a run begins there is no stack, and no silence to be told.
    warm = (alarm.of_periods + MORE) * alarm.period_s if alarm.missing is Missing.BAD else 0
    now = phase + warm + ARRIVAL_S
    while now <= until:
        was, up = up, is_raised(_points(alarm, metrics, now - ARRIVAL_S), Rule.of(alarm))
        if up and not was:
            yield now
        now += MINUTE_S


def _points(alarm: Alarm, metrics: Metrics, end: float) -> Series:
    periods = alarm.of_periods + MORE
    starts = [end - (periods - number) * alarm.period_s for number in range(periods)]
    found = {
        one.id: [
            metrics.window(_key(one.namespace, one.metric, one.dimensions), at, at + alarm.period_s, one.statistic)
            for at in starts
        ]
        for one in alarm.series
    }
    return evaluate(alarm.expression, found, periods) if alarm.expression else found[alarm.series[0].id]


def _key(namespace: str, metric: str, dimensions: object) -> Key:
    return namespace, metric, frozenset(dict(dimensions).items())  # type: ignore[call-overload]  # a mapping
