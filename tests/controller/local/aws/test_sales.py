"""The ports of what the cloud sells and what an account may have: fakes, and real boto3 over HTTP."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from controller.adapters.aws.allowance import AccountAllowance
from controller.adapters.aws.clients import Clients
from controller.adapters.aws.offerings import Ec2Offerings
from controller.domain import catalogue
from controller.domain.runner import Lifecycle
from controller.errors import Rejected, Unavailable
from controller.local.aws.cloud import LocalCloud
from controller.ports import Allowance, Offerings
from tests.controller.local.aws.fleets import fleet
from tests.fakes.offerings import ZONES, FakeAllowance, FakeOfferings

pytestmark = pytest.mark.local_cloud

SHIPPED = {offered.name: offered for offered in catalogue.shipped().types}


@pytest.fixture(scope="module")
def cloud(start_cloud: Callable[..., LocalCloud]) -> LocalCloud:
    return start_cloud()


@pytest.fixture
def clients(cloud: LocalCloud, monkeypatch: pytest.MonkeyPatch) -> Iterator[Clients]:
    keys = cloud._admin
    monkeypatch.setenv("AWS_ENDPOINT_URL", cloud.front_url)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", keys.access_key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", keys.secret_key)
    monkeypatch.setenv("AWS_SESSION_TOKEN", keys.token)
    made = Clients("us-east-1")
    yield made
    made.close()


@pytest.fixture(params=["fake", "boto3"])
def offerings(request: pytest.FixtureRequest) -> Offerings:
    if request.param == "fake":
        return FakeOfferings()
    return Ec2Offerings(request.getfixturevalue("clients"), "us-east-1", ZONES)


@pytest.fixture(params=["fake", "boto3"])
def allowance(request: pytest.FixtureRequest) -> Allowance:
    return FakeAllowance() if request.param == "fake" else AccountAllowance(request.getfixturevalue("clients"))


def test_every_type_is_there_once_with_its_size(offerings: Offerings) -> None:
    found = offerings.types()

    assert len({one.name for one in found}) == len(found)
    assert set(found) == {replace(one, price=None, is_common=False) for one in SHIPPED.values()}


def test_every_type_has_the_zones_of_the_stack(offerings: Offerings) -> None:
    found = offerings.zones()

    assert found.keys() == SHIPPED.keys()
    assert set(found.values()) == {ZONES}


def test_prices_are_dollars_an_hour_and_spot_is_cheaper(offerings: Offerings) -> None:
    on_demand, spot = offerings.prices(), offerings.spot_prices()

    assert on_demand == {one.name: one.price for one in SHIPPED.values() if one.price is not None}
    assert spot.keys() == on_demand.keys()
    assert all(tuple(sorted(zones)) == ZONES for zones in spot.values())
    assert all(0 < dollars < on_demand[name] for name, zones in spot.items() for dollars in zones.values())


def test_limits_have_codes_and_vcpus(allowance: Allowance) -> None:
    found = allowance.limits()

    assert {"L-34B43A08", "L-1216C47A"} <= found.keys()
    assert all(value >= 0 for value in found.values())


def test_the_prices_now_are_what_the_cloud_charges(cloud: LocalCloud, clients: Clients) -> None:
    spot = Ec2Offerings(clients, "us-east-1", ZONES).spot_prices()

    assert spot["m7i.large"] == {zone: cloud.price("m7i.large", zone, "spot") for zone in ZONES}


def test_only_the_zones_of_the_stack_are_learnt(clients: Clients) -> None:
    here = Ec2Offerings(clients, "us-east-1", ZONES[1:2])

    assert set(here.zones().values()) == {ZONES[1:2]}
    assert all(set(zones) == {ZONES[1]} for zones in here.spot_prices().values())


def test_machines_are_counted_by_type_and_way_of_paying(cloud: LocalCloud, clients: Clients) -> None:
    before = AccountAllowance(clients).running()

    fleet(cloud, 2, "counted")

    after = AccountAllowance(clients).running()
    assert sum(after.values()) == sum(before.values()) + 2
    assert {lifecycle for _, lifecycle in after} <= set(Lifecycle)


@pytest.mark.parametrize(
    ("code", "times", "error"),
    [("InternalError", 3, Unavailable), ("RequestLimitExceeded", 3, Unavailable), ("Blocked", 1, Rejected)],
)
def test_a_refusal_is_one_of_our_errors(
    cloud: LocalCloud, clients: Clients, code: str, times: int, error: type[Exception]
) -> None:
    cloud.fail_next("DescribeInstanceTypes", code, times)

    with pytest.raises(error, match="machine types: "):
        Ec2Offerings(clients, "us-east-1", ZONES).types()


@pytest.mark.parametrize(
    ("region", "asked"),
    [
        ("us-east-1", "us-east-1"),
        ("us-west-2", "us-east-1"),
        ("eu-west-1", "eu-central-1"),
        ("ap-northeast-1", "ap-south-1"),
        ("cn-north-1", "cn-northwest-1"),
        ("sa-east-1", "us-east-1"),
    ],
)
def test_the_price_list_is_asked_in_one_of_the_regions_that_have_it(clients: Clients, region: str, asked: str) -> None:
    near = Clients(region)

    assert clients.pricing.meta.region_name == "us-east-1"
    assert near.pricing.meta.region_name == asked
    near.close()
