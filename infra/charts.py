"""What is watched: widgets and alarms as plain data, drawn from the controller's table of events and from `wiring`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from controller import wiring
from controller.signals import NAMESPACE, SIGNALS, Metric, Signal, Unit
from infra.config import DEAD

MINUTE_S = 60
TOO_OLD_S = 300
"""A message older than this means that its door does not keep up, or does not work."""

_WIDTH, _HEIGHT, _COLUMNS = 8, 6, 3
_PERCENTILES = ("p50", "p95", "p99")

Widget = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm:
    """Raised when a metric is above a threshold in so many of the latest minutes."""

    name: str
    text: str
    namespace: str
    metric: str
    dimensions: Mapping[str, str]
    statistic: str = "Sum"
    above: float = 0.0
    minutes: int = 1
    of_minutes: int = 1


def alarms(stack: str) -> list[Alarm]:
    """Every alarm of a stack."""
    return [*_told(stack), *_queues(stack), *_doors(stack)]


_FIELD = re.compile(r"\{(\w+)[^}]*\}")


def dashboard(stack: str, region: str) -> dict[str, Any]:
    """The body of the stack's dashboard: a widget for each metric that is told, then queues and doors."""
    widgets = [
        *(_told_widget(metric, stack) for signal in SIGNALS.values() for metric in signal.metrics),
        *_queue_widgets(stack),
        *_door_widgets(stack),
    ]
    return {"widgets": [_placed(widget, number, region) for number, widget in enumerate(widgets)]}


def _told(stack: str) -> Iterator[Alarm]:
    for event, signal in SIGNALS.items():
        for metric in _alerting(signal):
            yield Alarm(
                name=f"{stack}-{metric.name}",
                text=f"{event}: " + _FIELD.sub(r"<\1>", signal.text),
                namespace=NAMESPACE,
                metric=metric.name,
                dimensions={"stack": stack},
            )


def _alerting(signal: Signal) -> Sequence[Metric]:
    return signal.metrics[:1] if signal.alert else ()


def _queues(stack: str) -> Iterator[Alarm]:
    for queue in wiring.QUEUES:
        yield Alarm(
            name=f"{stack}-{queue.name}-dead-letters",
            text=f"Messages that the {queue.name} queue's door could not handle lie in {queue.name}{DEAD}",
            namespace="AWS/SQS",
            metric="ApproximateNumberOfMessagesVisible",
            dimensions={"QueueName": f"{stack}-{queue.name}{DEAD}"},
            statistic="Maximum",
        )
        yield Alarm(
            name=f"{stack}-{queue.name}-age",
            text=f"The oldest message on the {queue.name} queue is over {TOO_OLD_S // MINUTE_S} minutes old",
            namespace="AWS/SQS",
            metric="ApproximateAgeOfOldestMessage",
            dimensions={"QueueName": f"{stack}-{queue.name}"},
            statistic="Maximum",
            above=TOO_OLD_S,
        )


def _doors(stack: str) -> Iterator[Alarm]:
    for function in wiring.FUNCTIONS:
        # One crash is repeated by its queue or by GitHub; three minutes of them are a fault.
        yield Alarm(
            name=f"{stack}-{function.name}-errors",
            text=f"The {function.name} function fails again and again",
            namespace="AWS/Lambda",
            metric="Errors",
            dimensions={"FunctionName": f"{stack}-{function.name}"},
            minutes=3,
            of_minutes=5,
        )


def _told_widget(metric: Metric, stack: str) -> Widget:
    if metric.unit is Unit.SECONDS:
        lines: list[list[Any]] = [
            [NAMESPACE, metric.name, "stack", stack, {"stat": stat, "label": stat}] for stat in _PERCENTILES
        ]
    elif metric.by:
        wanted = f'{{{NAMESPACE},{",".join(("stack", *metric.by))}}} MetricName="{metric.name}" stack="{stack}"'
        lines = [[{"expression": f"SEARCH('{wanted}', 'Sum', {MINUTE_S})", "id": "parts", "label": ""}]]
    else:
        lines = [[NAMESPACE, metric.name, "stack", stack, {"stat": "Sum"}]]
    return {"title": metric.name, "metrics": lines}


def _queue_widgets(stack: str) -> Iterator[Widget]:
    names = [queue.name for queue in wiring.QUEUES]
    for title, metric, queues in (
        ("Messages waiting", "ApproximateNumberOfMessagesVisible", names),
        ("Age of the oldest message", "ApproximateAgeOfOldestMessage", names),
        ("Dead letters", "ApproximateNumberOfMessagesVisible", [f"{name}{DEAD}" for name in names]),
    ):
        lines = [["AWS/SQS", metric, "QueueName", f"{stack}-{name}", {"stat": "Maximum"}] for name in queues]
        yield {"title": title, "metrics": lines}


def _door_widgets(stack: str) -> Iterator[Widget]:
    for title, metric, stat in (
        ("Door time", "Duration", "p95"),
        ("Door errors", "Errors", "Sum"),
        ("Doors throttled", "Throttles", "Sum"),
    ):
        lines = [
            ["AWS/Lambda", metric, "FunctionName", f"{stack}-{function.name}", {"stat": stat}]
            for function in wiring.FUNCTIONS
        ]
        yield {"title": title, "metrics": lines}


def _placed(widget: Widget, number: int, region: str) -> Widget:
    row, column = divmod(number, _COLUMNS)
    return {
        "type": "metric",
        "x": column * _WIDTH,
        "y": row * _HEIGHT,
        "width": _WIDTH,
        "height": _HEIGHT,
        "properties": {"view": "timeSeries", "region": region, "period": MINUTE_S, **widget},
    }
