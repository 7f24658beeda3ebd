from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.domain import breaker
from controller.domain.breaker import Breaker, BreakerPolicy, BreakerState, Failure

POLICY = BreakerPolicy(failures=3, window_s=100.0, rest_s=50.0, longest_rest_s=400.0, probe_s=30.0)


def after(*failures: Failure, known: Breaker | None = None) -> Breaker:
    known = known or Breaker()
    for failure in failures:
        known = breaker.failed(known, failure, failure.at, POLICY)
    return known


def opened(at: float = 10.0) -> Breaker:
    return after(*(Failure(at, "silent") for _ in range(3)))


def test_it_opens_at_the_last_of_so_many_equal_failures() -> None:
    failures = [Failure(at, "silent") for at in (0.0, 40.0, 80.0)]

    assert breaker.state(after(*failures[:2]), 80.0, POLICY) is BreakerState.CLOSED
    assert breaker.state(after(*failures), 80.0, POLICY) is BreakerState.OPEN
    assert after(*failures).cause == "silent"


@pytest.mark.parametrize(
    "failures",
    [
        [Failure(0.0, "silent"), Failure(50.0, "silent"), Failure(100.0, "silent")],
        [Failure(0.0, "silent"), Failure(0.0, "silent"), Failure(0.0, "ended")],
    ],
    ids=["too far apart", "of different causes"],
)
def test_it_stays_closed_after_failures_that_are_no_series(failures: list[Failure]) -> None:
    assert breaker.state(after(*failures), 100.0, POLICY) is BreakerState.CLOSED


def test_what_went_well_wipes_out_the_failures_begun_before_it_only() -> None:
    known = after(Failure(0.0, "silent"), Failure(20.0, "silent"))

    assert breaker.succeeded(known, 10.0).failures == (Failure(20.0, "silent"),)
    assert breaker.succeeded(known, 20.0) == Breaker()


def test_after_its_rest_one_may_try_and_nobody_else() -> None:
    known = opened()

    assert breaker.probing(known, "a", 59.0, POLICY) is None
    probing = breaker.probing(known, "a", 60.0, POLICY)

    assert probing is not None
    assert breaker.probing(probing, "b", 61.0, POLICY) is None
    assert breaker.probing(probing, "a", 61.0, POLICY) is not None


def test_a_probe_that_is_never_heard_of_again_makes_room_for_another() -> None:
    probing = breaker.probing(opened(), "a", 60.0, POLICY)
    assert probing is not None

    assert breaker.probing(probing, "b", 90.0, POLICY) is not None
    assert breaker.probing(breaker.without_probe(probing), "b", 61.0, POLICY) is not None


def test_a_probe_that_goes_well_closes_it() -> None:
    probing = breaker.probing(opened(), "a", 60.0, POLICY)
    assert probing is not None

    assert breaker.succeeded(probing, 0.0, "a") == Breaker()
    assert breaker.succeeded(probing, 0.0, "somebody who was begun before") == probing


def test_each_probe_that_fails_doubles_the_rest_up_to_a_limit() -> None:
    known, now = opened(at=0.0), 0.0
    rests: list[float] = []

    for _ in range(6):
        rest = next(r for r in range(1_000) if breaker.state(known, now + r, POLICY) is BreakerState.HALF_OPEN)
        rests.append(rest)
        now += rest
        probing = breaker.probing(known, "a", now, POLICY)
        assert probing is not None
        known = breaker.failed(probing, Failure(now, "silent"), now, POLICY, "a")

    assert rests == [50, 100, 200, 400, 400, 400]


def test_what_was_begun_before_it_opened_does_not_open_it_longer() -> None:
    known = opened()

    assert breaker.failed(known, Failure(9.0, "silent"), 40.0, POLICY, "a straggler") == known


EVENTS = st.lists(
    st.tuples(
        st.sampled_from(["fails", "passes", "asks", "comes back"]),
        st.floats(0.0, 60.0),
        st.sampled_from(["a", "b", "c"]),
        st.sampled_from(["silent", "ended"]),
    ),
    max_size=60,
)


@given(EVENTS)
def test_whatever_happens_at_most_one_is_on_the_way_and_none_during_the_rest(
    events: list[tuple[str, float, str, str]],
) -> None:
    known, now = Breaker(), 0.0
    for what, passed, who, cause in events:
        now += passed
        before = breaker.state(known, now, POLICY)
        match what:
            case "fails":
                known = breaker.failed(known, Failure(now, cause), now, POLICY, who)
            case "passes":
                known = breaker.succeeded(known, now, who)
                assert breaker.state(known, now, POLICY) is BreakerState.CLOSED
            case "comes back":
                known = breaker.without_probe(known)
            case _:
                held = known.probe not in {"", who} and now < known.probe_at + POLICY.probe_s
                probing = breaker.probing(known, who, now, POLICY)
                assert (probing is not None) == (before is BreakerState.HALF_OPEN and not held)
                known = probing or known
        assert not known.probe or known.opened_at is not None
        assert all(sum(each.cause == f.cause for each in known.failures) < POLICY.failures for f in known.failures)


@given(EVENTS, st.floats(0.0, 1_000.0))
def test_it_never_stays_open_for_ever(events: list[tuple[str, float, str, str]], later: float) -> None:
    known, now = Breaker(), 0.0
    for what, passed, who, cause in events:
        now += passed
        if what == "fails":
            known = breaker.failed(known, Failure(now, cause), now, POLICY, who)
        else:
            known = breaker.probing(known, who, now, POLICY) or known

    far = now + POLICY.longest_rest_s + POLICY.probe_s + later

    assert breaker.state(known, far, POLICY) is not BreakerState.OPEN
    assert known.opened_at is None or breaker.probing(known, "anybody", far, POLICY) is not None
