"""What machines ship can be read in files while they run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from controller.local.aws.calls import Call
from controller.local.aws.logs import Logs
from controller.local.aws.principals import Principal, PrincipalKind
from controller.local.aws.web import Reply, Request, typed

SESSION = Principal(PrincipalKind.SESSION, "i-1", "stack-machine-log", "i-1")


def put(stream: str, *messages: str, group: str = "/runners", action: str = "PutLogEvents") -> Call:
    events = [{"timestamp": 1, "message": message} for message in messages]
    body = json.dumps({"logGroupName": group, "logStreamName": stream, "logEvents": events}).encode()
    return Call(SESSION, "logs", "us-east-1", Request("POST", "/", {"x-amz-target": f"Logs_20140328.{action}"}, body))


def taken(_call: Call) -> Reply:
    return typed(200, "{}", "application/x-amz-json-1.1")


def refused(_call: Call) -> Reply:
    return typed(400, '{"__type":"ResourceNotFoundException"}', "application/x-amz-json-1.1")


def test_each_stream_is_a_file_with_a_line_for_each_event(tmp_path: Path) -> None:
    logs = Logs("/runners", tmp_path / "logs", taken)

    logs.answer(put("i-1", "one", "two"))
    logs.answer(put("i-2", "other"))
    logs.answer(put("i-1", "three"))

    assert logs.file("i-1").read_text("utf-8") == "one\ntwo\nthree\n"
    assert logs.file("i-2").read_text("utf-8") == "other\n"


@pytest.mark.parametrize(
    "call", [put("i-1", "x", group="/aws/lambda/claim"), put("i-1", action="CreateLogStream")], ids=["group", "action"]
)
def test_nothing_but_the_machines_own_events_becomes_a_file(tmp_path: Path, call: Call) -> None:
    Logs("/runners", tmp_path / "logs", taken).answer(call)

    assert not (tmp_path / "logs").exists()


def test_what_the_store_has_not_taken_is_not_written(tmp_path: Path) -> None:
    answer = Logs("/runners", tmp_path / "logs", refused).answer(put("i-1", "x"))

    assert answer.status == 400
    assert not (tmp_path / "logs").exists()


def test_a_streams_name_leads_nowhere_else(tmp_path: Path) -> None:
    logs = Logs("/runners", tmp_path / "logs", taken)

    assert logs.file("../../etc/passwd").parent == tmp_path / "logs"
