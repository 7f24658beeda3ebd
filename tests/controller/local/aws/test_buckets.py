from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.local.aws.buckets import Buckets, Limits, Rate
from controller.local.aws.refusals import ServiceError


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def spent(buckets: Buckets, action: str, *, whole: bool = False) -> int:
    """How many calls go through until one does not."""
    count = 0
    with suppress(ServiceError):
        while True:
            buckets.request(action, whole=whole)
            count += 1
    return count


def test_an_empty_bucket_answers_as_ec2_does() -> None:
    buckets = Buckets(Limits(), Clock())
    spent(buckets, "CreateFleet")

    with pytest.raises(ServiceError, match="Request limit exceeded") as caught:
        buckets.request("CreateFleet")

    assert (caught.value.code, caught.value.status) == ("RequestLimitExceeded", 503)


@pytest.mark.parametrize(
    ("action", "whole", "burst", "per_s"),
    [
        ("RunInstances", False, 5, 2),
        ("StartInstances", False, 5, 2),
        ("StopInstances", False, 50, 5),
        ("TerminateInstances", False, 100, 5),
        ("CreateFleet", False, 50, 5),
        ("DeleteFleets", False, 50, 5),
        ("CreateTags", False, 100, 10),
        ("DeleteTags", False, 100, 10),
        ("DescribeInstances", False, 100, 20),
        ("DescribeInstances", True, 50, 10),
        ("DescribeSpotPriceHistory", True, 100, 20),
        ("GetSpotPlacementScores", False, 100, 20),
        ("CreateLaunchTemplateVersion", False, 100, 5),
        ("RequestSpotInstances", False, 50, 5),
    ],
)
def test_each_action_has_its_published_bucket(action: str, whole: bool, burst: int, per_s: int) -> None:  # noqa: FBT001 - a column of the table
    clock = Clock()
    buckets = Buckets(Limits(), clock)

    at_once = spent(buckets, action, whole=whole)
    clock.now += 1
    a_second_later = spent(buckets, action, whole=whole)
    clock.now += 10_000
    rested = spent(buckets, action, whole=whole)

    assert (at_once, a_second_later, rested) == (burst, per_s, burst)


def test_actions_do_not_drink_from_each_others_buckets() -> None:
    buckets = Buckets(Limits(), Clock())
    spent(buckets, "CreateFleet")

    left = spent(buckets, "DeleteFleets"), spent(buckets, "DescribeInstances", whole=True)

    assert left == (50, 50)
    assert spent(buckets, "DescribeInstances") == 100


@pytest.mark.parametrize(
    ("action", "per_s"), [("StartInstances", 2), ("StopInstances", 20), ("TerminateInstances", 20)]
)
def test_a_token_is_spent_for_each_machine_and_all_or_none_are_served(action: str, per_s: int) -> None:
    clock = Clock()
    buckets = Buckets(Limits(), clock)
    buckets.machines(action, 1_000)
    clock.now += 1

    with pytest.raises(ServiceError, match="Request limit exceeded"):
        buckets.machines(action, per_s + 1)

    buckets.machines(action, per_s)


def test_a_fleet_gets_as_many_machines_as_there_are_tokens_for() -> None:
    clock = Clock()
    buckets = Buckets(Limits(), clock)

    first, second = buckets.launches(900), buckets.launches(900)
    buckets.give_back(30)
    third = buckets.launches(900)
    clock.now += 5

    assert (first, second, third, buckets.launches(900)) == (900, 100, 30, 10)


def test_fleets_may_be_kept_apart_from_the_tokens_of_single_launches() -> None:
    buckets = Buckets(Limits(fleets_use_run_tokens=False), Clock())

    launched = [buckets.launches(900) for _ in range(3)]

    assert launched == [900, 900, 900]


def test_five_callers_at_once_lose_twenty_of_their_tries_and_none_when_spread_out() -> None:
    clock = Clock()
    together, spread = Buckets(Limits(), clock), Buckets(Limits(), clock)

    served = spent(together, "RunInstances")
    for _ in range(25):
        clock.now += 1
        spread.request("RunInstances")

    assert 25 - served == 20


@pytest.mark.parametrize(("machines", "seconds"), [(1_000, 0), (1_500, 250), (2_000, 500)])
def test_a_burst_beyond_the_bucket_ends_at_two_a_second(machines: int, seconds: int) -> None:
    clock = Clock()
    buckets = Buckets(Limits(), clock)
    left = machines - buckets.launches(machines)

    while left:
        clock.now += 1
        left -= buckets.launches(left)

    assert clock.now - 1000.0 == seconds


@given(st.lists(st.tuples(st.floats(0, 100), st.integers(1, 20)), max_size=40))
def test_nobody_ever_gets_more_than_burst_and_refill(steps: list[tuple[float, int]]) -> None:
    clock = Clock()
    rate = Rate(30, 2)
    buckets = Buckets(Limits(machines={"RunInstances": rate}), clock)

    given_out = 0
    for pause, wanted in steps:
        clock.now += pause
        given_out += buckets.launches(wanted)

    assert given_out <= rate.burst + rate.per_s * (clock.now - 1000.0) + 1e-6
