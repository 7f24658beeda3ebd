from __future__ import annotations

import json
import re
from typing import Any

import jsonschema

from controller.signals import NAMESPACE, SIGNALS, Unit
from infra import charts
from tests.infra.deployed import STACK, Deployed

METRICS = {metric.name: metric for signal in SIGNALS.values() for metric in signal.metrics}

TWELVE = [
    "Messages waiting",
    "Age of the oldest message",
    "Line length",
    "Age of the line",
    "Fleet size",
    "Interruptions",
    "Job duration",
    "Job success",
    "Pool use",
    "Runner cache",
    "Breakers",
    "API errors",
]

STATISTIC = {"type": "string", "pattern": r"^(Sum|Average|Minimum|Maximum|SampleCount|p\d{1,2}(\.\d+)?)$"}
RENDERING = {
    "type": "object",
    "properties": {
        "expression": {"type": "string", "minLength": 1},
        "id": {"type": "string", "pattern": "^[a-z][a-zA-Z0-9_]*$"},
        "label": {"type": "string"},
        "period": {"type": "integer", "multipleOf": 60},
        "stat": STATISTIC,
        "visible": {"type": "boolean"},
    },
    "additionalProperties": False,
}
BODY = {
    "type": "object",
    "required": ["widgets"],
    "properties": {
        "widgets": {
            "type": "array",
            "maxItems": 500,
            "items": {
                "type": "object",
                "required": ["type", "properties", "x", "y", "width", "height"],
                "additionalProperties": False,
                "properties": {
                    "type": {"const": "metric"},
                    "x": {"type": "integer", "minimum": 0, "maximum": 23},
                    "y": {"type": "integer", "minimum": 0},
                    "width": {"type": "integer", "minimum": 1, "maximum": 24},
                    "height": {"type": "integer", "minimum": 1, "maximum": 1_000},
                    "properties": {
                        "type": "object",
                        "required": ["metrics", "region", "title"],
                        "additionalProperties": False,
                        "properties": {
                            "view": {"enum": ["timeSeries", "singleValue", "gauge", "bar", "pie", "table"]},
                            "region": {"type": "string"},
                            "title": {"type": "string", "maxLength": 255},
                            "period": {"type": "integer", "multipleOf": 60},
                            "yAxis": {"type": "object"},
                            "metrics": {
                                "type": "array",
                                "minItems": 1,
                                "maxItems": 500,
                                "items": {
                                    "type": "array",
                                    "minItems": 1,
                                    "items": {"anyOf": [{"type": "string", "minLength": 1}, RENDERING]},
                                },
                            },
                        },
                    },
                },
            },
        }
    },
}
"""CloudWatch's "Dashboard body structure and syntax", as much of it as is used here."""


def body() -> dict[str, Any]:
    return charts.dashboard(STACK, "us-east-1")


def widgets() -> dict[str, list[list[Any]]]:
    return {widget["properties"]["title"]: widget["properties"]["metrics"] for widget in body()["widgets"]}


def named(line: list[Any]) -> set[str]:
    """The metrics of ours that a row shows."""
    searched = re.findall(r'MetricName="(\w+)"', str(line[0].get("expression"))) if isinstance(line[0], dict) else []
    return {*searched, *([line[1]] if line[0] == NAMESPACE else [])}


def test_the_dashboard_has_the_published_structure() -> None:
    jsonschema.validate(body(), BODY)
    for lines in widgets().values():
        ids = [line[-1]["id"] for line in lines if "id" in line[-1]]
        assert len(ids) == len(set(ids))
        # Namespace, metric, then pairs of a dimension's name and value, then how it is drawn.
        assert all(len([part for part in line if isinstance(part, str)]) % 2 == 0 for line in lines)


def test_it_begins_with_the_twelve_that_tell_how_the_stack_is() -> None:
    assert list(widgets())[:12] == TWELVE
    assert len(widgets()) == len(body()["widgets"])


def test_every_metric_that_is_told_is_shown_and_none_that_nobody_tells() -> None:
    shown = {name for lines in widgets().values() for line in lines for name in named(line)}

    assert shown == set(METRICS)


def test_pool_use_tells_of_the_spares_of_warm_pools() -> None:
    shown = {name for line in widgets()["Pool use"] for name in named(line)}

    assert {"SparesReady", "SparesTaken", "SparesMissing"} <= shown


def test_what_a_pool_lacks_is_not_added_up_over_its_looks() -> None:
    lacking = next(line for line in widgets()["Pool use"] if named(line) == {"SparesMissing"})

    assert "'Maximum'" in lacking[0]["expression"]


def test_a_duration_is_shown_by_its_percentiles() -> None:
    for lines in widgets().values():
        durations = {name for line in lines for name in named(line) if METRICS[name].unit is Unit.SECONDS}
        for name in durations - {"LineAge"}:
            stats = [line[-1]["stat"] for line in lines if named(line) == {name}]
            assert stats == ["p50", "p95", "p99"], name


def test_a_metric_cut_into_parts_is_found_by_the_dimensions_it_is_told_with() -> None:
    for lines in widgets().values():
        for line in lines:
            for name in named(line) if isinstance(line[0], dict) else ():
                wanted = ",".join((NAMESPACE, "stack", *METRICS[name].by))
                assert line[0]["expression"].startswith(f'SEARCH(\'{{{wanted}}} MetricName="{name}" stack="{STACK}"')
            if line[0] == NAMESPACE:
                dimensions = set(line[2:-1:2]) - {"stack"}
                assert dimensions in (set(), set(METRICS[line[1]].by))


def test_an_expression_is_of_rows_beside_it() -> None:
    for lines in widgets().values():
        ids = {line[-1].get("id") for line in lines}
        for line in lines:
            expression = str(line[0].get("expression", "")) if isinstance(line[0], dict) else ""
            if expression and not expression.startswith("SEARCH"):
                assert set(re.findall(r"\b[a-z]\w*", expression)) <= ids


def test_what_is_deployed_is_what_is_drawn_here(stack: Deployed) -> None:
    dashboard = stack.one("cloudwatch/dashboard:Dashboard")

    assert json.loads(dashboard.inputs["dashboardBody"]) == body()
