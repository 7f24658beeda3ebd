from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner_agent.contract.bundle import Limits
from runner_agent.contract.record import replace
from runner_agent.limits import REGISTRATION_S, Ending, ending
from runner_agent.listener.lines import Heard
from runner_agent.watch import Stop, View, Why, decide, silent, wake_at

LIMITS = Limits()
FRESH = View(spawned_at=0.0, heard_at=0.0)


def seen(*moments: tuple[Heard, float]) -> View:
    view = FRESH
    for heard, at in moments:
        view = view.heard(heard, at)
    return view


IDLE = seen((Heard.LISTENING, 10.0))
TAKEN = seen((Heard.LISTENING, 10.0), (Heard.ASSIGNED, 20.0))
BUSY = seen((Heard.LISTENING, 10.0), (Heard.ASSIGNED, 20.0), (Heard.RUNNING, 25.0))
OVER = BUSY.heard(Heard.COMPLETED, 100.0)


@pytest.mark.parametrize(
    ("view", "now", "why"),
    [
        (FRESH, REGISTRATION_S - 1, None),
        (FRESH, REGISTRATION_S, Why.REGISTRATION),
        (IDLE, 99.0, None),
        (IDLE, 100.0, Why.IDLE),
        (TAKEN, 109.0, None),
        (TAKEN, 110.0, Why.ASSIGNED),
        (BUSY, 21_624.0, None),
        (BUSY, 21_625.0, Why.JOB_LIMIT),
        (OVER, 159.0, None),
        (OVER, 160.0, Why.LINGERING),
        (TAKEN.heard(Heard.SKIPPED, 21.0), 21.0, Why.GHOST),
        (FRESH.heard(Heard.CONFLICT, 3.0), 3.0, Why.CONFLICT),
        (IDLE.heard(Heard.CONFLICT, 3.0), 11.0, None),
        (replace(IDLE, rebalance=True), 11.0, Why.REBALANCE),
        (replace(TAKEN, rebalance=True), 21.0, None),
        (replace(BUSY, rebalance=True), 26.0, None),
        (replace(IDLE, ending=Ending(85.0, 110.0, 122.0)), 11.0, Why.NOTICE),
        (replace(BUSY, ending=Ending(85.0, 110.0, 122.0)), 84.0, None),
        (replace(BUSY, ending=Ending(85.0, 110.0, 122.0)), 85.0, Why.NOTICE),
        (replace(OVER, ending=Ending(85.0, 110.0, 122.0)), 101.0, None),
    ],
)
def test_a_runner_is_stopped_when_and_because(view: View, now: float, why: Why | None) -> None:
    stop = decide(view, LIMITS, now)

    assert (stop.why if stop else None) == why


def test_a_stop_under_way_is_not_begun_again() -> None:
    stopping = replace(BUSY, stopping=Stop(Why.JOB_LIMIT, "", 21_685.0))

    assert decide(stopping, LIMITS, 21_690.0) is None


def test_a_notice_shortens_a_stop_under_way() -> None:
    stopping = replace(BUSY, stopping=Stop(Why.JOB_LIMIT, "", 300.0), ending=Ending(185.0, 210.0, 222.0))

    hastened = decide(stopping, LIMITS, 150.0)

    assert hastened == Stop(Why.JOB_LIMIT, "", 210.0)


MOMENTS = st.floats(0, 1e5)
VIEWS = st.builds(
    lambda moments, notice: replace(seen(*moments), ending=ending(notice, LIMITS, 0.0) if notice else None),
    st.lists(st.tuples(st.sampled_from(Heard), MOMENTS), max_size=6),
    st.none() | MOMENTS,
)


@given(VIEWS, MOMENTS)
def test_until_its_wake_up_time_a_decision_does_not_change(view: View, now: float) -> None:
    if decide(view, LIMITS, now) is None and wake_at(view, LIMITS) > now:
        just_before = now + (wake_at(view, LIMITS) - now) * 0.99

        assert decide(view, LIMITS, just_before) is None


@given(VIEWS)
def test_no_runner_is_left_alone_for_ever(view: View) -> None:
    assert decide(view, LIMITS, 1e6) is not None


@given(VIEWS, MOMENTS)
def test_a_stop_always_ends_in_the_future_or_now(view: View, now: float) -> None:
    stop = decide(view, LIMITS, now)

    assert stop is None or stop.kill_at >= min(now, view.ending.kill_at if view.ending else now)


def test_a_busy_listener_that_is_quiet_for_too_long_is_noticed() -> None:
    quiet = replace(BUSY, heard_at=100.0)

    assert not silent(quiet, 200.0)
    assert silent(quiet, 201.0)
    assert not silent(replace(IDLE, heard_at=0.0), 1_000.0)
