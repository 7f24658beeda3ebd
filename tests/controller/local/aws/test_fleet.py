from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.local.aws.fleet import Allotted, Pool, Take, Wanted, allot, read
from controller.local.aws.network import Network, Template
from controller.local.aws.refusals import ServiceError

TEMPLATE = Template("lt-1", "linux", [{"ImageId": "ami-1"}])


def pool(kind: str, zone: str, priority: float = float("inf")) -> Pool:
    return Pool(kind, f"subnet-{zone}", zone, priority, TEMPLATE, "1", ())


def wanted(count: int, *pools: Pool, strategy: str = "price-capacity-optimized") -> Wanted:
    return Wanted("spot", count, strategy, pools, (), "")


def endless(lifecycle: str, instance_type: str, zone: str) -> str:  # noqa: ARG001 - a Take's shape
    return ""


def stock(rooms: dict[tuple[str, str], int]) -> Take:
    """So many machines by (type, zone), and none elsewhere."""
    left = dict(rooms)

    def take(_: str, kind: str, zone: str) -> str:
        if not left.get((kind, zone)):
            return "InsufficientInstanceCapacity"
        left[kind, zone] -= 1
        return ""

    return take


def shares(allotted: Allotted) -> list[tuple[str, str, int]]:
    return [(pool.instance_type, pool.zone, count) for pool, count in allotted.given]


def test_the_best_type_is_spread_over_its_zones() -> None:
    pools = [pool("m7i", "a"), pool("m7i", "b"), pool("m6i", "a")]

    allotted = allot(wanted(5, *pools), endless)

    assert shares(allotted) == [("m7i", "a", 3), ("m7i", "b", 2)]
    assert allotted.refused == ()


def test_what_is_sold_out_is_refused_and_taken_from_the_next() -> None:
    pools = [pool("m7i", "a"), pool("m7i", "b"), pool("m6i", "a")]

    allotted = allot(wanted(3, *pools), stock({("m6i", "a"): 3}))

    assert shares(allotted) == [("m6i", "a", 3)]
    assert [(p.instance_type, p.zone) for p, _ in allotted.refused] == [("m7i", "a"), ("m7i", "b")]


def test_a_fleet_may_be_fulfilled_in_part() -> None:
    pools = [pool("m7i", "a"), pool("m7i", "b")]

    allotted = allot(wanted(5, *pools), stock({("m7i", "a"): 1, ("m7i", "b"): 2}))

    assert shares(allotted) == [("m7i", "a", 1), ("m7i", "b", 2)]
    assert len(allotted.refused) == 2


def test_priorities_decide_where_the_strategy_says_so() -> None:
    pools = [pool("m7i", "a", 2), pool("m7i", "b", 0), pool("m6i", "a", 1)]

    allotted = allot(
        wanted(2, *pools, strategy="capacity-optimized-prioritized"), stock({("m7i", "b"): 1, ("m6i", "a"): 1})
    )

    assert shares(allotted) == [("m7i", "b", 1), ("m6i", "a", 1)]


def test_two_subnets_of_one_zone_share_its_pool() -> None:
    here, there = pool("m7i", "a"), Pool("m7i", "subnet-2", "a", float("inf"), TEMPLATE, "1", ())

    allotted = allot(wanted(3, here, there), stock({("m7i", "a"): 2}))

    assert allotted.count == 2
    assert allotted.refused == (
        (here, "InsufficientInstanceCapacity"),
        (there, "InsufficientInstanceCapacity"),
    )


def test_diversified_takes_from_all_pools() -> None:
    pools = [pool("m7i", "a"), pool("m6i", "a"), pool("m5", "b")]

    allotted = allot(wanted(4, *pools, strategy="diversified"), endless)

    assert shares(allotted) == [("m7i", "a", 2), ("m6i", "a", 1), ("m5", "b", 1)]


@given(
    count=st.integers(1, 200),
    rooms=st.lists(st.integers(0, 60), min_size=1, max_size=12),
    strategy=st.sampled_from(["price-capacity-optimized", "diversified", "lowest-price", "prioritized"]),
)
def test_nothing_is_given_that_is_not_wanted_or_not_there(count: int, rooms: list[int], strategy: str) -> None:
    pools = [pool(f"m{n % 3}", f"z{n}") for n in range(len(rooms))]
    room = {(p.instance_type, p.zone): rooms[n] for n, p in enumerate(pools)}

    allotted = allot(wanted(count, *pools, strategy=strategy), stock(room))

    given_now = sum(n for _, n in allotted.given)
    assert given_now == min(count, sum(rooms))
    assert all(n <= room[p.instance_type, p.zone] for p, n in allotted.given)
    assert given_now == count or {p for p, _ in allotted.refused} == set(pools)


@pytest.fixture
def network() -> Network:
    network = Network("us-east-1")
    network.create_template({"LaunchTemplateName": "linux", "LaunchTemplateData": {"ImageId": "ami-1"}})
    return network


def request(**changes: object) -> dict[str, Any]:
    config = {"LaunchTemplateSpecification": {"LaunchTemplateName": "linux"}, "Overrides": [{"InstanceType": "m7i"}]}
    target = {"TotalTargetCapacity": "2", "DefaultTargetCapacityType": "spot"}
    return {
        "Type": "instant",
        "LaunchTemplateConfigs": [config],
        "TargetCapacitySpecification": target,
        **changes,
    }


def test_an_instant_fleet_is_read(network: Network) -> None:
    tags = [{"ResourceType": "instance", "Tag": [{"Key": "a:b", "Value": "c"}]}, {"ResourceType": "fleet"}]

    fleet = read(request(TagSpecification=tags, ClientToken="once"), network)

    assert (fleet.lifecycle, fleet.count, fleet.token) == ("spot", 2, "once")
    assert fleet.tags == (("a:b", "c"),)
    assert [p.instance_type for p in fleet.pools] == ["m7i"]


def test_the_lifecycle_may_be_told_by_the_target_of_its_own(network: Network) -> None:
    target = {"TotalTargetCapacity": "2", "OnDemandTargetCapacity": "2", "DefaultTargetCapacityType": "spot"}

    fleet = read(request(TargetCapacitySpecification=target), network)

    assert fleet.lifecycle == "on-demand"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"Type": "maintain"}, "UnsupportedOperation"),
        ({"LaunchTemplateConfigs": []}, "MissingParameter"),
        ({"TargetCapacitySpecification": {"TotalTargetCapacity": "0"}}, "InvalidParameterValue"),
        (
            {"LaunchTemplateConfigs": [{"LaunchTemplateSpecification": {"LaunchTemplateId": "lt-none"}}]},
            "InvalidLaunchTemplateId.NotFound",
        ),
        (
            {
                "LaunchTemplateConfigs": [
                    {"LaunchTemplateSpecification": {"LaunchTemplateName": "linux", "Version": "7"}}
                ]
            },
            "InvalidLaunchTemplateId.VersionNotFound",
        ),
        (
            {
                "LaunchTemplateConfigs": [
                    {
                        "LaunchTemplateSpecification": {"LaunchTemplateName": "linux"},
                        "Overrides": [{"SubnetId": "subnet-none"}],
                    }
                ]
            },
            "InvalidSubnetID.NotFound",
        ),
    ],
)
def test_what_ec2_refuses_is_refused_with_its_codes(network: Network, changes: dict[str, Any], code: str) -> None:
    with pytest.raises(ServiceError) as caught:
        read(request(**changes), network)

    assert caught.value.code == code
