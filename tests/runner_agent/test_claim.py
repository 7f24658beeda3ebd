from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner_agent.aws import Signer
from runner_agent.claim import SLOWEST_PAUSE_S, Refused, Time, ask, backoff, read, request, spread
from runner_agent.contract import wire
from runner_agent.contract.bundle import LONGEST_WAIT_S, Bundle, Claim, Targets, Wait
from runner_agent.contract.record import replace
from runner_agent.contract.sigv4 import Credentials
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


WAIT = Wait("i-1", again_s=5.0, most_s=3_600.0, targets=Targets("eu-west-1", ""))


def test_to_wait_is_no_end_of_the_claim() -> None:
    assert read(answer(202, wire.dumps(WAIT))) == WAIT


def test_an_answer_that_means_nothing_ends_it() -> None:
    settled = read(answer(202, "{}"))

    assert isinstance(settled, Refused)
    assert settled.status == 202


@given(st.floats(0.1, 600))
def test_machines_that_came_up_together_do_not_ask_together(seconds: float) -> None:
    assert 0.75 * seconds <= spread(seconds) <= 1.25 * seconds


class Played:
    """A clock that moves by pausing, and a controller that answers by it."""

    def __init__(self, answers: Callable[[float], Answer]) -> None:
        self.now, self.asked, self.idle = 0.0, 0, 0
        self._answers = answers

    def ask(self, deadline: float) -> Bundle | Refused:
        signer = Signer("eu-west-1", lambda: Credentials("a", "b"))
        time = Time(lambda: self.now, self._pause, lambda _work, _most_s: self._answer(), self._note)
        return ask(Claim("1"), "https://c.example/claim", signer, time, deadline, lambda _event, **_facts: None)

    def _pause(self, seconds: float) -> None:
        self.now += seconds

    def _answer(self) -> Answer:
        self.asked += 1
        return self._answers(self.now)

    def _note(self, _wait: Wait) -> None:
        self.idle += 1


def waiting(**changes: Any) -> Answer:  # noqa: ANN401 - fields of the answer
    return answer(202, wire.dumps(replace(WAIT, **changes)))


def test_a_spare_asks_every_few_seconds_for_as_long_as_it_is_wanted() -> None:
    played = Played(lambda now: waiting(most_s=max(0.0, 3_600.0 - now)))

    settled = played.ask(180.0)

    assert settled == Refused("no work came in time")
    assert 3_600 <= played.now <= 3_600 + 180
    assert 3_600 / 6.5 < played.asked < 3_800 / 3.5
    assert played.idle == played.asked


def test_no_machine_waits_for_ever_whatever_it_is_told() -> None:
    played = Played(lambda _now: waiting(most_s=1e9, again_s=60.0))

    played.ask(180.0)

    assert played.now <= LONGEST_WAIT_S + 180.0


def test_a_controller_that_falls_silent_has_as_long_as_for_its_first_answer() -> None:
    played = Played(lambda now: waiting() if now < 600 else answer(503))

    settled = played.ask(180.0)

    assert isinstance(settled, Refused)
    assert "no answer to the claim in time" in settled.reason
    assert 600 <= played.now <= 600 + 7 + 180


def test_trouble_on_the_way_is_not_the_end_of_waiting() -> None:
    bundle = Stage(url="http://127.0.0.1:1").bundle(jit_config())

    def answers(now: float) -> Answer:
        if now < 600:
            return answer(429, **{"retry-after": "9"}) if now % 300 < 100 else waiting()
        return answer(200, wire.dumps(bundle))

    assert Played(answers).ask(180.0) == bundle


def test_a_spare_that_is_told_to_go_asks_no_more() -> None:
    told_to_go = answer(410, '{"error":"the pool was made smaller"}')

    settled = Played(lambda now: waiting() if now < 60 else told_to_go).ask(9.0)

    assert settled == Refused("the claim was refused with 410: the pool was made smaller", 410)


def test_the_claim_says_nothing_about_who_it_is_from() -> None:
    sent = request(Claim("0.1.0", "launch-1"), "https://claims.example/claim")

    assert isinstance(sent.body, bytes)
    assert wire.loads(Claim, sent.body) == Claim("0.1.0", "launch-1")
    assert "Authorization" not in sent.headers
