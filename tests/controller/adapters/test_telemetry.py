from __future__ import annotations

import dataclasses
import io
import json
import subprocess
import sys
import typing
from collections.abc import Iterator
from typing import Any

import pytest

from controller.adapters.telemetry import MAX_TEXT, RETRY_S, Telemetry
from controller.domain import events
from controller.domain.deliveries import DeliveryRefused
from controller.domain.events import Event
from controller.domain.job_key import JobKey
from controller.signals import SIGNALS
from runner_agent.contract.trace import TraceContext
from tests.controller.adapters.scripted import Play, ScriptedServer

NOW = 1_790_000_000.25
KEY = JobKey(5, 2)
ROOT = TraceContext.of_job(5, 2)
EVENTS: tuple[type[Any], ...] = typing.get_args(Event)


def example(kind: type[Any], **changes: object) -> Any:  # noqa: ANN401 - any kind of event
    """An event with a fitting value in each field."""
    usual: dict[str, object] = {
        "float": 1.5,
        "int": 3,
        "bool": True,
        "str": "text",
        "float | None": 2.5,
        "int | None": 3,
    }
    values = {field.name: usual[str(field.type)] for field in dataclasses.fields(kind)}
    values |= {name: str(KEY) for name in ("job",) if name in values and kind is not events.MachineGone}
    return kind(**(values | changes))


def ended(**changes: object) -> Event:
    usual: dict[str, object] = {
        "traceparent": str(ROOT),
        "queued_at": NOW,
        "ended_at": NOW + 90.5,
        "conclusion": "success",
    }
    event: Event = example(events.JobEnded, **(usual | changes))
    return event


def launched(context: TraceContext) -> Event:
    event: Event = example(events.JobLaunched, traceparent=str(context), asked_at=NOW + 1, answered_at=NOW + 2)
    return event


@pytest.fixture
def stream() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def telemetry(stream: io.StringIO) -> Telemetry:
    return Telemetry("dev-us-east-1", "reports", stream=stream, clock=lambda: NOW)


@pytest.mark.parametrize("kind", EVENTS)
def test_every_event_is_one_line_of_json(kind: type[Any], telemetry: Telemetry, stream: io.StringIO) -> None:
    telemetry.tell(example(kind))

    text = stream.getvalue()
    line = json.loads(text)
    assert text.count("\n") == 1
    assert line["type"] == kind.__name__
    assert (
        line.items()
        >= {name: value for name, value in dataclasses.asdict(example(kind)).items() if name != "status"}.items()
    )
    assert line["level"] == SIGNALS[kind.__name__].level.value
    assert (line["stack"], line["door"]) == ("dev-us-east-1", "reports")
    assert "{" not in line["text"]


@pytest.mark.parametrize("kind", EVENTS)
def test_the_metrics_of_every_event_are_there_with_their_dimensions(kind: type[Any], telemetry: Telemetry) -> None:
    line: dict[str, Any] = telemetry.line(example(kind))

    directives = line.get("_aws", {}).get("CloudWatchMetrics", [])
    told = [metric["Name"] for directive in directives for metric in directive["Metrics"]]
    assert told == [metric.name for metric in SIGNALS[kind.__name__].metrics]
    for directive in directives:
        assert directive["Namespace"] == "SpotRunner"
        assert all(isinstance(line[metric["Name"]], int | float) for metric in directive["Metrics"])
        for dimensions in directive["Dimensions"]:
            assert "stack" in dimensions
            assert all(isinstance(line[name], str) and line[name] for name in dimensions)


def test_a_metric_is_a_field_a_difference_or_one(telemetry: Telemetry) -> None:
    line = telemetry.line(example(events.JobAccepted, received_at=NOW, accepted_at=NOW + 0.5, intake="scan"))

    assert line["JobsAccepted"] == 1
    assert line["IntakeTime"] == 0.5
    assert line["_aws"] == {
        "Timestamp": int(NOW * 1_000),
        "CloudWatchMetrics": [
            {
                "Namespace": "SpotRunner",
                "Dimensions": [["stack"], ["stack", "intake"]],
                "Metrics": [{"Name": "JobsAccepted", "Unit": "Count"}],
            },
            {
                "Namespace": "SpotRunner",
                "Dimensions": [["stack"]],
                "Metrics": [{"Name": "IntakeTime", "Unit": "Seconds"}],
            },
        ],
    }


def test_what_was_not_measured_is_left_out_and_never_zero(telemetry: Telemetry) -> None:
    unknown: dict[str, Any] = telemetry.line(example(events.JobStarted, waited_s=None))
    known: dict[str, Any] = telemetry.line(example(events.JobStarted, waited_s=0.0))

    assert "QueueTime" not in unknown
    assert "waited_s" not in unknown
    assert "_aws" not in unknown
    assert known["QueueTime"] == 0.0


def test_an_empty_dimension_is_called_unknown_and_a_number_is_a_text(telemetry: Telemetry) -> None:
    assert telemetry.line(ended(conclusion=""))["conclusion"] == "unknown"
    assert telemetry.line(example(DeliveryRefused, status=401))["status"] == "401"


def test_long_texts_are_cut_and_line_breaks_stay_inside_the_line(telemetry: Telemetry, stream: io.StringIO) -> None:
    telemetry.tell(example(events.ClaimTurnedAway, reason="two\nlines {status} " + "x" * 100_000))

    assert len(stream.getvalue()) < 3 * MAX_TEXT
    assert stream.getvalue().count("\n") == 1
    assert "{status}" in json.loads(stream.getvalue())["text"]


def test_no_event_has_room_for_a_secret() -> None:
    fields = {field.name for kind in EVENTS for field in dataclasses.fields(kind)}

    words = ("secret", "token", "jit", "key", "signature", "password", "payload", "body", "authorization")
    assert not [name for name in fields for word in words if word in name]


class Ticking:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Ticking:
    return Ticking()


@pytest.fixture
def traced(scripted: ScriptedServer, clock: Ticking, stream: io.StringIO) -> Iterator[Telemetry]:
    """Telemetry with a collector."""
    made = Telemetry("dev-us-east-1", "reports", scripted.address + "/", stream=stream, clock=clock)
    yield made
    made.close()


def spans_in(body: str) -> list[dict[str, Any]]:
    resources = json.loads(body)["resourceSpans"]
    return [span for one in resources for scope in one["scopeSpans"] for span in scope["spans"]]


def test_spans_have_the_very_ids_that_travelled(scripted: ScriptedServer, traced: Telemetry) -> None:
    scripted.play(Play(200, "{}", {"Content-Type": "application/json"}))
    child = ROOT.child()
    traced.tell(launched(child))
    traced.tell(ended())

    traced.flush()

    (seen,) = scripted.seen
    launch, job = spans_in(seen.body)
    assert (seen.method, seen.path) == ("POST", "/v1/traces")
    assert (launch["name"], launch["traceId"], launch["spanId"]) == ("launch", ROOT.trace_id, child.span_id)
    assert launch["parentSpanId"] == ROOT.span_id
    assert (job["name"], job["traceId"], job["spanId"]) == ("job", ROOT.trace_id, ROOT.span_id)
    assert not job.get("parentSpanId")
    assert int(job["startTimeUnixNano"]) == int(NOW * 1_000_000_000)
    assert int(job["endTimeUnixNano"]) == int((NOW + 90.5) * 1_000_000_000)


def test_a_span_says_what_the_event_says(scripted: ScriptedServer, traced: Telemetry) -> None:
    scripted.play(Play(200, "{}", {"Content-Type": "application/json"}))
    traced.tell(ended())

    traced.flush()

    (job,) = spans_in(scripted.seen[0].body)
    attributes = {one["key"]: one["value"] for one in job["attributes"]}
    resource = json.loads(scripted.seen[0].body)["resourceSpans"][0]["resource"]["attributes"]
    assert attributes["spotrunner.conclusion"] == {"stringValue": "success"}
    assert attributes["spotrunner.job"] == {"stringValue": "5#2"}
    assert {"key": "service.name", "value": {"stringValue": "spotrunner"}} in resource
    assert {"key": "spotrunner.stack", "value": {"stringValue": "dev-us-east-1"}} in resource


def test_an_event_without_a_valid_context_makes_no_span(scripted: ScriptedServer, traced: Telemetry) -> None:
    traced.tell(example(events.JobLaunched, traceparent=""))
    traced.tell(example(events.JobKnown))

    traced.flush()

    assert scripted.seen == []


def test_a_dead_collector_stops_nobody_and_spans_wait_for_it(
    scripted: ScriptedServer, traced: Telemetry, clock: Ticking, capsys: pytest.CaptureFixture[str]
) -> None:
    scripted.play(Play(400, "no"))
    traced.tell(ended())

    traced.flush()
    traced.flush()
    first_round = len(scripted.seen)
    clock.now += RETRY_S
    scripted.play(Play(200, "{}"))
    traced.tell(launched(ROOT.child()))
    traced.flush()

    assert (first_round, len(scripted.seen)) == (1, 2)
    assert [span["name"] for span in spans_in(scripted.seen[1].body)] == ["job", "launch"]
    assert capsys.readouterr() == ("", "")


def test_a_job_of_an_odd_name_stops_nobody(scripted: ScriptedServer, traced: Telemetry) -> None:
    scripted.play(Play(200, "{}"))
    traced.tell(example(events.JobLaunched, job="odd", traceparent=str(ROOT.child())))

    traced.flush()

    (span,) = spans_in(scripted.seen[0].body)
    assert not span.get("parentSpanId")


def test_an_address_that_is_none_stops_nobody(stream: io.StringIO, closed_address: str) -> None:
    for address in ("nonsense", closed_address):
        telemetry = Telemetry("dev", "claim", address, stream=stream)
        telemetry.tell(ended())

        telemetry.flush()

        telemetry.close()
    assert stream.getvalue().count("\n") == 2


def test_opentelemetry_is_not_loaded_where_no_collector_is_set() -> None:
    program = (
        "import io, sys\n"
        "from controller.adapters.telemetry import Telemetry\n"
        "from controller.domain.events import JobKnown\n"
        "telemetry = Telemetry('dev', 'webhook', stream=io.StringIO())\n"
        "telemetry.tell(JobKnown('1#1', 'octo/hello', 'webhook'))\n"
        "telemetry.flush()\n"
        "print([name for name in sys.modules if name.startswith('opentelemetry')])\n"
    )

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=120)

    assert done.stdout.strip() == "[]"
