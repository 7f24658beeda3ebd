from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from controller.local.aws.timers import Timers
from tests.controller.local.aws.rig import eventually


@pytest.fixture
def timers() -> Iterator[Timers]:
    timers = Timers()
    timers.start()
    yield timers
    timers.stop()


def test_calls_come_in_due_order(timers: Timers) -> None:
    called: list[str] = []

    timers.after(0.1, lambda: called.append("later"))
    timers.after(0.0, lambda: called.append("now"))

    eventually(lambda: called == ["now", "later"])


def test_a_repeated_call_goes_on(timers: Timers) -> None:
    called: list[int] = []

    timers.every(0.005, lambda: called.append(1))

    eventually(lambda: len(called) >= 3)


def test_a_call_that_fails_is_logged_and_the_next_one_comes(timers: Timers, caplog: pytest.LogCaptureFixture) -> None:
    called: list[int] = []

    def broken() -> None:
        raise RuntimeError("planned")

    with caplog.at_level(logging.ERROR):
        timers.after(0.0, broken)
        timers.after(0.0, lambda: called.append(1))
        eventually(lambda: called)

    assert "a timer's call failed" in caplog.text


def test_nothing_is_called_after_the_stop(timers: Timers) -> None:
    called: list[int] = []

    timers.stop()
    timers.after(0.0, lambda: called.append(1))
    timers.stop()

    assert called == []
    assert not timers._thread.is_alive()


def test_a_callback_may_stop_its_own_timers(timers: Timers) -> None:
    timers.after(0.0, timers.stop)

    eventually(lambda: not timers._thread.is_alive())
