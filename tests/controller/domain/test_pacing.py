"""Token buckets kept together: what is leased never overdraws the real ones."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from controller.domain.pacing import LEAST_LEASE, MACHINES, REQUESTS, Bucket, Pace
from controller.local.aws.buckets import Limits

NOW = 1_000.0
STEPS = st.lists(st.tuples(st.floats(0, 30), st.integers(1, 400)), max_size=60)


def test_ours_are_no_larger_than_the_published_ones() -> None:
    _, published = Limits().of("CreateFleet", whole=False)

    assert (REQUESTS.burst, REQUESTS.per_s) <= (published.burst, published.per_s)
    machines = Limits().machines["RunInstances"]
    assert (MACHINES.burst, MACHINES.per_s) <= (machines.burst, machines.per_s)


@given(STEPS)
def test_leases_never_exceed_the_burst_and_what_has_come_back_since(steps: list[tuple[float, int]]) -> None:
    pace, now, leased, asked = Pace(), NOW, 0, 0

    for wait, wanted in steps:
        now += wait
        pace, granted = pace.lease(wanted, now)
        leased += granted
        asked += granted > 0

    assert leased <= MACHINES.burst + (now - NOW) * MACHINES.per_s + 0.001
    assert asked <= REQUESTS.burst + (now - NOW) * REQUESTS.per_s + 0.001


def test_a_lease_is_cut_to_the_tokens_there_are() -> None:
    pace, first = Pace().lease(900, NOW)
    pace, second = pace.lease(900, NOW)
    _, third = pace.lease(900, NOW)

    assert (first, second, third) == (900, 80, 0)


def test_without_a_token_for_the_request_no_machine_is_leased() -> None:
    pace = Pace(requests=Bucket(0.5, NOW))

    assert pace.lease(1, NOW) == (pace, 0)
    assert pace.lease(1, NOW + 0.1)[1] == 1


def test_the_line_is_gone_through_only_when_it_is_worth_while() -> None:
    pace = Pace(machines=Bucket(LEAST_LEASE - 1, NOW))

    assert pace.slots(500, NOW) == 0
    assert pace.slots(5, NOW) == 5
    assert pace.slots(500, NOW + pace.wait(500, NOW)) == LEAST_LEASE


def test_nobody_waits_for_tokens_that_are_there() -> None:
    assert Pace().wait(500, NOW) == 0.0


def test_a_throttled_fleet_says_that_no_machine_is_to_be_had_for_a_while() -> None:
    pace = Pace().throttled(NOW, jitter_s=1.5)

    assert pace.room(NOW) == 0
    assert pace.room(NOW + 1.5 + 10) == 20


def test_a_request_that_was_not_taken_halves_those_that_follow() -> None:
    pace = Pace()

    for _ in range(8):
        pace = pace.slowed(NOW, jitter_s=0.0)

    assert pace.room(NOW) == 0
    assert Pace().slowed(NOW, jitter_s=0.0).room(NOW) > 0


def test_what_was_not_started_comes_back_and_never_more_than_the_bucket_holds() -> None:
    pace, _ = Pace().lease(100, NOW)

    assert pace.returned(40, NOW).room(NOW) == MACHINES.burst - 60
    assert pace.returned(4_000, NOW).room(NOW) == MACHINES.burst
    assert pace.returned(0, NOW) is pace


def test_a_clock_that_lags_behind_gives_nothing_away() -> None:
    pace, _ = Pace().lease(980, NOW)

    assert pace.room(NOW - 50) == 0
    assert pace.lease(1, NOW - 50)[1] == 0
