"""What the listener says to a GitHub that is away for a while."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from controller.local.github.config import Config
from controller.local.github.job import Conclusion, Status
from controller.local.github.server import GitHub
from controller.local.github.stand_in.service import RENEW_S, ServiceError, Unreachable, renewal
from tests.controller.local.github.stage import QUICK, Clock, Runner, until, workflow

AWAY_S = 60.0
ONE_JOB = "jobs: {a: {runs-on: box, steps: [{run: x}]}}"


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def github(clock: Clock) -> Iterator[GitHub]:
    with GitHub(Config(patience=QUICK), clock) as running:
        yield running


@pytest.fixture
def runner(github: GitHub, tmp_path: Path) -> Runner:
    """One that has taken its job."""
    with github._lock:
        registered = github._registry.register("r1", ("box",), "acme/shop", 1)
    taken = Runner(github._registry.jit_config(registered, "_work"), tmp_path / "r1")
    taken.connect()
    github.submit(workflow(tmp_path, ONE_JOB))
    taken.take()
    return taken


def test_the_last_word_on_a_job_is_said_until_github_is_back(github: GitHub, clock: Clock, runner: Runner) -> None:
    pauses: list[float] = []

    def rest(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 20:
            clock.forward(AWAY_S + 1)
            until(lambda: _answers(runner))

    github.restart(AWAY_S)
    runner.say_ended(rest)

    assert len(pauses) == 20
    assert max(pauses) == 2.0
    assert (github.jobs[0].status, github.jobs[0].conclusion) == (Status.COMPLETED, Conclusion.SUCCESS)


def test_a_last_word_that_github_refuses_is_not_said_again(runner: Runner) -> None:
    pauses: list[float] = []
    runner.complete()

    with pytest.raises(ServiceError):
        runner.say_ended(pauses.append)

    assert pauses == []


@pytest.mark.parametrize(("leased_s", "after_s"), [(600.0, 60.0), (15.0, 1.5), (6_000.0, 60.0)])
def test_a_lease_is_renewed_after_a_tenth_of_it_and_a_minute_at_the_latest(leased_s: float, after_s: float) -> None:
    until_then = datetime.now(UTC) + timedelta(seconds=leased_s)

    assert renewal({"lockedUntil": until_then.isoformat()}) == pytest.approx(after_s, abs=0.5)


@pytest.mark.parametrize("leased", [{}, {"lockedUntil": "soon"}, {"lockedUntil": "2026-11-21T10:00:00"}])
def test_a_lease_without_an_end_is_renewed_as_usual(leased: dict[str, object]) -> None:
    assert renewal(leased) == RENEW_S


def _answers(runner: Runner) -> bool:
    try:
        runner.renew()
    except Unreachable:
        return False
    return True
