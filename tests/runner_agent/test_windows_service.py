from __future__ import annotations

from collections.abc import Callable

import pytest

from runner_agent import windows_service
from runner_agent.commands import service
from runner_agent.windows_service import (
    ACCEPTS_STOP_AND_PRESHUTDOWN,
    CONTROL_PRESHUTDOWN,
    CONTROL_STOP,
    RUNNING,
    STOP_PENDING,
    STOPPED,
    ServiceApi,
    serve,
)


class Recorder(ServiceApi):
    """A service manager that says one word while the service lives."""

    def __init__(self, word: int) -> None:
        self.word = word
        self.told: list[tuple[int, int]] = []
        self.answer = -1
        self._control: Callable[[int], int] = lambda _: -1

    def dispatch(self, main: Callable[[], None]) -> None:
        main()

    def register(self, control: Callable[[int], int]) -> int:
        self._control = control
        return 7

    def report(self, handle: int, state: int, accepts: int, wait_ms: int) -> None:  # noqa: ARG002 - as the real one
        assert handle == 7
        self.told.append((state, accepts))

    def speak(self) -> None:
        self.answer = self._control(self.word)


@pytest.mark.parametrize("word", [CONTROL_STOP, CONTROL_PRESHUTDOWN])
def test_a_stop_and_the_coming_shutdown_are_told_to_the_life(word: int) -> None:
    manager, told = Recorder(word), []

    serve(manager.speak, lambda: told.append("shutdown"), manager)

    assert told == ["shutdown"]
    assert manager.answer == 0
    assert manager.told == [(RUNNING, ACCEPTS_STOP_AND_PRESHUTDOWN), (STOP_PENDING, 0), (STOPPED, 0)]


def test_what_the_service_did_not_ask_for_is_declined() -> None:
    manager, told = Recorder(2), []

    serve(manager.speak, lambda: told.append("shutdown"), manager)

    assert (told, manager.answer) == ([], 120)


def test_a_life_that_fails_is_reported_as_stopped() -> None:
    manager = Recorder(0)

    def fail() -> None:
        raise RuntimeError("x")

    with pytest.raises(RuntimeError):
        serve(fail, fail, manager)

    assert manager.told[-1] == (STOPPED, 0)


def test_a_service_is_known_by_one_name() -> None:
    assert service.SERVICE == windows_service.NAME
