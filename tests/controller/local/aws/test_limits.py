"""What EC2 refuses because it was too much, too early or not there, over boto3 and HTTP."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from controller.local.aws.cloud import LocalCloud
from controller.local.aws.fleet_errors import WORDS
from controller.local.aws.instance import Latencies
from tests.controller.local.aws.fleets import AGENT, code_of, described, fleet, ids, impatient, state_of, stopped
from tests.controller.local.aws.rig import eventually

pytestmark = pytest.mark.local_cloud

TOKENS = map("token-{}".format, itertools.count())


@pytest.fixture(scope="module")
def cloud(start_cloud: Callable[..., LocalCloud]) -> LocalCloud:
    return start_cloud(agent_command=(sys.executable, "-I", "-S", "-c", AGENT))


@pytest.fixture
def once(cloud: LocalCloud) -> Iterator[Any]:
    """A client that asks once and not again."""
    client = impatient(cloud)
    yield client
    client.close()


@pytest.mark.parametrize("code", WORDS)
def test_every_code_can_stand_in_the_errors_of_a_successful_answer(cloud: LocalCloud, code: str) -> None:
    cloud.pools.refuse_next(code)

    answer = fleet(cloud, 2, next(TOKENS))

    assert answer["Instances"] == []
    assert {error["ErrorCode"] for error in answer["Errors"]} == {code}
    places = [error["LaunchTemplateAndOverrides"]["Overrides"]["AvailabilityZone"] for error in answer["Errors"]]
    assert places == ["us-east-1a", "us-east-1b", "us-east-1c"]
    assert all(error["ErrorMessage"] for error in answer["Errors"])


def test_calls_can_fail_outright_as_often_as_is_wanted(cloud: LocalCloud, once: Any) -> None:  # noqa: ANN401 - boto3 has a class for each service
    cloud.fail_next("DescribeInstances", "InternalError", times=2)

    codes = [code_of(once.describe_instances) for _ in range(2)]

    assert codes == ["InternalError", "InternalError"]
    assert once.describe_instances(MaxResults=5)["ResponseMetadata"]["HTTPStatusCode"] == 200


def test_a_launch_that_was_throttled_may_be_tried_again_with_the_same_token(cloud: LocalCloud) -> None:
    token = next(TOKENS)
    cloud.fail_next("CreateFleet", "RequestLimitExceeded")

    answer = fleet(cloud, 1, token)

    assert len(ids(answer)) == 1
    assert answer["ResponseMetadata"]["RetryAttempts"] == 1


def test_a_machine_just_launched_is_not_known_at_first(cloud: LocalCloud) -> None:
    ec2 = cloud.client("ec2")
    cloud._instances.latencies = Latencies(visible_s=1000.0)
    (name,) = ids(fleet(cloud, 1, next(TOKENS)))
    cloud._instances.latencies = Latencies(visible_s=0.5)
    (soon,) = ids(fleet(cloud, 1, next(TOKENS)))
    cloud._instances.latencies = Latencies()

    codes = {
        code_of(lambda: ec2.describe_instances(InstanceIds=[name])),
        code_of(lambda: ec2.terminate_instances(InstanceIds=[name])),
        code_of(lambda: ec2.create_tags(Resources=[name], Tags=[{"Key": "a", "Value": "b"}])),
    }
    eventually(lambda: soon in cloud._instances.visible())

    assert codes == {"InvalidInstanceID.NotFound"}
    everything = described(cloud)
    assert name not in everything
    assert soon in everything


def test_a_stopped_machine_starts_its_software_again_under_its_old_id(cloud: LocalCloud) -> None:
    name = stopped(cloud, next(TOKENS))
    without = [process for process in cloud.processes() if process.machine == name]

    (change,) = cloud.client("ec2").start_instances(InstanceIds=[name])["StartingInstances"]
    eventually(lambda: cloud.console(name).count("booted") == 2)

    assert without == []
    assert (change["PreviousState"]["Name"], change["CurrentState"]["Name"]) == ("stopped", "pending")
    states = [event["detail"]["state"] for event in cloud.events if event["detail"]["instance-id"] == name]
    assert states == ["pending", "running", "stopping", "stopped", "pending", "running"]


def test_a_stopped_machine_leaves_its_pool_and_needs_room_to_come_back(cloud: LocalCloud) -> None:
    name = stopped(cloud, next(TOKENS), "m8g.large")
    zone = described(cloud, InstanceIds=[name])[name]["Placement"]["AvailabilityZone"]
    empty = cloud.pools.in_use("on-demand", "m8g.large", zone)
    cloud.pools.sell_out(instance_type="m8g.large")

    code = code_of(lambda: cloud.client("ec2").start_instances(InstanceIds=[name]))
    cloud.client("ec2").terminate_instances(InstanceIds=[name])

    assert (empty, code, state_of(cloud, name)) == (0, "InsufficientInstanceCapacity", "terminated")
    assert cloud.pools.in_use("on-demand", "m8g.large", zone) == 0


def test_spot_machines_of_a_fleet_can_not_be_stopped(cloud: LocalCloud) -> None:
    (name,) = ids(fleet(cloud, 1, next(TOKENS)))

    code = code_of(lambda: cloud.client("ec2").stop_instances(InstanceIds=[name]))

    assert code == "UnsupportedOperation"


def test_a_machine_that_has_ended_neither_starts_nor_stops(cloud: LocalCloud) -> None:
    ec2 = cloud.client("ec2")
    name = stopped(cloud, next(TOKENS))
    ec2.terminate_instances(InstanceIds=[name])

    codes = [
        code_of(lambda: ec2.start_instances(InstanceIds=[name])),
        code_of(lambda: ec2.stop_instances(InstanceIds=[name])),
    ]

    assert codes == ["IncorrectInstanceState", "IncorrectInstanceState"]


def history(cloud: LocalCloud, **asked: object) -> list[dict[str, Any]]:
    pages = cloud.client("ec2").get_paginator("describe_spot_price_history").paginate(**asked)
    return [price for page in pages for price in page["SpotPriceHistory"]]


def test_the_spot_price_now_is_what_the_cloud_charges(cloud: LocalCloud) -> None:
    now = datetime.now(UTC)

    found = history(cloud, InstanceTypes=["m7i.large"], ProductDescriptions=["Linux/UNIX"], StartTime=now, EndTime=now)

    told = {price["AvailabilityZone"]: float(price["SpotPrice"]) for price in found}
    assert told == {zone: cloud.price("m7i.large", zone, "spot") for zone in ("us-east-1a", "us-east-1b", "us-east-1c")}
    assert {price["ProductDescription"] for price in found} == {"Linux/UNIX"}
    assert all(price < cloud.price("m7i.large", "us-east-1a", "on-demand") for price in told.values())


def test_the_price_history_comes_page_by_page_and_newest_first(cloud: LocalCloud) -> None:
    asked = {"InstanceTypes": ["c7i.large"], "StartTime": datetime.now(UTC) - timedelta(days=3)}

    pages = list(
        cloud.client("ec2")
        .get_paginator("describe_spot_price_history")
        .paginate(**asked, AvailabilityZone="us-east-1b", PaginationConfig={"PageSize": 5})
    )

    assert len(pages) > 1
    times = [price["Timestamp"] for page in pages for price in page["SpotPriceHistory"]]
    assert times == sorted(times, reverse=True)
    assert len(set(times)) == len(times) >= 12


def test_the_price_history_can_be_filtered(cloud: LocalCloud) -> None:
    now = datetime.now(UTC)
    filters = [
        {"Name": "instance-type", "Values": ["c7g.large"]},
        {"Name": "availability-zone", "Values": ["us-east-1a", "us-east-1c"]},
    ]

    found = history(cloud, Filters=filters, StartTime=now, EndTime=now)
    windows = history(cloud, ProductDescriptions=["Windows"], StartTime=now, EndTime=now)

    assert {(price["InstanceType"], price["AvailabilityZone"]) for price in found} == {
        ("c7g.large", "us-east-1a"),
        ("c7g.large", "us-east-1c"),
    }
    assert windows == []
    assert code_of(lambda: history(cloud, Filters=[{"Name": "colour", "Values": ["red"]}])) == "InvalidParameterValue"
