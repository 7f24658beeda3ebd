from __future__ import annotations

import pytest

from runner_agent.contract.trace import TraceContext
from runner_agent.telemetry.spans import Spans, export
from runner_agent.web import Unreachable
from tests.runner_agent.stage import Stage

PARENT = TraceContext.of_job(1, 1)


def test_a_span_is_encoded_as_otlp_json_wants_it(stage: Stage) -> None:
    spans = Spans()
    spans.join(str(PARENT))
    job = spans.ahead()

    spans.add("job", 1.5, 2.25, context=job, attributes={"name": "build", "code": 100, "share": 0.5, "spot": True})
    export(spans.document({"host.id": "i-1"}), f"{stage.url}/otlp", 5.0)

    resource = stage.traces[0]["resourceSpans"][0]
    assert resource["resource"]["attributes"] == [{"key": "host.id", "value": {"stringValue": "i-1"}}]
    span = stage.spans["job"]
    assert job is not None
    assert (span["traceId"], span["parentSpanId"], span["spanId"]) == (PARENT.trace_id, PARENT.span_id, job.span_id)
    assert (span["startTimeUnixNano"], span["endTimeUnixNano"]) == ("1500000000", "2250000000")
    assert span["attributes"] == [
        {"key": "name", "value": {"stringValue": "build"}},
        {"key": "code", "value": {"intValue": "100"}},
        {"key": "share", "value": {"doubleValue": 0.5}},
        {"key": "spot", "value": {"boolValue": True}},
    ]


def test_without_a_trace_there_are_no_spans() -> None:
    spans = Spans()
    spans.join("not a header")

    spans.add("job", 1.0, 2.0)

    assert spans.ahead() is None
    assert spans.document({})["resourceSpans"] == [
        {
            "resource": {"attributes": []},
            "scopeSpans": [{"scope": {"name": "spotrunner.agent", "version": "0.1.0"}, "spans": []}],
        }
    ]


def test_a_clock_that_was_set_back_never_makes_a_span_end_before_it_began(stage: Stage) -> None:
    spans = Spans()
    spans.join(str(PARENT))

    spans.add("boot", 10.0, 5.0)
    export(spans.document({}), f"{stage.url}/otlp/", 5.0)

    assert stage.spans["boot"]["endTimeUnixNano"] == stage.spans["boot"]["startTimeUnixNano"]


def test_a_collector_that_refuses_is_an_error(stage: Stage) -> None:
    with pytest.raises(Unreachable, match="status 404"):
        export({}, f"{stage.url}/elsewhere", 5.0)
