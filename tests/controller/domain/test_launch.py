"""The capacity ladder, and what is offered on each step."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.domain.launch import (
    MOST_OFFERINGS,
    Refusal,
    Rung,
    can_never_work,
    counts_as_failure,
    cure,
    lifecycle_of,
    may_climb,
    offerings_of,
    rungs,
    starts,
    types_of,
    why,
)
from controller.domain.refusal import RefusalKind
from controller.domain.runner import Lifecycle
from tests.fakes import samples

CLIMB = {
    RefusalKind.CAPACITY,
    RefusalKind.UNSUPPORTED,
    RefusalKind.SUBNET,
    RefusalKind.QUOTA,
    RefusalKind.SPECIAL,
}
KINDS = st.lists(st.sampled_from(RefusalKind), max_size=6)


def test_spot_comes_before_on_demand_and_is_left_out_where_it_is_not_wanted() -> None:
    assert rungs(spot=True) == (Rung.SPOT, Rung.WIDER, Rung.ON_DEMAND)
    assert rungs(spot=False) == (Rung.ON_DEMAND,)


def test_each_rung_is_paid_for_in_its_own_way() -> None:
    assert [lifecycle_of(rung) for rung in rungs(spot=True)] == [Lifecycle.SPOT, Lifecycle.SPOT, Lifecycle.ON_DEMAND]


def test_the_wider_families_have_a_rung_of_their_own_and_come_last_on_demand() -> None:
    assert [types_of(rung, ("a", "b"), ("c",)) for rung in rungs(spot=True)] == [("a", "b"), ("c",), ("a", "b", "c")]


def test_jobs_begin_where_their_past_lets_them() -> None:
    fresh, tired = samples.job(1, failures=2), samples.job(2, failures=3)
    again = samples.job(3, on_demand=True)

    assert dict(starts([fresh, tired, again], on_demand_after=3)) == {
        "": [fresh],
        "no spot after 3 failures": [tired],
        "run again after an interruption": [again],
    }
    assert dict(starts([tired], on_demand_after=None)) == {"": [tired]}


@pytest.mark.parametrize("kind", [RefusalKind.RATE, RefusalKind.SERVER, RefusalKind.RACE])
def test_being_told_to_come_later_is_no_failure_of_the_job(kind: RefusalKind) -> None:
    assert not counts_as_failure([Refusal(RefusalKind.CAPACITY, "Sold"), Refusal(kind, "Later")])
    assert counts_as_failure([Refusal(RefusalKind.CAPACITY, "Sold")])
    assert counts_as_failure([])


def test_only_what_is_wrong_in_every_way_it_was_asked_can_never_work() -> None:
    wrong, sold = Refusal(RefusalKind.CONFIG, "InvalidAMIID.NotFound"), Refusal(RefusalKind.CAPACITY, "Sold")

    assert can_never_work([wrong, wrong])
    assert not can_never_work([wrong, sold])
    assert not can_never_work([])


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("UnauthorizedOperation", "dispatch role"),
        ("InvalidAMIID.NotFound", "image"),
        ("InvalidLaunchTemplateId.NotFound", "deploy the stack again"),
        ("NobodyKnows", "compare the configuration"),
    ],
)
def test_every_refusal_of_how_it_was_asked_comes_with_a_cure(code: str, words: str) -> None:
    assert words in cure(code)


@given(KINDS)
def test_the_ladder_is_climbed_only_where_all_refusals_mean_that_there_is_nothing(kinds: list[RefusalKind]) -> None:
    refusals = [Refusal(kind, str(kind)) for kind in kinds]

    assert may_climb(refusals) == (bool(kinds) and set(kinds) <= CLIMB)


@pytest.mark.parametrize("kind", [RefusalKind.RATE, RefusalKind.SERVER, RefusalKind.CONFIG])
@given(kinds=KINDS)
def test_throttling_a_fault_or_a_bad_request_never_counts_as_lack_of_capacity(
    kind: RefusalKind, kinds: list[RefusalKind]
) -> None:
    assert not may_climb([Refusal(other, "Other") for other in kinds] + [Refusal(kind, "This")])


TYPES = st.lists(st.from_regex(r"[a-z][0-9]\.large", fullmatch=True), unique=True, min_size=1, max_size=30)
ZONES = st.integers(1, 6).map(lambda n: {f"us-east-1{letter}": f"subnet-{letter}" for letter in "abcdef"[:n]})


@given(TYPES, ZONES)
def test_the_best_types_are_offered_in_every_zone_before_the_list_is_cut(
    types: list[str], subnets: dict[str, str]
) -> None:
    offered = offerings_of(types, subnets)

    assert len(offered) == min(MOST_OFFERINGS, len(types) * len(subnets))
    whole = MOST_OFFERINGS // len(subnets)
    for name in types[:whole]:
        assert {(one.zone, one.subnet) for one in offered if one.instance_type == name} == set(subnets.items())


@given(TYPES, ZONES)
def test_what_is_offered_stays_in_the_order_of_the_types(types: list[str], subnets: dict[str, str]) -> None:
    places = [types.index(one.instance_type) for one in offerings_of(types, subnets)]

    assert places == sorted(places)


def test_a_stack_without_subnets_offers_nothing() -> None:
    assert offerings_of(["c7a.large"], {}) == ()


def test_the_reason_names_each_code_once() -> None:
    refusals = [Refusal(RefusalKind.CAPACITY, code) for code in ("Sold", "Out", "Sold")]

    assert why(refusals) == "Out, Sold"
    assert "gave no reason" in why([])
