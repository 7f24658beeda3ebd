"""W3C trace context, with one trace for each job attempt whoever hears of it first.

The trace id is made from the job's own key, so the webhook, a redelivery, the scan and every
later delivery join the same trace without asking anybody. Format: https://www.w3.org/TR/trace-context/
"""

from __future__ import annotations

import hashlib
import re
import secrets

from runner_agent.contract.record import Record

_HEADER = re.compile(r"00-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-[0-9a-f]{2}")


class TraceContext(Record):
    """A position in a trace: the trace, and the span that whatever follows is a child of."""

    trace_id: str
    span_id: str

    @classmethod
    def of_job(cls, job_id: int, attempt: int, server: str = "") -> TraceContext:
        """The trace of one job attempt, at its root span (queued to completed)."""
        where = f" on {server}" if server else ""
        digest = hashlib.sha256(f"spotrunner job {job_id} attempt {attempt}{where}".encode()).hexdigest()
        return cls(digest[:32], digest[32:48])

    @classmethod
    def parse(cls, header: str) -> TraceContext | None:
        """The context of a `traceparent` header, or None where it is not a valid one."""
        match = _HEADER.fullmatch(header)
        return cls(match[1], match[2]) if match else None

    def child(self) -> TraceContext:
        """The same trace at a new span."""
        return TraceContext(self.trace_id, secrets.token_hex(8))

    def __str__(self) -> str:
        return f"00-{self.trace_id}-{self.span_id}-01"
