"""The page itself: template, style, script and data in one file that opens anywhere."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from html import escape
from pathlib import Path

from controller.local.report import phases, tables
from controller.local.report.join import build
from controller.local.report.mishap import Mishap
from controller.local.report.model import Report
from controller.local.truth import CallSeen, JobSeen, MachineSeen, Summary

_HERE = Path(__file__).parent
_SLOT = re.compile(r"\{\{(\w+)\}\}")


def write(
    run_dir: Path,
    jobs: Sequence[JobSeen],
    machines: Sequence[MachineSeen],
    calls: Sequence[CallSeen],
    summary: Summary,
    mishaps: Sequence[Mishap],
) -> Path:
    """Write `report.html` into a run's directory, from what was seen and the spans that lie there."""
    seen = phases.read(run_dir / "traces.jsonl")
    report = build(jobs, machines, calls, seen, summary, mishaps)
    file = run_dir / "report.html"
    # A name may hold half of a surrogate pair, which no encoding takes.
    file.write_bytes(render(report).encode(errors="replace"))
    return file


def render(report: Report) -> str:
    """The report as one HTML document."""
    style, script = _read("page.css"), _read("page.js")
    parts = {
        "title": escape(f"SpotRunner: {report.summary.line()}"),
        "style": style,
        "script": script,
        "style_hash": _hash(style),
        "script_hash": _hash(script),
        "state": "good" if report.summary.is_good else "bad",
        "when": datetime.fromtimestamp(report.began, UTC).strftime("%d %B %Y, %H:%M UTC").lstrip("0"),
        "headline": tables.headline(report.summary),
        "line": escape(report.summary.line()),
        "faults": tables.faults(report.summary),
        "figures": tables.key_figures(report),
        "mishaps": tables.mishaps(report),
        "jobs": tables.jobs(report),
        "machines": tables.machines(report),
        "calls": tables.calls(report),
        "price_note": tables.price_note(),
        "data": _data(report),
    }
    return _fill(_read("page.html"), parts)


def _fill(template: str, parts: Mapping[str, str]) -> str:
    """Fill every slot in one pass, so that a slot inside a value stays text."""
    return _SLOT.sub(lambda slot: parts[slot[1]], template)


def _data(report: Report) -> str:
    """The report as JSON that no value can break out of: without a `<` there is no end of the script."""
    facts = {
        "length": report.length,
        "jobs": [asdict(job) for _, lanes in tables.by_workflow(report.jobs) for job in lanes],
        "machines": [asdict(machine) for machine in report.machines],
        "marks": [asdict(mark) for mark in report.marks],
    }
    dense = json.dumps(facts, separators=(",", ":"))
    return dense.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _read(name: str) -> str:
    return (_HERE / name).read_text()


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
