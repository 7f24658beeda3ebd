from __future__ import annotations

import json
from pathlib import Path

from controller.local.report import phases
from controller.local.report.phases import Actor
from tests.controller.local.report.scene import job, spans, write_spans


def test_spans_become_phases_told_by_whom_they_were_told(tmp_path: Path) -> None:
    write_spans(tmp_path, list(spans(job(1, "Lint", 0), instance_id="i-0001")))

    read = phases.read(tmp_path / "traces.jsonl")

    told = {(phase.name, phase.instance_id): phase.actor for phase in read}
    assert told["intake", ""] is Actor.PLATFORM
    assert told["boot", "i-0001"] is Actor.MACHINE
    assert told["claim", "i-0001"] is Actor.PLATFORM
    assert "job" not in {phase.name for phase in read}


def test_a_run_without_a_span_file_has_no_phases(tmp_path: Path) -> None:
    assert phases.read(tmp_path / "traces.jsonl") == []


def test_a_torn_line_costs_only_itself(tmp_path: Path) -> None:
    whole, torn = (json.dumps(each) for each in spans(job(1, "Lint", 0), instance_id="i-0001"))
    (tmp_path / "traces.jsonl").write_text(f"{whole}\n{torn[:50]}\n[]\n{whole}\n")

    read = phases.read(tmp_path / "traces.jsonl")

    assert [phase.name for phase in read] == ["intake", "launch", "claim"] * 2
