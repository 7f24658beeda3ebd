from __future__ import annotations

import concurrent.futures
import os
import sys
from collections.abc import Callable

import pytest

from controller.local.aws.cloud import LocalCloud
from controller.local.aws.instance import Latencies, State
from controller.settings import pairs
from tests.controller.local.aws.fleets import AGENT, code_of, described, fleet, ids, state_of
from tests.controller.local.aws.rig import eventually

pytestmark = pytest.mark.local_cloud


@pytest.fixture(scope="module")
def cloud(start_cloud: Callable[..., LocalCloud]) -> LocalCloud:
    cloud = start_cloud(agent_command=(sys.executable, "-I", "-S", "-c", AGENT))
    cloud.pools.sell_out(instance_type="sold.out")
    cloud.pools.sell_out("spot", zone="us-east-1c")
    cloud.pools.limit("*", "scarce.large", "*", 1)
    return cloud


def test_a_fleet_answers_by_override_with_type_zone_and_lifecycle(cloud: LocalCloud) -> None:
    answer = fleet(cloud, 3, "groups", "sold.out", "m7i.large")

    assert [
        (group["InstanceType"], group["Lifecycle"], len(group["InstanceIds"])) for group in answer["Instances"]
    ] == [
        ("m7i.large", "spot", 2),
        ("m7i.large", "spot", 1),
    ]
    places = [group["LaunchTemplateAndOverrides"]["Overrides"] for group in answer["Instances"]]
    assert [place["AvailabilityZone"] for place in places] == ["us-east-1a", "us-east-1b"]
    assert [place["SubnetId"] for place in places] == list(pairs(cloud.settings.subnets).values())[:2]
    refused = {
        (
            error["ErrorCode"],
            error["LaunchTemplateAndOverrides"]["Overrides"]["InstanceType"],
            error["LaunchTemplateAndOverrides"]["Overrides"]["AvailabilityZone"],
        )
        for error in answer["Errors"]
    }
    assert refused == {("InsufficientInstanceCapacity", "sold.out", f"us-east-1{zone}") for zone in "abc"}


def test_what_cannot_be_had_is_told_and_the_rest_is_given(cloud: LocalCloud) -> None:
    answer = fleet(cloud, 5, "partial", "scarce.large", lifecycle="on-demand")

    assert len(ids(answer)) == 3
    assert {error["Lifecycle"] for error in answer["Errors"]} == {"on-demand"}


def test_the_same_token_gives_the_same_machines_even_at_the_same_time(cloud: LocalCloud) -> None:
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: fleet(cloud, 2, "token"), range(8)))

    assert len({tuple(ids(answer)) for answer in answers}) == 1
    assert len({answer["FleetId"] for answer in answers}) == 1
    assert len([instance for instance in cloud.instances() if instance.token == "token"]) == 2


def test_the_same_token_for_something_else_is_refused(cloud: LocalCloud) -> None:
    fleet(cloud, 1, "mismatch")

    code = code_of(lambda: fleet(cloud, 2, "mismatch"))

    assert code == "IdempotentParameterMismatch"


def test_a_machine_is_described_from_launch_to_its_end(cloud: LocalCloud) -> None:
    (name,) = ids(fleet(cloud, 1, "described"))
    eventually(lambda: "booted" in cloud.console(name))
    running = described(cloud, InstanceIds=[name])[name]

    change = cloud.client("ec2").terminate_instances(InstanceIds=[name])["TerminatingInstances"][0]
    eventually(lambda: state_of(cloud, name) == "terminated")

    assert running["State"]["Name"] == "running"
    assert (running["InstanceType"], running["InstanceLifecycle"]) == ("m7i.large", "spot")
    assert running["Placement"]["AvailabilityZone"] == "us-east-1a"
    assert {"Key": "spotrunner:launch", "Value": "described"} in running["Tags"]
    assert (change["PreviousState"]["Name"], change["CurrentState"]["Name"]) == ("running", "shutting-down")
    ended = described(cloud, InstanceIds=[name])[name]
    assert ended["StateReason"]["Code"] == "Client.UserInitiatedShutdown"
    record = next(instance for instance in cloud.instances() if instance.id == name)
    assert record.ended_at is not None
    assert record.ended_at >= record.launched_at
    assert not [process for process in cloud.processes() if process.machine == name]


def test_terminating_twice_is_harmless(cloud: LocalCloud) -> None:
    (name,) = ids(fleet(cloud, 1, "twice"))
    cloud.client("ec2").terminate_instances(InstanceIds=[name])
    eventually(lambda: state_of(cloud, name) == "terminated")

    change = cloud.client("ec2").terminate_instances(InstanceIds=[name])["TerminatingInstances"][0]

    assert (change["PreviousState"]["Name"], change["CurrentState"]["Name"]) == ("terminated", "terminated")


def test_one_unknown_machine_fails_the_whole_call(cloud: LocalCloud) -> None:
    (name,) = ids(fleet(cloud, 1, "unknown"))

    code = code_of(lambda: cloud.client("ec2").terminate_instances(InstanceIds=[name, "i-0000"]))

    assert code == "InvalidInstanceID.NotFound"
    assert described(cloud, InstanceIds=[name])[name]["State"]["Name"] in {"pending", "running"}


def test_machines_are_found_by_tag_and_state_page_by_page(cloud: LocalCloud) -> None:
    names = ids(fleet(cloud, 7, "paged"))
    filters = [
        {"Name": "tag:spotrunner:launch", "Values": ["paged"]},
        {"Name": "instance-state-name", "Values": ["pending", "running"]},
        {"Name": "tag-key", "Values": ["spotrunner:launch"]},
    ]

    found = described(cloud, Filters=filters, PaginationConfig={"PageSize": 5})

    assert sorted(found) == sorted(names)


def test_an_unknown_filter_is_refused(cloud: LocalCloud) -> None:
    code = code_of(lambda: described(cloud, Filters=[{"Name": "colour", "Values": ["red"]}]))

    assert code == "InvalidParameterValue"


def test_tags_can_be_added_later(cloud: LocalCloud) -> None:
    (name,) = ids(fleet(cloud, 1, "tagged"))

    cloud.client("ec2").create_tags(Resources=[name], Tags=[{"Key": "later", "Value": "yes"}])

    tags = {tag["Key"]: tag["Value"] for tag in described(cloud, InstanceIds=[name])[name]["Tags"]}
    assert (tags["later"], tags["spotrunner:launch"]) == ("yes", "tagged")


def test_the_console_shows_what_the_machine_printed(cloud: LocalCloud) -> None:
    (name,) = ids(fleet(cloud, 1, "console"))
    eventually(lambda: "booted" in cloud.console(name))

    output = cloud.client("ec2").get_console_output(InstanceId=name)["Output"]

    assert "booted" in output


def test_a_machine_switched_off_from_inside_ends_by_its_own_word(cloud: LocalCloud) -> None:
    (name,) = ids(fleet(cloud, 1, "inside"))
    eventually(lambda: "booted" in cloud.console(name))
    agent = next(p for p in cloud.processes() if p.machine == name and "machine.py" not in p.command)

    os.kill(agent.pid, 9)

    eventually(lambda: state_of(cloud, name) == "terminated")
    reason = described(cloud, InstanceIds=[name])[name]["StateReason"]["Code"]
    assert reason == "Client.InstanceInitiatedShutdown"


def test_an_on_demand_machine_without_terminate_behaviour_stays_stopped(cloud: LocalCloud) -> None:
    ec2 = cloud.client("ec2")
    data = {"ImageId": "ami-1", "InstanceType": "t3.nano"}
    template = ec2.create_launch_template(LaunchTemplateName="stays", LaunchTemplateData=data)["LaunchTemplate"]
    specification = {"LaunchTemplateName": template["LaunchTemplateName"]}
    answer = ec2.create_fleet(
        Type="instant",
        LaunchTemplateConfigs=[{"LaunchTemplateSpecification": specification}],
        TargetCapacitySpecification={"TotalTargetCapacity": 1, "DefaultTargetCapacityType": "on-demand"},
    )
    (name,) = ids(answer)
    eventually(lambda: "booted" in cloud.console(name))
    agent = next(p for p in cloud.processes() if p.machine == name and "machine.py" not in p.command)

    os.kill(agent.pid, 9)

    eventually(lambda: state_of(cloud, name) == "stopped")
    assert "InstanceLifecycle" not in described(cloud, InstanceIds=[name])[name]


def test_templates_and_the_network_can_be_described(cloud: LocalCloud) -> None:
    ec2 = cloud.client("ec2")
    template = pairs(cloud.settings.launch_templates)["linux/arm64"]
    ec2.create_launch_template_version(LaunchTemplateId=template, LaunchTemplateData={"ImageId": "ami-2"})

    told = ec2.describe_launch_templates(LaunchTemplateIds=[template])["LaunchTemplates"][0]
    subnets = ec2.describe_subnets()["Subnets"]

    assert (told["DefaultVersionNumber"], told["LatestVersionNumber"]) == (1, 2)
    assert {subnet["AvailabilityZone"] for subnet in subnets} == {"us-east-1a", "us-east-1b", "us-east-1c"}
    assert {subnet["VpcId"] for subnet in subnets} == {vpc["VpcId"] for vpc in ec2.describe_vpcs()["Vpcs"]}


def test_a_machine_takes_its_time_to_come_up(cloud: LocalCloud) -> None:
    instances = cloud._instances
    instances.latencies = Latencies(pending_s=1000.0)
    (name,) = ids(fleet(cloud, 1, "slow"))
    instances.latencies = Latencies()

    pending = described(cloud, InstanceIds=[name])[name]["State"]["Name"]
    cloud.client("ec2").terminate_instances(InstanceIds=[name])

    assert pending == "pending"
    record = next(instance for instance in cloud.instances() if instance.id == name)
    assert record.state is State.TERMINATED


def test_machines_of_one_launch_come_up_one_by_one_where_that_is_wanted(cloud: LocalCloud) -> None:
    instances = cloud._instances
    instances.latencies = Latencies(boot_spread_s=1000.0)
    names = ids(fleet(cloud, 20, "spread"))
    eventually(lambda: all(i.state is State.RUNNING for i in cloud.instances() if i.token == "spread"))
    instances.latencies = Latencies()

    up = {process.machine for process in cloud.processes()} & set(names)
    cloud.client("ec2").terminate_instances(InstanceIds=names)

    assert len(up) < 20
