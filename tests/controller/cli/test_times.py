from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.cli import times


@pytest.mark.parametrize(
    ("seconds", "words", "short"),
    [
        (0.04, "0.0 s", "0.0s"),
        (4.12, "4.1 s", "4.1s"),
        (59.9, "59 s", "59s"),
        (130.0, "2 min 10 s", "2m10s"),
        (3600.0, "1 h", "1h"),
        (11_100.0, "3 h 5 min", "3h5m"),
        (187_200.0, "2 d 4 h", "2d4h"),
        (-1.0, "0.0 s", "0.0s"),
        (None, "unknown", "unknown"),
        (float("nan"), "unknown", "unknown"),
    ],
)
def test_a_span_is_told_in_its_two_largest_units(seconds: float | None, words: str, short: str) -> None:
    assert times.span(seconds) == words
    assert times.brief(seconds) == short


@pytest.mark.parametrize(
    ("amount", "words"), [(12.345, "$12.35"), (0.5, "$0.50"), (0.0123, "$0.012"), (4.6e-5, "$0.000046"), (0, "$0.00")]
)
def test_small_amounts_keep_two_figures(amount: float, words: str) -> None:
    assert times.dollars(amount) == words


def test_what_is_no_time_is_unknown_and_so_is_a_span_from_it() -> None:
    assert times.day(0.0) == times.day(None) == times.clock(1e30) == "unknown"
    assert times.since(0.0, 5.0) is None
    assert times.since(2.0, 5.0) == 3.0


@given(st.floats() | st.none())
def test_every_number_has_words(number: float | None) -> None:
    assert all(shown(number) for shown in (times.span, times.brief, times.day, times.clock, times.dollars))
