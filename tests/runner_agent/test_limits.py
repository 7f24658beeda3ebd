from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner_agent.contract.bundle import Limits
from runner_agent.limits import ending, stop_time


@pytest.mark.parametrize(
    ("left", "expected"),
    [
        (120.0, (75.0, 100.0, 112.0)),
        (60.0, (15.0, 40.0, 52.0)),
        (30.0, (0.0, 22.0, 22.0)),
        (5.0, (0.0, 0.0, 0.0)),
        (-10.0, (0.0, 0.0, 0.0)),
    ],
)
def test_the_last_two_minutes_are_divided(left: float, expected: tuple[float, ...]) -> None:
    last = ending(left, Limits(), 0.0)

    assert (last.stop_at, last.kill_at, last.off_at) == pytest.approx(expected)


@given(st.floats(0, 1e6), st.floats(0, 1e6), st.floats(0.1, 300))
def test_stop_comes_before_kill_and_kill_before_off(taken_at: float, now: float, margin: float) -> None:
    plan = ending(taken_at, Limits(notice_margin_s=margin), now)

    assert now <= plan.stop_at <= plan.kill_at <= plan.off_at


def test_a_runner_without_a_job_gets_little_time_to_stop() -> None:
    assert stop_time(Limits(), busy=True) == 60.0
    assert stop_time(Limits(), busy=False) == 10.0
    assert stop_time(Limits(stop_s=1.0), busy=False) == 1.0
