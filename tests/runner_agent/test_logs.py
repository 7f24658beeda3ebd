from __future__ import annotations

import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner_agent.contract.reports import Report, ReportKind
from runner_agent.logs import HIDDEN, Log, Redactor
from tests.runner_agent.runners import JIT_SECRET, jit_config

SECRETS = st.text(st.characters(codec="utf-8"), min_size=8, max_size=40).filter(lambda s: len(s.strip()) >= 8)


def logged(redactor: Redactor, **facts: object) -> str:
    sink = io.StringIO()
    Log(redactor, sink)("event", **facts)
    return sink.getvalue()


@given(SECRETS, st.text(), st.text())
def test_row_44_a_secret_never_reaches_the_log(secret: str, before: str, after: str) -> None:
    redactor = Redactor()
    redactor.learn([secret])

    text = redactor.text(before + secret + after)

    assert secret not in text or secret in HIDDEN * 3


@given(SECRETS)
def test_row_44_nor_does_its_form_inside_json(secret: str) -> None:
    redactor = Redactor()
    redactor.learn([secret])

    text = logged(redactor, inner=json.dumps({"a": secret}), deep={"list": [secret]})

    assert secret not in text
    assert json.dumps(secret)[1:-1] not in text
    assert json.loads(text)["deep"] == {"list": [HIDDEN]}


def test_row_44_a_jit_config_is_hidden_with_all_its_parts() -> None:
    redactor = Redactor()
    redactor.learn_jit(jit_config())

    text = logged(redactor, whole=jit_config(), part=f"d={JIT_SECRET}", error=ValueError(jit_config()))

    assert "canary" not in text
    assert jit_config()[:40] not in text


@pytest.mark.parametrize(
    "text",
    [
        "ghs_16C7e42F292c6912E7710c838347Ae178B4a",
        "github_pat_11AAAAAAA0abcdefghijkl_mnopqrstuvwxyz",
        "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiIxMjM0In0.c2lnbmF0dXJl",
        "https://x.example/?X-Amz-Signature=0123456789abcdef&b=c",
        "Authorization: Bearer abcdefghijklmnop",
    ],
)
def test_row_44_other_peoples_secrets_are_known_by_their_shape(text: str) -> None:
    assert HIDDEN in Redactor().text(f"a {text} b")


def test_a_report_is_cleaned_as_a_whole() -> None:
    redactor = Redactor()
    redactor.learn(["very-secret"])
    report = Report(ReportKind.FINISHED, "i-1", 1, 1.5, "sr-1", job_name="very-secret", last_lines=("a very-secret b",))

    cleaned = redactor.record(report)

    assert (cleaned.job_name, cleaned.last_lines) == (HIDDEN, (f"a {HIDDEN} b",))
    assert (cleaned.kind, cleaned.sequence, cleaned.at) == (report.kind, 1, 1.5)


def test_every_line_is_one_json_object_with_a_time() -> None:
    line = json.loads(logged(Redactor(), text="two\nlines", number=1, nothing=None, kind=ReportKind.STARTED))

    assert line.pop("at") > 0
    assert line == {"event": "event", "text": "two\nlines", "number": 1, "nothing": None, "kind": "started"}


def test_a_log_that_cannot_be_written_is_no_reason_to_stop() -> None:
    sink = io.StringIO()
    sink.close()

    Log(Redactor(), sink)("event")
