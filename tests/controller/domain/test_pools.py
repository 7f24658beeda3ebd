"""What a pool has refused is remembered for a while, and only about that pool."""

from __future__ import annotations

import pytest

from controller.domain import pools
from controller.domain.launch import Offering, Refusal
from controller.domain.refusal import RefusalKind
from controller.domain.runner import Lifecycle

NOW, TTL_S = 1_000.0, 180.0
SPOT, ON_DEMAND = Lifecycle.SPOT, Lifecycle.ON_DEMAND
HERE, THERE = Offering("c7a.large", "us-east-1a", "subnet-a"), Offering("c7a.large", "us-east-1b", "subnet-b")
OTHER = Offering("m7a.large", "us-east-1a", "subnet-a")
ASKED = (SPOT, (HERE, THERE))


def refused(kind: RefusalKind, instance_type: str = "c7a.large", zone: str = "us-east-1a") -> Refusal:
    return Refusal(kind, "Code", "", instance_type, zone)


def after(*refusals: Refusal) -> pools.Refusals:
    return pools.noted({}, refusals, ASKED, NOW, TTL_S)


def left_alone(known: pools.Refusals, now: float = NOW) -> set[tuple[Lifecycle, Offering]]:
    every = [(lifecycle, one) for lifecycle in Lifecycle for one in (HERE, THERE, OTHER)]
    return {(lifecycle, one) for lifecycle, one in every if pools.refusal(known, lifecycle, one, now)}


def test_a_sold_out_pool_is_left_alone_for_its_time_and_nobody_else() -> None:
    known = after(refused(RefusalKind.CAPACITY))

    assert left_alone(known) == {(SPOT, HERE)}
    assert left_alone(known, NOW + TTL_S) == set()


def test_a_type_that_is_not_offered_in_a_zone_is_left_alone_for_hours_however_it_is_paid() -> None:
    known = after(refused(RefusalKind.UNSUPPORTED))

    assert left_alone(known, NOW + 3_600) == {(SPOT, HERE), (ON_DEMAND, HERE)}


def test_a_full_subnet_closes_its_zone() -> None:
    known = after(refused(RefusalKind.SUBNET))

    assert left_alone(known) == {(lifecycle, one) for lifecycle in Lifecycle for one in (HERE, OTHER)}


def test_what_is_wrong_with_one_type_of_a_request_is_remembered_of_that_type() -> None:
    assert left_alone(after(refused(RefusalKind.CONFIG))) == {(SPOT, HERE), (ON_DEMAND, HERE)}
    assert left_alone(after(refused(RefusalKind.CONFIG, instance_type="", zone=""))) == set()


def test_a_lack_of_capacity_that_names_no_pool_is_that_of_all_that_were_asked() -> None:
    known = after(refused(RefusalKind.CAPACITY, instance_type="", zone=""))

    assert left_alone(known) == {(SPOT, HERE), (SPOT, THERE)}


@pytest.mark.parametrize(
    "kind", [RefusalKind.RATE, RefusalKind.SERVER, RefusalKind.RACE, RefusalKind.QUOTA, RefusalKind.SPECIAL]
)
def test_what_says_nothing_of_a_pool_is_not_remembered_of_it(kind: RefusalKind) -> None:
    assert after(refused(kind)) == {}


def test_an_answer_without_refusals_changes_nothing() -> None:
    known = after(refused(RefusalKind.CAPACITY))

    assert pools.noted(known, (), ASKED, NOW + TTL_S + 1, TTL_S) is known


def test_a_short_memory_never_shortens_a_long_one() -> None:
    known = after(refused(RefusalKind.UNSUPPORTED))

    known = pools.noted(known, [refused(RefusalKind.UNSUPPORTED)], ASKED, NOW - 60, TTL_S)

    assert pools.refusal(known, SPOT, HERE, NOW + 6 * 3_600 - 1)


def test_what_is_over_and_what_is_too_much_is_forgotten() -> None:
    many = [refused(RefusalKind.CAPACITY, instance_type=f"t{n}.large") for n in range(pools.MOST_KEPT + 10)]

    known = after(*many)
    later = pools.noted(known, [refused(RefusalKind.CAPACITY)], ASKED, NOW + TTL_S + 1, TTL_S)

    assert len(known) == pools.MOST_KEPT
    assert len(later) == 1
