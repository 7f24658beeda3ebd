from __future__ import annotations

import sys
from collections.abc import Callable, Iterator

import pytest

from controller.local.aws.buckets import Limits, Rate
from controller.local.aws.cloud import LocalCloud
from tests.controller.local.aws.fleets import AGENT, code_of, fleet, ids, impatient, stopped

pytestmark = pytest.mark.local_cloud

NEVER = 1e-6

Tight = Callable[[Limits], LocalCloud]


@pytest.fixture
def tight(start_cloud: Callable[..., LocalCloud]) -> Iterator[Tight]:
    """Start a cloud with limits of its own; there is one at a time."""
    clouds: list[LocalCloud] = []

    def start(limits: Limits) -> LocalCloud:
        clouds.append(start_cloud(limits=limits, agent_command=(sys.executable, "-I", "-S", "-c", AGENT)))
        return clouds[-1]

    yield start
    for cloud in clouds:
        cloud.stop()


def test_an_empty_bucket_of_calls_refuses_the_call(tight: Tight) -> None:
    cloud = tight(Limits(wholesale=Rate(3, NEVER)))
    client = impatient(cloud)

    for _ in range(3):
        client.describe_instances()
    code = code_of(client.describe_instances)
    narrower = client.describe_instances(MaxResults=5)
    client.close()

    assert code == "RequestLimitExceeded"
    assert narrower["Reservations"] == []
    assert [call.status for call in cloud.calls if call.action == "DescribeInstances"] == [200, 200, 200, 503, 200]


def test_an_empty_bucket_of_machines_is_told_inside_a_successful_answer(
    tight: Tight,
) -> None:
    cloud = tight(Limits(machines={"RunInstances": Rate(2, NEVER)}))

    first, second = fleet(cloud, 3, "first"), fleet(cloud, 1, "second")

    assert (len(ids(first)), len(ids(second))) == (2, 0)
    assert [error["ErrorCode"] for error in first["Errors"]] == ["RequestLimitExceeded"] * 3
    assert {error["ErrorMessage"] for error in second["Errors"]} == {"Request limit exceeded."}


def test_what_the_pools_did_not_give_costs_no_tokens(tight: Tight) -> None:
    cloud = tight(Limits(machines={"RunInstances": Rate(2, NEVER)}))
    cloud.pools.sell_out(instance_type="m7i.large")

    refused = fleet(cloud, 2, "refused", "m7i.large")
    given = fleet(cloud, 2, "given", "c7i.large")

    assert {error["ErrorCode"] for error in refused["Errors"]} == {"InsufficientInstanceCapacity"}
    assert len(ids(given)) == 2


def test_starting_has_a_bucket_of_its_own(tight: Tight) -> None:
    limits = Limits(requests={"StartInstances": Rate(2, NEVER)}, machines={"RunInstances": Rate(1, NEVER)})
    cloud = tight(limits)
    name = stopped(cloud, "starts")
    client = impatient(cloud)

    client.start_instances(InstanceIds=[name])
    client.start_instances(InstanceIds=[name])
    code = code_of(lambda: client.start_instances(InstanceIds=[name]))
    client.close()

    assert code == "RequestLimitExceeded"
