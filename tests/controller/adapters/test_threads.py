"""Several pieces of work at once."""

from __future__ import annotations

import threading

import pytest

from controller.adapters.threads import AT_ONCE, each
from controller.errors import Unavailable

PATIENCE_S = 30.0


def test_what_comes_of_the_pieces_is_in_their_order() -> None:
    assert each(lambda number: number * 2, range(50)) == [number * 2 for number in range(50)]


def test_pieces_are_under_way_together() -> None:
    met = threading.Barrier(AT_ONCE, timeout=PATIENCE_S)

    places = each(lambda _: met.wait(), range(AT_ONCE))

    assert sorted(places) == list(range(AT_ONCE))


def test_one_piece_needs_no_thread() -> None:
    assert each(lambda _: threading.current_thread(), [1]) == [threading.current_thread()]
    assert each(lambda _: threading.current_thread(), []) == []


def test_an_error_of_one_piece_is_raised_when_all_have_ended() -> None:
    done: list[int] = []

    def work(number: int) -> None:
        if number == 1:
            raise Unavailable("the cloud is away")
        done.append(number)

    with pytest.raises(Unavailable, match="the cloud is away"):
        each(work, range(20))

    assert sorted(done) == [0, *range(2, 20)]
