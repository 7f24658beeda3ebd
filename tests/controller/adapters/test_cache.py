from __future__ import annotations

import pytest

from controller.adapters.cache import MAX_ENTRIES, RETRY_S, Kept
from controller.errors import Unavailable


class Source:
    """Counts what it is asked, and can be away."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.away = False

    def __call__(self, name: str) -> str | None:
        self.asked.append(name)
        if self.away:
            raise Unavailable("the source is away")
        return None if name == "nothing" else f"{name}/{len(self.asked)}"


def test_an_answer_is_asked_for_once_in_its_time() -> None:
    kept = Kept(source := Source(), ttl_s=10)

    answers = [kept.get("a", now) for now in (0.0, 9.9, 10.0)]

    assert answers == ["a/1", "a/1", "a/2"]
    assert source.asked == ["a", "a"]


def test_that_there_is_nothing_is_an_answer_too() -> None:
    kept = Kept(source := Source(), ttl_s=10)

    assert [kept.get("nothing", 0.0), kept.get("nothing", 5.0)] == [None, None]
    assert source.asked == ["nothing"]


def test_a_fresh_answer_replaces_the_kept_one() -> None:
    kept = Kept(Source(), ttl_s=10)
    kept.get("a", 0.0)

    assert kept.get("a", 1.0, fresh=True) == "a/2"
    assert kept.get("a", 2.0) == "a/2"


def test_while_the_source_is_away_the_old_answer_serves_and_the_source_is_spared() -> None:
    kept = Kept(source := Source(), ttl_s=10, grace_s=100)
    kept.get("a", 0.0)
    source.away = True

    answers = [kept.get("a", now) for now in (20.0, 20.0 + RETRY_S - 1, 20.0 + RETRY_S)]

    assert answers == ["a/1"] * 3
    assert len(source.asked) == 3


def test_an_answer_past_its_grace_is_not_used() -> None:
    kept = Kept(source := Source(), ttl_s=10, grace_s=20)
    kept.get("a", 0.0)
    source.away = True

    with pytest.raises(Unavailable):
        kept.get("a", 30.0)


def test_names_from_outside_do_not_fill_the_memory() -> None:
    kept = Kept(source := Source(), ttl_s=10)

    for n in range(MAX_ENTRIES + 1):
        kept.get(str(n), 0.0)

    kept.get(str(MAX_ENTRIES), 0.0)
    kept.get("0", 0.0)
    assert source.asked[-2:] == [str(MAX_ENTRIES), "0"]
