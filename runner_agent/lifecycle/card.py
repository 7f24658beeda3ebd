"""What the machine itself adds to the "Set up job" step: itself, and where the time until now went."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from runner_agent.cloud import Identity
from runner_agent.contract.bundle import SetupGroup
from runner_agent.contract.trace import TraceContext

_STEPS = (
    ("boot", "launched", "agent"),
    ("claim", "claiming", "claimed"),
    ("runner", "claimed", "downloaded"),
)


def card(identity: Identity, phases: Mapping[str, float], traceparent: str) -> tuple[SetupGroup, ...]:
    """One group of lines; what is not known is left out."""
    return (SetupGroup("SpotRunner machine", "\n".join(_lines(identity, phases, traceparent))),)


def _lines(identity: Identity, phases: Mapping[str, float], traceparent: str) -> Iterator[str]:
    where = " in ".join(part for part in (identity.instance_type, identity.zone) if part)
    yield " ".join(part for part in (identity.instance_id, where, identity.image) if part)
    times = ", ".join(_times(phases))
    if times:
        yield f"Before this job: {times}"
    trace = TraceContext.parse(traceparent)
    if trace:
        yield f"Trace: {trace.trace_id}"


def _times(phases: Mapping[str, float]) -> Iterator[str]:
    for name, start, end in _STEPS:
        begun, over = phases.get(start), phases.get(end)
        if begun is not None and over is not None and over >= begun:
            yield f"{name} {over - begun:.1f} s"
