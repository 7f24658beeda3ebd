"""The tree of failures, by what the caller must do."""

from __future__ import annotations

import pytest

from controller.errors import AlreadyDone, NothingToDo, Rejected, SpotRunnerError, Unavailable


@pytest.mark.parametrize("kind", [Rejected, AlreadyDone, Unavailable, NothingToDo])
def test_every_failure_on_purpose_has_one_root(kind: type[SpotRunnerError]) -> None:
    assert issubclass(kind, SpotRunnerError)


def test_the_three_kinds_are_never_mistaken_for_each_other() -> None:
    kinds: list[type[SpotRunnerError]] = [Rejected, AlreadyDone, Unavailable]

    assert [issubclass(one, other) for one in kinds for other in kinds if one is not other] == [False] * 6


def test_nothing_to_do_is_a_way_of_being_done() -> None:
    assert issubclass(NothingToDo, AlreadyDone)


def test_what_is_unavailable_may_say_when_to_come_back() -> None:
    assert Unavailable("busy").retry_after_s is None
    assert Unavailable("busy", retry_after_s=3).retry_after_s == 3
    assert str(Unavailable("busy", 3)) == "busy"
