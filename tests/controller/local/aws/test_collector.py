from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from controller.local.aws.collector import Collector
from controller.local.aws.web import Request


def test_each_export_becomes_one_line(tmp_path: Path) -> None:
    collector = Collector(tmp_path / "traces.jsonl")
    export = b'{\n "resourceSpans": []\n}'

    plain = collector.answer(Request("POST", "/v1/traces", {}, export))
    packed = collector.answer(Request("POST", "/v1/traces", {"content-encoding": "gzip"}, gzip.compress(export)))

    assert (plain.status, packed.status, plain.body) == (200, 200, b"{}")
    lines = (tmp_path / "traces.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines] == [{"resourceSpans": []}] * 2


@pytest.mark.parametrize(("headers", "body"), [({}, b"not json"), ({"content-encoding": "gzip"}, b"{}")])
def test_what_is_no_export_is_refused_and_not_kept(tmp_path: Path, headers: dict[str, str], body: bytes) -> None:
    collector = Collector(tmp_path / "traces.jsonl")

    reply = collector.answer(Request("POST", "/v1/traces", headers, body))

    assert reply.status == 400
    assert not (tmp_path / "traces.jsonl").exists()


@pytest.mark.parametrize(("method", "target"), [("GET", "/v1/traces"), ("POST", "/v1/logs")])
def test_only_traces_are_collected(tmp_path: Path, method: str, target: str) -> None:
    reply = Collector(tmp_path / "traces.jsonl").answer(Request(method, target, {}, b"{}"))

    assert reply.status == 404
