from __future__ import annotations

import json
from typing import Any

from controller import wiring
from controller.signals import NAMESPACE, SIGNALS, Unit
from infra import charts
from tests.infra.deployed import Deployed

STACK = "dev-us-east-1"

METRICS = [metric for signal in SIGNALS.values() for metric in signal.metrics]


def widgets() -> dict[str, list[list[Any]]]:
    body = charts.dashboard(STACK, "us-east-1")
    return {widget["properties"]["title"]: widget["properties"]["metrics"] for widget in body["widgets"]}


def test_there_is_a_widget_for_each_metric_that_is_told() -> None:
    names = [metric.name for metric in METRICS]

    missing = set(names) - widgets().keys()

    assert not missing
    assert len(names) == len(set(names))


def test_no_widget_shows_a_metric_that_nobody_tells() -> None:
    told = {metric.name for metric in METRICS}

    shown = {line[1] for lines in widgets().values() for line in lines if line[0] == NAMESPACE}

    assert shown <= told


def test_a_duration_is_shown_by_its_percentiles() -> None:
    for metric in METRICS:
        if metric.unit is Unit.SECONDS:
            assert [line[-1]["stat"] for line in widgets()[metric.name]] == ["p50", "p95", "p99"]


def test_a_metric_cut_into_parts_is_found_by_the_dimensions_it_is_told_with() -> None:
    for metric in METRICS:
        if metric.by and metric.unit is Unit.COUNT:
            ((line,),) = widgets()[metric.name]
            wanted = ",".join((NAMESPACE, "stack", *metric.by))
            assert line["expression"].startswith(f'SEARCH(\'{{{wanted}}} MetricName="{metric.name}"')
            assert f'stack="{STACK}"' in line["expression"]


def test_widgets_do_not_lie_on_each_other() -> None:
    placed = [(widget["x"], widget["y"]) for widget in charts.dashboard(STACK, "us-east-1")["widgets"]]

    assert len(placed) == len(set(placed))
    assert all(x + 8 <= 24 for x, _ in placed)


def test_the_queues_and_the_doors_are_shown() -> None:
    shown = {tuple(line[:4]) for lines in widgets().values() for line in lines if len(line) > 1}

    for queue in wiring.QUEUES:
        assert ("AWS/SQS", "ApproximateAgeOfOldestMessage", "QueueName", f"{STACK}-{queue.name}") in shown
    for function in wiring.FUNCTIONS:
        assert ("AWS/Lambda", "Errors", "FunctionName", f"{STACK}-{function.name}") in shown


def test_every_event_that_must_alert_has_an_alarm_on_a_metric_it_tells() -> None:
    alarms = {alarm.metric: alarm for alarm in charts.alarms(STACK) if alarm.namespace == NAMESPACE}

    alerting = [signal for signal in SIGNALS.values() if signal.alert]

    assert alarms.keys() == {signal.metrics[0].name for signal in alerting}
    for alarm in alarms.values():
        # Telemetry tells the stack's total beside the parts: an alarm can not add up parts.
        assert alarm.dimensions == {"stack": STACK}
        assert (alarm.above, alarm.minutes, alarm.of_minutes) == (0, 1, 1)


def test_no_event_that_must_alert_is_without_a_metric() -> None:
    assert [event for event, signal in SIGNALS.items() if signal.alert and not signal.metrics] == []


def test_every_queue_has_an_alarm_on_its_dead_letters_and_on_its_age() -> None:
    alarms = {alarm.name: alarm for alarm in charts.alarms(STACK)}

    for queue in wiring.QUEUES:
        dead, age = alarms[f"{STACK}-{queue.name}-dead-letters"], alarms[f"{STACK}-{queue.name}-age"]
        assert (dead.dimensions["QueueName"], dead.above) == (f"{STACK}-{queue.name}-dead", 0)
        assert (age.dimensions["QueueName"], age.above) == (f"{STACK}-{queue.name}", 300)


def test_an_alarm_is_raised_within_five_minutes() -> None:
    slow = [alarm.name for alarm in charts.alarms(STACK) if alarm.of_minutes > 5]

    assert slow == []


def test_what_is_deployed_is_what_is_drawn_here(stack: Deployed) -> None:
    deployed = stack.of("cloudwatch/metricAlarm:MetricAlarm")
    dashboard = stack.one("cloudwatch/dashboard:Dashboard")

    assert json.loads(dashboard.inputs["dashboardBody"]) == charts.dashboard(STACK, "us-east-1")
    assert deployed.keys() == {alarm.name for alarm in charts.alarms(STACK)}
    for alarm in charts.alarms(STACK):
        found = deployed[alarm.name].inputs
        assert (found["namespace"], found["metricName"], found["dimensions"], found["threshold"]) == (
            alarm.namespace,
            alarm.metric,
            alarm.dimensions,
            alarm.above,
        )
        assert found["treatMissingData"] == "notBreaching"
