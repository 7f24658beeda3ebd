"""Row 38 of the table of failures: an agent that is stuck."""

from __future__ import annotations

import re
import threading
from pathlib import Path

import pytest

from runner_agent.commands import units
from runner_agent.contract.bundle import Limits
from runner_agent.contract.reports import Result
from runner_agent.lifecycle.inbox import LONGEST_WAIT_S, Inbox
from runner_agent.vitals import Vitals
from runner_agent.watch import Stop, View, decide
from tests.runner_agent.stage import until
from tests.runner_agent.world import RUN, World, done


def test_row_38_only_the_thread_that_decides_says_that_the_agent_is_alive(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    pings: list[int] = []
    looks: list[int] = []
    stuck, freed = threading.Event(), threading.Event()

    def deciding(view: View, limits: Limits, now: float) -> Stop | None:
        if world.kinds and not freed.is_set():
            stuck.set()
            freed.wait()
        return decide(view, limits, now)

    def look(_: Path) -> Vitals:
        looks.append(1)
        return Vitals()

    monkeypatch.setattr("runner_agent.lifecycle.session.decide", deciding)
    world.inbox = Inbox(lambda: pings.append(1))
    world.look = look
    folder = world.bake([*RUN, {"until": "go"}, *done()])
    world.grant()

    world.start()
    until(stuck.is_set)
    before, seen = len(pings), len(looks)
    until(lambda: len(looks) > seen + 10)
    while_stuck = len(pings)
    freed.set()
    (folder / "go").touch()
    world.end()

    assert while_stuck == before
    assert len(pings) > before
    assert world.last.result is Result.SUCCESS


def test_row_38_the_word_comes_often_enough_where_nothing_happens() -> None:
    (patience,) = re.findall(r"WatchdogSec=(\d+)", Path(units.__file__).read_text("utf-8"))

    assert int(patience) > LONGEST_WAIT_S * 3
