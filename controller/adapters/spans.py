"""Finished spans to an OTLP/HTTP collector as JSON, under the very ids that travelled with the work.

Loaded only where a collector is set, and only by the telemetry adapter.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping

from opentelemetry.exporter.otlp.json.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExportResult
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, TraceFlags

from controller import __version__
from controller.adapters.telemetry import SpanRecord
from runner_agent.contract.trace import TraceContext

TIMEOUT_S = 3.0

_SCOPE = InstrumentationScope("spotrunner.controller", __version__)
_NANOSECONDS = 1_000_000_000


class OtlpExporter:
    """Sends spans to `<endpoint>/v1/traces`; `where` describes who sends them."""

    def __init__(self, endpoint: str, where: Mapping[str, str]) -> None:
        # A collector that is away is the collector's trouble; the log is for ours.
        logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)
        self._sender = OTLPSpanExporter(f"{endpoint.rstrip('/')}/v1/traces", timeout=TIMEOUT_S)
        named = {f"spotrunner.{name}": value for name, value in where.items()}
        self._resource = Resource({"service.name": "spotrunner", "service.version": __version__, **named})

    def send(self, spans: list[SpanRecord]) -> bool:
        """Whether the spans have arrived."""
        return self._sender.export([_readable(span, self._resource) for span in spans]) is SpanExportResult.SUCCESS

    def close(self) -> None:
        """Close the connections."""
        self._sender.shutdown()


def _readable(span: SpanRecord, resource: Resource) -> ReadableSpan:
    return ReadableSpan(
        span.name,
        context=_context(span.context),
        parent=None if span.parent is None else _context(span.parent),
        resource=resource,
        attributes=span.attributes,
        instrumentation_scope=_SCOPE,
        start_time=int(span.start * _NANOSECONDS),
        end_time=int(span.end * _NANOSECONDS),
    )


def _context(context: TraceContext) -> SpanContext:
    return SpanContext(
        int(context.trace_id, 16), int(context.span_id, 16), is_remote=False, trace_flags=TraceFlags(TraceFlags.SAMPLED)
    )
