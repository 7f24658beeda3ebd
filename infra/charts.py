"""A stack's dashboard as plain data: twelve widgets that tell how it is, then everything else that is told."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from controller import wiring
from controller.signals import NAMESPACE, SIGNALS, Metric, Unit
from infra.alarms import MINUTE_S
from infra.config import DEAD
from infra.log_filters import OUT_OF_MEMORY, TIMEOUTS, WEBHOOK_ERRORS, namespace

_WIDTH, _HEIGHT, _COLUMNS = 8, 6, 3
_PERCENTILES = ("p50", "p95", "p99")
_FIVE_MINUTES_S = 300

Widget = dict[str, Any]
Line = list[Any]
"""One row of a widget's `metrics`, in CloudWatch's own form."""


def dashboard(stack: str, region: str) -> dict[str, Any]:
    """The body of the stack's dashboard."""
    first = list(twelve(stack))
    shown = {line[1] for widget in first for line in widget["metrics"] if line[0] == NAMESPACE}
    shown |= {name for name in _METRICS if any(f'MetricName="{name}"' in str(widget) for widget in first)}
    rest = [_of_metric(metric, stack) for name, metric in _METRICS.items() if name not in shown]
    widgets = [*first, *rest, *_of_doors(stack)]
    return {"widgets": [_placed(widget, number, region) for number, widget in enumerate(widgets)]}


def twelve(stack: str) -> Iterator[Widget]:
    """How the stack is, at a glance."""
    own = _Own(stack)
    yield _widget("Messages waiting", _queues(stack, "ApproximateNumberOfMessagesVisible"))
    yield _widget("Age of the oldest message", _queues(stack, "ApproximateAgeOfOldestMessage"), "Seconds")
    yield _widget("Line length", [own.line("LineLength", "Maximum"), own.line("JobsWithoutCapacity", "Maximum")])
    yield _widget("Age of the line", [own.line("LineAge", "Maximum"), *own.percentiles("QueueTime")], "Seconds")
    yield _widget(
        "Fleet size",
        [
            own.line("FleetSize", "Maximum"),
            own.line("SpotMachines", "Maximum"),
            own.line("OnDemandMachines", "Maximum"),
        ],
    )
    yield _widget("Interruptions", [own.parts("InterruptionsNoticed"), own.line("JobsInterrupted")])
    yield _widget("Job duration", own.percentiles("JobTime"), "Seconds")
    yield _widget("Job success", [*own.share("JobsEnded", "conclusion"), own.parts("JobsEnded")], "Percent, jobs")
    yield _widget(
        "Pool use",
        [
            own.parts("LaunchesByRung"),
            own.parts("MachinesLaunched"),
            own.parts("LaunchRefusals"),
            own.parts("SparesReady"),
            own.parts("SparesTaken"),
            own.parts("SparesMissing", "Maximum"),
        ],
    )
    yield _widget("Runner cache", [*own.hits(), own.parts("RunnersObtained")], "Percent, machines")
    yield _widget("Breakers", [own.line("PlacesClosed", "Maximum"), own.line("BreakersOpened")])
    yield _widget("API errors", [own.parts("ApiErrors"), own.line("DeliveriesRefused")])


class _Own:
    """Rows about a stack's own metrics."""

    def __init__(self, stack: str) -> None:
        self._stack = stack

    def line(self, metric: str, stat: str = "Sum") -> Line:
        """The stack's total."""
        return [NAMESPACE, metric, "stack", self._stack, {"stat": stat, "label": metric}]

    def percentiles(self, metric: str) -> list[Line]:
        """How long it took for half, for most, and for nearly all."""
        return [
            [NAMESPACE, metric, "stack", self._stack, {"stat": stat, "label": f"{metric} {stat}"}]
            for stat in _PERCENTILES
        ]

    def parts(self, metric: str, stat: str = "Sum") -> Line:
        """Each value of its dimensions, whichever there are."""
        wanted = ",".join((NAMESPACE, "stack", *_METRICS[metric].by))
        search = f'{{{wanted}}} MetricName="{metric}" stack="{self._stack}"'
        expression = f"SEARCH('{search}', '{stat}', {MINUTE_S})"
        return [{"expression": expression, "id": f"parts_{metric.lower()}", "label": ""}]

    def share(self, metric: str, by: str) -> list[Line]:
        """How many percent of what succeeded or failed succeeded; what was cancelled did neither."""
        return [
            [{"expression": "100 * good / (good + FILL(bad, 0))", "id": "share", "label": "success %"}],
            self._hidden("good", metric, by, "success"),
            self._hidden("bad", metric, by, "failure"),
        ]

    def hits(self) -> list[Line]:
        """How many percent of the runners that were not on board came from the stack's own cache."""
        return [
            [{"expression": "100 * hits / (hits + FILL(misses, 0))", "id": "share", "label": "cache %"}],
            self._hidden("hits", "RunnersObtained", "source", "cache"),
            self._hidden("misses", "RunnersObtained", "source", "github"),
        ]

    def _hidden(self, name: str, metric: str, by: str, value: str) -> Line:
        shape = {"id": name, "stat": "Sum", "period": _FIVE_MINUTES_S, "visible": False}
        return [NAMESPACE, metric, "stack", self._stack, by, value, shape]


_METRICS = {metric.name: metric for signal in SIGNALS.values() for metric in signal.metrics}


def _of_metric(metric: Metric, stack: str) -> Widget:
    own = _Own(stack)
    if metric.unit is Unit.SECONDS:
        return _widget(metric.name, own.percentiles(metric.name), "Seconds")
    return _widget(metric.name, [own.parts(metric.name) if metric.by else own.line(metric.name)])


def _queues(stack: str, metric: str) -> list[Line]:
    return [
        ["AWS/SQS", metric, "QueueName", f"{stack}-{queue.name}", {"stat": "Maximum", "label": queue.name}]
        for queue in wiring.QUEUES
    ]


def _of_doors(stack: str) -> Iterator[Widget]:
    dead = [
        ["AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", f"{stack}-{queue.name}{DEAD}", _MOST]
        for queue in wiring.QUEUES
    ]
    yield _widget("Dead letters", dead)
    for title, metric, stat in (
        ("Door time", "Duration", "p95"),
        ("Door errors", "Errors", "Sum"),
        ("Doors throttled", "Throttles", "Sum"),
    ):
        lines = [
            ["AWS/Lambda", metric, "FunctionName", f"{stack}-{function.name}", {"stat": stat, "label": function.name}]
            for function in wiring.FUNCTIONS
        ]
        yield _widget(title, lines)
    cut_off = [[namespace(stack), name, {"stat": "Sum"}] for name in (TIMEOUTS, OUT_OF_MEMORY, WEBHOOK_ERRORS)]
    yield _widget("Cut off, and 5xx to GitHub", cut_off)


_MOST = {"stat": "Maximum"}


def _widget(title: str, lines: Sequence[Line], unit: str = "") -> Widget:
    # A count that is not there is drawn as a gap: what was not measured is not zero.
    widget: Widget = {"title": title, "metrics": list(lines)}
    return widget | ({"yAxis": {"left": {"label": unit, "showUnits": False, "min": 0}}} if unit else {})


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
