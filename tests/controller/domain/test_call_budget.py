from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.domain.call_budget import (
    FLOORS,
    PER_MINUTE,
    Kind,
    Lane,
    Seen,
    Standing,
    closed,
    heard,
    least_used,
    spent,
    wait_s,
)

NOW = 1_000.0
LANES = list(Lane)
STANDINGS = st.builds(
    Standing,
    seen=st.dictionaries(
        st.sampled_from(Kind), st.builds(Seen, st.integers(0, 9), st.integers(0, 9), st.floats(0, 2e3))
    ),
    closed=st.dictionaries(st.sampled_from(Kind), st.floats(0, 2e3)),
    recent=st.lists(st.floats(0, NOW), max_size=200).map(lambda times: tuple(sorted(times))),
)


def seen(remaining: int, resets_at: float = NOW + 900) -> Standing:
    return heard(Standing(), Kind.REST, Seen(1_000, remaining, resets_at))


def test_what_is_not_known_stops_nobody() -> None:
    assert [wait_s(Standing(), kind, lane, NOW) for kind in Kind for lane in Lane] == [0.0] * 6


@pytest.mark.parametrize(
    ("remaining", "going"),
    [(1_000, LANES), (201, LANES), (200, LANES[:2]), (101, LANES[:2]), (100, LANES[:1]), (1, LANES[:1]), (0, [])],
)
def test_the_less_is_left_the_fewer_lanes_go_on(remaining: int, going: list[Lane]) -> None:
    found = [lane for lane in Lane if not wait_s(seen(remaining), Kind.REST, lane, NOW)]

    assert found == going


def test_a_lane_that_stops_waits_for_the_next_hour() -> None:
    assert wait_s(seen(50), Kind.REST, Lane.RECOVERY, NOW) == 900.0
    assert wait_s(seen(50), Kind.REST, Lane.RECOVERY, NOW + 901) == 0.0


@given(STANDINGS, st.sampled_from(Kind), st.floats(0, 3e3))
def test_a_lane_never_waits_for_one_below_it(standing: Standing, kind: Kind, now: float) -> None:
    waits = [wait_s(standing, kind, lane, now) for lane in Lane]

    assert waits == sorted(waits)
    assert list(FLOORS) == list(Lane)


@given(STANDINGS, st.floats(0, 2e3), st.floats(0, 2e3))
def test_a_pause_that_github_asks_for_is_never_cut_short(standing: Standing, until: float, now: float) -> None:
    told = closed(standing, {Kind.REST: until})

    assert wait_s(told, Kind.REST, Lane.REGISTRATION, now) >= until - now
    assert closed(told, {Kind.REST: until - 1}) == told


def test_registrations_keep_to_githubs_pace_of_a_minute() -> None:
    standing = Standing()
    for number in range(PER_MINUTE):
        assert not wait_s(standing, Kind.REGISTRATIONS, Lane.REGISTRATION, NOW + number / 10)
        standing = spent(standing, Kind.REGISTRATIONS, NOW + number / 10)

    assert wait_s(standing, Kind.REGISTRATIONS, Lane.REGISTRATION, NOW + 20) == pytest.approx(40.0)
    assert wait_s(standing, Kind.REGISTRATIONS, Lane.REGISTRATION, NOW + 60) == 0.0
    assert wait_s(standing, Kind.REST, Lane.CLEAN_UP, NOW + 20) == 0.0


def test_the_least_used_comes_first_and_who_must_wait_last() -> None:
    half, waits, fresh = seen(500), closed(Standing(), {Kind.REST: NOW + 60}), Standing()

    order = least_used([half, waits, fresh, seen(900)], Kind.REST, Lane.REGISTRATION, NOW)

    assert order == [2, 3, 0, 1]


def test_of_equals_the_one_comes_first_that_has_registered_less_in_the_last_minute() -> None:
    busy = spent(spent(Standing(), Kind.REGISTRATIONS, NOW - 5), Kind.REGISTRATIONS, NOW)
    rested = spent(Standing(), Kind.REGISTRATIONS, NOW - 61)

    assert least_used([busy, rested], Kind.REGISTRATIONS, Lane.REGISTRATION, NOW) == [1, 0]
