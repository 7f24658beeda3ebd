"""Fleets over the EC2 API, as the tests of machines launch them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from controller.local.aws.cloud import LocalCloud
from controller.settings import pairs
from tests.controller.local.aws.rig import eventually

AGENT = "import sys, time; print('booted', flush=True); time.sleep(1000)"


def fleet(cloud: LocalCloud, count: int, token: str, *types: str, lifecycle: str = "spot") -> dict[str, Any]:
    """Launch machines of these types in all zones."""
    template = pairs(cloud.settings.launch_templates)["linux/x64"]
    overrides = [
        {"InstanceType": kind, "SubnetId": subnet}
        for kind in types or ("m7i.large",)
        for subnet in pairs(cloud.settings.subnets).values()
    ]
    answer: dict[str, Any] = cloud.client("ec2").create_fleet(
        Type="instant",
        ClientToken=token,
        LaunchTemplateConfigs=[
            {
                "LaunchTemplateSpecification": {"LaunchTemplateId": template, "Version": "$Latest"},
                "Overrides": overrides,
            }
        ],
        TargetCapacitySpecification={"TotalTargetCapacity": count, "DefaultTargetCapacityType": lifecycle},
        SpotOptions={"AllocationStrategy": "price-capacity-optimized"},
        TagSpecifications=[{"ResourceType": "instance", "Tags": [{"Key": "spotrunner:launch", "Value": token}]}],
    )
    return answer


def ids(answer: dict[str, Any]) -> list[str]:
    """The machines of a fleet."""
    return [instance for group in answer["Instances"] for instance in group["InstanceIds"]]


def described(cloud: LocalCloud, **asked: object) -> dict[str, Any]:
    """What EC2 tells of machines, by id."""
    pages = cloud.client("ec2").get_paginator("describe_instances").paginate(**asked)
    return {
        instance["InstanceId"]: instance
        for page in pages
        for reservation in page["Reservations"]
        for instance in reservation["Instances"]
    }


def state_of(cloud: LocalCloud, name: str) -> str:
    """As the cloud knows it: asking EC2 again and again would empty a bucket."""
    return next(instance.state for instance in cloud.instances() if instance.id == name)


def code_of(call: Callable[[], object]) -> str:
    """The code that a call is refused with."""
    with pytest.raises(ClientError) as caught:
        call()
    return str(caught.value.response["Error"]["Code"])


def impatient(cloud: LocalCloud) -> Any:  # noqa: ANN401 - boto3 has a class for each service
    """A client that asks once and not again."""
    keys = cloud._admin
    session: Any = boto3.Session(keys.access_key, keys.secret_key, keys.token, region_name="us-east-1")
    config = Config(retries={"total_max_attempts": 1})
    return session.client("ec2", endpoint_url=cloud.front_url, config=config)


def stopped(cloud: LocalCloud, token: str, *types: str) -> str:
    """A machine that has run and was stopped."""
    (name,) = ids(fleet(cloud, 1, token, *types, lifecycle="on-demand"))
    eventually(lambda: "booted" in cloud.console(name))
    (change,) = cloud.client("ec2").stop_instances(InstanceIds=[name])["StoppingInstances"]
    assert (change["PreviousState"]["Name"], change["CurrentState"]["Name"]) == ("running", "stopping")
    eventually(lambda: state_of(cloud, name) == "stopped")
    return name
