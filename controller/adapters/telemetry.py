"""The use cases' voice: a log line for each event, with its metrics embedded, and its span kept for the flush.

The metrics ride in the log line (CloudWatch's embedded metric format), so telling costs no call.
"""

from __future__ import annotations

import dataclasses
import json
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TextIO

from controller.domain.job_key import JobKey
from controller.signals import NAMESPACE, SIGNALS, Metric, Span
from runner_agent.contract.trace import TraceContext

if TYPE_CHECKING:
    from controller.domain.events import Event

MAX_TEXT = 2_000
"""Longer texts in an event are cut: one answer of a stranger must not fill the log."""

MAX_SPANS = 500
RETRY_S = 15.0
"""After a failed export the next one waits, so that a dead collector does not slow every invocation."""

_UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class SpanRecord:
    """A finished span with the ids it must have; no parent means that it is the job's own."""

    name: str
    context: TraceContext
    parent: TraceContext | None
    start: float
    end: float
    attributes: Mapping[str, str | int | float | bool]


class Exporter(Protocol):
    """Where spans go."""

    def send(self, spans: list[SpanRecord]) -> bool:
        """Whether the spans have arrived."""

    def close(self) -> None:
        """Close the connections."""


class Telemetry:
    """`tell` for the use cases; the door calls `flush` at the end of each invocation."""

    def __init__(
        self,
        stack: str,
        door: str,
        otlp_endpoint: str = "",
        stream: TextIO | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._where = {"stack": stack, "door": door}
        self._stream = stream or sys.stdout
        self._clock = clock
        self._endpoint = otlp_endpoint
        self._exporter: Exporter | None = None
        self._spans: list[SpanRecord] = []
        self._quiet_until = 0.0
        self._lock = threading.Lock()

    def tell(self, event: Event) -> None:
        """One line for the event, with its metrics; its span waits for the flush."""
        line = json.dumps(self.line(event), separators=(",", ":")) + "\n"
        span = _span(event) if self._endpoint else None
        with self._lock:
            self._stream.write(line)
            self._stream.flush()
            if span is not None:
                self._spans = [*self._spans, span][-MAX_SPANS:]

    def line(self, event: Event) -> dict[str, object]:
        """What is written for an event."""
        signal = SIGNALS[type(event).__name__]
        fields = _fields(event)
        line: dict[str, object] = {
            "level": signal.level.value,
            "type": type(event).__name__,
            "text": signal.text.format(**fields),
            **self._where,
            **{name: value for name, value in fields.items() if value is not None},
        }
        values = {metric.name: _value(metric, fields) for metric in signal.metrics}
        told = [metric for metric in signal.metrics if values[metric.name] is not None]
        if told:
            # A dimension must be a text that is not empty.
            line |= {name: str(line.get(name) or _UNKNOWN) for metric in told for name in metric.by}
            line |= {metric.name: values[metric.name] for metric in told}
            line["_aws"] = {
                "Timestamp": int(self._clock() * 1_000),
                "CloudWatchMetrics": [_directive(metric) for metric in told],
            }
        return line

    def flush(self) -> None:
        """Send the spans in one request; whatever happens, the caller goes on."""
        if not self._endpoint:
            return
        with self._lock:
            if self._clock() < self._quiet_until or not self._spans:
                return
            spans, self._spans = self._spans, []
        if not self._sent(spans):
            with self._lock:
                self._quiet_until = self._clock() + RETRY_S
                self._spans = [*spans, *self._spans][-MAX_SPANS:]

    def close(self) -> None:
        """Close what the flushes have opened."""
        if self._exporter is not None:
            self._exporter.close()

    def _sent(self, spans: list[SpanRecord]) -> bool:
        try:
            if self._exporter is None:
                # Loading OpenTelemetry takes longer than most invocations: only where spans have a place to go.
                from controller.adapters.spans import OtlpExporter  # noqa: PLC0415 - see above

                self._exporter = OtlpExporter(self._endpoint, self._where)
            return self._exporter.send(spans)
        except Exception:  # noqa: BLE001 - telling must never be what fails a job
            return False


def _fields(event: Event) -> dict[str, object]:
    pairs = ((field.name, getattr(event, field.name)) for field in dataclasses.fields(event))
    return {name: value[:MAX_TEXT] if isinstance(value, str) else value for name, value in pairs}


def _value(metric: Metric, fields: Mapping[str, object]) -> float | None:
    """The metric's number; what is not known is left out, never zero."""
    if not metric.field:
        return 1
    value = fields[metric.field]
    if not metric.since:
        return value if isinstance(value, int | float) else None
    since = fields[metric.since]
    return value - since if isinstance(value, int | float) and isinstance(since, int | float) else None


def _directive(metric: Metric) -> dict[str, object]:
    # The stack's total, and where the metric is cut, each part: an alarm can not add up parts.
    dimensions = [["stack"], ["stack", *metric.by]] if metric.by else [["stack"]]
    return {
        "Namespace": NAMESPACE,
        "Dimensions": dimensions,
        "Metrics": [{"Name": metric.name, "Unit": metric.unit.value}],
    }


def _span(event: Event) -> SpanRecord | None:
    signal = SIGNALS[type(event).__name__].span
    if signal is None:
        return None
    fields = _fields(event)
    context = TraceContext.parse(str(fields.get("traceparent", "")))
    start, end = fields[signal.start], fields[signal.end]
    if context is None or not isinstance(start, int | float) or not isinstance(end, int | float):
        return None
    parent = None if signal.root else _root(fields)
    return SpanRecord(signal.name, context, parent, start, max(start, end), _attributes(signal, fields))


def _root(fields: Mapping[str, object]) -> TraceContext | None:
    """The job's own span, by the event's job."""
    try:
        key = JobKey.parse(str(fields.get("job")))
    except ValueError:
        return None
    return TraceContext.of_job(key.job_id, key.attempt, key.server)


def _attributes(signal: Span, fields: Mapping[str, object]) -> dict[str, str | int | float | bool]:
    apart = {"traceparent", signal.start, signal.end}
    return {
        f"spotrunner.{name}": value
        for name, value in fields.items()
        if name not in apart and isinstance(value, str | int | float | bool) and value != ""
    }
