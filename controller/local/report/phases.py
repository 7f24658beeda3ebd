"""The phases of each job's life, read from the spans that the platform and its machines wrote."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

_AGENT = "spotrunner-agent"
_ROOT = "job"


class Actor(StrEnum):
    """Whose work a phase is."""

    PLATFORM = "platform"
    MACHINE = "machine"


@dataclass(frozen=True, slots=True)
class Phase:
    """One span of a job's trace. Times are seconds since the epoch."""

    trace_id: str
    name: str
    actor: Actor
    start: float
    end: float
    instance_id: str = ""
    """The machine that told it; empty for what the controller did."""


def read(file: Path) -> list[Phase]:
    """Every phase in a file of OTLP JSON lines; none where there is no file, and a torn line is passed over."""
    if not file.exists():
        return []
    return list(phases(_documents(file.read_text(errors="replace").splitlines())))


def _documents(lines: Iterable[str]) -> Iterator[Mapping[str, Any]]:
    for line in lines:
        try:
            document = json.loads(line)
        except json.JSONDecodeError:  # whoever wrote it was killed in the middle, as machines are
            continue
        if isinstance(document, dict):
            yield document


def phases(documents: Iterable[Mapping[str, Any]]) -> Iterator[Phase]:
    """The phases of OTLP documents, without the jobs' own run: that is GitHub's to tell."""
    for document in documents:
        for resource in document.get("resourceSpans", ()):
            facts = _attributes(resource.get("resource", {}))
            for scope in resource.get("scopeSpans", ()):
                yield from (_phase(span, facts) for span in scope.get("spans", ()) if span["name"] != _ROOT)


def _phase(span: Mapping[str, Any], facts: Mapping[str, Any]) -> Phase:
    told_by_agent = facts.get("service.name") == _AGENT
    # A machine's claim is its wait for the controller's answer.
    own_work = told_by_agent and span["name"] != "claim"
    return Phase(
        trace_id=span["traceId"],
        name=str(span["name"]),
        actor=Actor.MACHINE if own_work else Actor.PLATFORM,
        start=int(span["startTimeUnixNano"]) / 1e9,
        end=int(span["endTimeUnixNano"]) / 1e9,
        instance_id=str(facts.get("host.id", "")) if told_by_agent else "",
    )


def _attributes(holder: Mapping[str, Any]) -> dict[str, Any]:
    return {each["key"]: next(iter(each["value"].values()), "") for each in holder.get("attributes", ())}
