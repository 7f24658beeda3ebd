from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner_agent.claim import SLOWEST_PAUSE_S, Refused, backoff, read, request
from runner_agent.contract import wire
from runner_agent.contract.bundle import Bundle, Claim
from runner_agent.web import Answer
from tests.runner_agent.runners import jit_config
from tests.runner_agent.stage import Stage


def answer(status: int, body: str = "", **headers: str) -> Answer:
    return Answer(status, headers, body.encode())


def test_a_bundle_settles_the_claim() -> None:
    bundle = Stage(url="http://127.0.0.1:1").bundle(jit_config())

    settled = read(answer(200, wire.dumps(bundle)))

    assert isinstance(settled, Bundle)
    assert settled == bundle


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 410])
def test_row_05_a_refusal_settles_it_with_its_reason(status: int) -> None:
    settled = read(answer(status, '{"error":"because"}'))

    assert settled == Refused(f"the claim was refused with {status}: because", status)


@pytest.mark.parametrize("body", ["", "<html>", "[]", '{"error": 1}'])
def test_a_refusal_without_a_readable_reason_is_one_all_the_same(body: str) -> None:
    settled = read(answer(403, body))

    assert settled == Refused("the claim was refused with 403: ", 403)


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_row_04_trouble_settles_nothing(status: int) -> None:
    assert read(answer(status)) is None


@given(st.integers(1, 1_000))
def test_pauses_grow_with_full_jitter_up_to_a_limit(attempt: int) -> None:
    assert 0 <= backoff(attempt, None) <= SLOWEST_PAUSE_S


def test_the_controller_can_ask_for_a_longer_pause() -> None:
    answered = Answer(429, {"retry-after": "30"}, b"")

    assert backoff(1, answered) == 30.0


def test_the_claim_says_nothing_about_who_it_is_from() -> None:
    sent = request(Claim("0.1.0", "launch-1"), "https://claims.example/claim")

    assert isinstance(sent.body, bytes)
    assert wire.loads(Claim, sent.body) == Claim("0.1.0", "launch-1")
    assert "Authorization" not in sent.headers
