"""Row 38 of the table of failures: an agent that is stuck."""

from __future__ import annotations

import re
import threading
import time
import traceback
from pathlib import Path

import pytest

from runner_agent.commands import units
from runner_agent.contract.bundle import Limits, RunnerPackage
from runner_agent.contract.reports import Result
from runner_agent.lifecycle.inbox import LONGEST_WAIT_S, Inbox
from runner_agent.vitals import Vitals
from runner_agent.watch import Stop, View, decide
from tests.runner_agent import runners
from tests.runner_agent.stage import Served, until
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


def test_row_38_whoever_waits_for_an_answer_is_alive_but_not_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("runner_agent.lifecycle.inbox.LONGEST_WAIT_S", 0.005)
    pings: list[float] = []
    inbox = Inbox(lambda: pings.append(time.monotonic()))
    limit_s = silence_s = 0.2

    def answer() -> str:
        # It comes only after the waiting has long gone without a sign of life.
        until(lambda: len(pings) > 5 and time.monotonic() > pings[-1] + silence_s)
        return "here"

    found = inbox.during(answer, limit_s)

    assert found == "here"
    # The first sign comes after the limit was set; a busy machine may stamp the last one late, but no second.
    assert sum(ping > pings[0] + limit_s for ping in pings) <= 1


def test_row_38_what_fails_while_it_is_waited_for_fails_for_whoever_waits() -> None:
    def broken() -> str:
        raise OSError("hung up")

    with pytest.raises(OSError, match="hung up"):
        Inbox(lambda: None).during(broken, 1.0)


def test_row_38_a_claim_that_is_answered_late_and_an_archive_that_is_unpacked_are_signs_of_life(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runner_agent.lifecycle.inbox.LONGEST_WAIT_S", 0.01)
    monkeypatch.setattr("runner_agent.unpack.EVERY_S", 0.0)
    where: list[str] = []
    world.inbox = Inbox(lambda: where.extend(frame.name for frame in traceback.extract_stack()))
    data, sha256 = runners.archive([*RUN, *done()])
    world.stage.files["/runner.tar.gz"] = Served(data)
    world.grant(world.bundle(package=RunnerPackage("2.336.0", sha256, (f"{world.stage.url}/runner.tar.gz",))))

    world.live()

    assert {"during", "unpack"} <= set(where)
    assert world.last.result is Result.SUCCESS


def test_row_38_the_word_comes_often_enough_where_nothing_happens() -> None:
    (patience,) = re.findall(r"WatchdogSec=(\d+)", Path(units.__file__).read_text("utf-8"))

    assert int(patience) > LONGEST_WAIT_S * 3
