"""Spans of the machine's life as OTLP JSON, in the trace that the controller began.

The encoding: https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from runner_agent import __version__
from runner_agent.contract.record import Record, field
from runner_agent.contract.trace import TraceContext
from runner_agent.web import Request, Unreachable, exchange

_INTERNAL = 1
Attribute = str | int | float | bool


class Span(Record):
    """One piece of the machine's life, between two real moments in seconds since the epoch."""

    name: str
    start: float
    end: float
    span_id: str
    trace: TraceContext
    """The trace, at this span's parent."""
    attributes: Mapping[str, Attribute] = field(default_factory=dict)


class Spans:
    """Collects spans of the trace that the controller began; without one there are none."""

    def __init__(self) -> None:
        self._parent: TraceContext | None = None
        self._done: list[Span] = []

    def join(self, traceparent: str) -> None:
        """Continue a trace; a header that cannot be read starts none."""
        self._parent = TraceContext.parse(traceparent)

    def ahead(self) -> TraceContext | None:
        """The context of a span that ends later, for others to continue already now."""
        return self._parent.child() if self._parent else None

    def add(
        self,
        name: str,
        start: float,
        end: float,
        *,
        context: TraceContext | None = None,
        attributes: Mapping[str, Attribute] | None = None,
    ) -> None:
        """Record a piece of life that is over."""
        if self._parent is None:
            return
        span_id = (context or self._parent.child()).span_id
        self._done.append(Span(name, start, max(start, end), span_id, self._parent, attributes or {}))

    def document(self, resource: Mapping[str, Attribute]) -> dict[str, object]:
        """All spans as one OTLP request."""
        scope = {"name": "spotrunner.agent", "version": __version__}
        spans = [_span(span) for span in self._done]
        whole = {"resource": {"attributes": _attributes(resource)}, "scopeSpans": [{"scope": scope, "spans": spans}]}
        return {"resourceSpans": [whole]}


def export(document: Mapping[str, object], endpoint: str, timeout: float) -> None:
    """Post spans to an OTLP/HTTP collector; raises `Unreachable` when it did not take them."""
    url = endpoint.rstrip("/") + "/v1/traces"
    body = json.dumps(document, separators=(",", ":")).encode()
    answer = exchange(Request("POST", url, {"Content-Type": "application/json"}, body), timeout)
    if not answer.ok:
        raise Unreachable(f"{url}: status {answer.status}")


def _span(span: Span) -> dict[str, object]:
    return {
        "traceId": span.trace.trace_id,
        "spanId": span.span_id,
        "parentSpanId": span.trace.span_id,
        "name": span.name,
        "kind": _INTERNAL,
        "startTimeUnixNano": str(round(span.start * 1e9)),
        "endTimeUnixNano": str(round(span.end * 1e9)),
        "attributes": _attributes(span.attributes),
        "status": {},
    }


def _attributes(values: Mapping[str, Attribute]) -> list[dict[str, object]]:
    return [{"key": name, "value": _value(value)} for name, value in values.items()]


def _value(value: Attribute) -> dict[str, object]:
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int):
        return {"intValue": str(value)}
    if isinstance(value, float):
        return {"doubleValue": value}
    return {"stringValue": value}
