from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from controller.local.aws.fleet import Pool, Wanted
from controller.local.aws.network import Template
from controller.local.aws.pools import Pools, vcpus_of

TEMPLATE = Template("lt-1", "linux", [{}])
SOLD_OUT = "InsufficientInstanceCapacity"


def pool(kind: str, zone: str) -> Pool:
    return Pool(kind, f"subnet-{zone}", zone, float("inf"), TEMPLATE, "1", ())


def wanted(count: int, *pools: Pool, lifecycle: str = "spot") -> Wanted:
    return Wanted(lifecycle, count, "price-capacity-optimized", pools, (), "")


def test_a_sold_out_pool_refuses_until_it_is_restocked() -> None:
    pools = Pools()
    pools.sell_out("spot", "m7i.*", "us-east-1a")

    refused = pools.take("spot", "m7i.large", "us-east-1a")
    elsewhere = [
        pools.take(*other)
        for other in [
            ("on-demand", "m7i.large", "us-east-1a"),
            ("spot", "m7i.large", "b"),
            ("spot", "c7i.large", "us-east-1a"),
        ]
    ]
    pools.restock(zone="us-east-1?")

    assert refused == SOLD_OUT
    assert elsewhere == ["", "", ""]
    assert pools.take("spot", "m7i.large", "us-east-1a") == ""


def test_machines_in_use_count_against_a_limit_and_come_back() -> None:
    pools = Pools()
    pools.take("spot", "m7i.large", "a")
    pools.limit("spot", "m7i.large", "a", 2)

    answers = [pools.take("spot", "m7i.large", "a") for _ in range(2)]
    pools.give_back("spot", "m7i.large", "a")

    assert answers == ["", SOLD_OUT]
    assert pools.in_use("spot", "m7i.large", "a") == 1
    assert pools.take("spot", "m7i.large", "a") == ""


def test_a_fleet_is_fulfilled_in_part_and_told_why() -> None:
    pools = Pools()
    pools.limit("*", "*", "a", 1)
    pools.limit("*", "*", "b", 2)

    allotted = pools.launch(wanted(5, pool("m7i", "a"), pool("m7i", "b")), 5)

    assert [(each.zone, count) for each, count in allotted.given] == [("a", 1), ("b", 2)]
    assert [(each.zone, code) for each, code in allotted.refused] == [("a", SOLD_OUT), ("b", SOLD_OUT)]


def test_a_fleet_gets_no_more_than_was_granted() -> None:
    pools = Pools()

    allotted = pools.launch(wanted(5, pool("m7i", "a")), 2)

    assert (allotted.count, allotted.refused) == (2, ())


def test_the_next_fleets_are_refused_by_every_pool() -> None:
    pools = Pools()
    pools.refuse_next("UnfulfillableCapacity", 2)
    fleet = wanted(1, pool("m7i", "a"), pool("m7i", "b"))

    first, second, third = (pools.launch(fleet, 1) for _ in range(3))

    assert first == second
    assert [(each.zone, code) for each, code in first.refused] == [
        ("a", "UnfulfillableCapacity"),
        ("b", "UnfulfillableCapacity"),
    ]
    assert (first.count, third.count) == (0, 1)


@pytest.mark.parametrize(
    ("lifecycle", "code"), [("spot", "MaxSpotInstanceCountExceeded"), ("on-demand", "VcpuLimitExceeded")]
)
def test_a_new_account_has_five_vcpus(lifecycle: str, code: str) -> None:
    pools = Pools(vcpus=lambda _: 2)
    pools.quota(lifecycle, 5)

    allotted = pools.launch(wanted(3, pool("m7i.large", "a"), pool("c7i.large", "a"), lifecycle=lifecycle), 3)

    assert allotted.count == 2
    assert {each for _, each in allotted.refused} == {code}


def test_vcpus_are_those_of_the_catalogue() -> None:
    assert (vcpus_of("m7i.large"), vcpus_of("c7i.4xlarge"), vcpus_of("made.up")) == (2, 16, 2)


def test_nothing_can_be_given_back_that_nobody_has() -> None:
    with pytest.raises(ValueError, match="nobody has a machine of spot m7i a"):
        Pools().give_back("spot", "m7i", "a")


def test_a_limit_is_no_debt() -> None:
    with pytest.raises(ValueError, match="-1 machines"):
        Pools().limit("*", "*", "*", -1)


KEYS = st.tuples(st.sampled_from(["spot", "on-demand"]), st.sampled_from(["m", "c"]), st.sampled_from(["a", "b"]))


class Accounts(RuleBasedStateMachine):
    """What the pools say is in use against what was taken and given back."""

    def __init__(self) -> None:
        super().__init__()
        self.pools = Pools()
        self.held: Counter[tuple[str, str, str]] = Counter()
        self.limits: dict[tuple[str, str, str], int] = {}

    @rule(key=KEYS, machines=st.integers(0, 4))
    def limit(self, key: tuple[str, str, str], machines: int) -> None:
        self.pools.limit(*key, machines)
        self.limits[key] = machines

    @rule(key=KEYS)
    def restock(self, key: tuple[str, str, str]) -> None:
        self.pools.restock(*key)
        self.limits.pop(key, None)

    @rule(lifecycle=st.sampled_from(["spot", "on-demand"]), count=st.integers(1, 9))
    def launch(self, lifecycle: str, count: int) -> None:
        offers = [pool(kind, zone) for kind in "mc" for zone in "ab"]
        room = sum(self.room(lifecycle, each) for each in offers)

        allotted = self.pools.launch(wanted(count, *offers, lifecycle=lifecycle), count)

        assert allotted.count == min(count, room)
        assert all(given <= self.room(lifecycle, each) for each, given in allotted.given)
        self.held.update({(lifecycle, each.instance_type, each.zone): given for each, given in allotted.given})

    @rule(key=KEYS)
    def end(self, key: tuple[str, str, str]) -> None:
        if self.held[key]:
            self.pools.give_back(*key)
            self.held[key] -= 1

    @invariant()
    def nothing_is_lost(self) -> None:
        assert all(self.pools.in_use(*key) == count for key, count in self.held.items())

    def room(self, lifecycle: str, offer: Pool) -> int:
        key = (lifecycle, offer.instance_type, offer.zone)
        return max(0, self.limits.get(key, 100) - self.held[key])


TestAccounts = Accounts.TestCase
TestAccounts.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)
