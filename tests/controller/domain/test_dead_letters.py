from __future__ import annotations

import pytest

from controller.domain.dead_letters import WAITS_S, DeadLetter, Drop, Park, SendBack, fate
from tests.fakes import samples

NOW = samples.NOW


def letter(returns: int = 0, age_s: float = 1_000.0, text: str = '{"kind":"completed"}') -> DeadLetter:
    return DeadLetter("reports", "m-1", text, "AROA:webhook", NOW - age_s, returns)


def test_a_first_time_is_no_time_to_wait() -> None:
    assert fate(letter(age_s=0.0), NOW) == SendBack(letter(age_s=0.0), "return 1 of 4")


@pytest.mark.parametrize("returns", range(1, len(WAITS_S)))
def test_it_rests_longer_each_time(returns: int) -> None:
    assert WAITS_S[returns] > WAITS_S[returns - 1]
    assert fate(letter(returns, WAITS_S[returns] - 1), NOW) is None
    assert isinstance(fate(letter(returns, WAITS_S[returns]), NOW), SendBack)


def test_after_its_last_chance_it_is_parked_with_the_reason() -> None:
    found = fate(letter(returns=len(WAITS_S)), NOW)

    assert isinstance(found, Park)
    assert found.reason == "it failed after each of 4 returns"


def test_what_nobody_can_read_is_parked_at_once() -> None:
    assert fate(letter(text="{"), NOW, "message: not JSON") == Park(letter(text="{"), "message: not JSON")


@pytest.mark.parametrize("kind", ["wake", "chore"])
def test_a_command_that_comes_from_a_schedule_anyway_is_dropped(kind: str) -> None:
    assert isinstance(fate(letter(text=f'{{"kind":"{kind}"}}'), NOW), Drop)


@pytest.mark.parametrize("text", ["[]", "null", '{"detail":{}}'])
def test_a_message_in_others_words_is_sent_back_too(text: str) -> None:
    assert isinstance(fate(letter(text=text), NOW), SendBack)


def test_its_text_is_not_shown() -> None:
    assert "completed" not in repr(letter())
