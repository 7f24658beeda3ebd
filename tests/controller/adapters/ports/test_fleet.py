from __future__ import annotations

import time
from dataclasses import dataclass

import pytest

from controller.adapters.aws.clients import Clients
from controller.adapters.aws.fleet import Ec2Fleet
from controller.domain.launch import LaunchPlan, Offering
from controller.domain.runner import Lifecycle
from controller.ports import Fleet
from controller.wiring import TAG_LAUNCH, TAG_STACK
from tests.controller.adapters.conftest import warm
from tests.fakes import samples
from tests.fakes.fleet import FakeFleet


@dataclass(frozen=True, slots=True)
class Ground:
    """A fleet and where it may launch."""

    fleet: Fleet
    stack: str
    template: str
    offerings: tuple[Offering, ...]

    def plan(self, launch_id: str, count: int = 2, lifecycle: Lifecycle = Lifecycle.SPOT) -> LaunchPlan:
        return samples.plan(
            launch_id,
            template=self.template,
            offerings=self.offerings,
            count=count,
            lifecycle=lifecycle,
            tags=((TAG_STACK, self.stack), (TAG_LAUNCH, launch_id)),
        )


@pytest.fixture(scope="module")
def image(clients: Clients) -> str:
    """One of the machine images that moto knows."""
    warm("ec2")
    return clients.ec2.describe_images(Owners=["amazon"])["Images"][0].get("ImageId", "")


@pytest.fixture(params=["fake", "ec2"])
def ground(request: pytest.FixtureRequest, stack: str) -> Ground:
    zones = ("us-east-1a", "us-east-1b")
    if request.param == "fake":
        offerings = tuple(Offering("c5.large", zone, f"subnet-{zone}") for zone in zones)
        return Ground(FakeFleet(now=time.time()), stack, "lt-1", offerings)
    image: str = request.getfixturevalue("image")
    clients: Clients = request.getfixturevalue("clients")
    vpc = clients.ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnets = {
        zone: clients.ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.0.{n}.0/24", AvailabilityZone=zone)["Subnet"][
            "SubnetId"
        ]
        for n, zone in enumerate(zones)
    }
    template = clients.ec2.create_launch_template(LaunchTemplateName=stack, LaunchTemplateData={"ImageId": image})
    offerings = tuple(Offering("c5.large", zone, subnet) for zone, subnet in subnets.items())
    fleet = Ec2Fleet(clients, stack, subnets)
    return Ground(fleet, stack, template["LaunchTemplate"]["LaunchTemplateId"], offerings)


@pytest.mark.parametrize("lifecycle", list(Lifecycle))
def test_a_launch_starts_as_many_machines_as_asked(ground: Ground, lifecycle: Lifecycle) -> None:
    plan = ground.plan(f"{ground.stack}-1", count=3, lifecycle=lifecycle)

    answer = ground.fleet.launch(ground.fleet.request(plan))

    assert answer.refusals == ()
    assert len({machine.instance_id for machine in answer.machines}) == 3
    assert {machine.lifecycle for machine in answer.machines} == {lifecycle}
    assert {(m.instance_type, m.zone) for m in answer.machines} <= {(o.instance_type, o.zone) for o in ground.offerings}


def test_the_cloud_lists_the_machines_with_the_launch_they_came_from(ground: Ground) -> None:
    plan = ground.plan(f"{ground.stack}-1", count=2)
    answer = ground.fleet.launch(ground.fleet.request(plan))

    listed = ground.fleet.machines()

    assert {machine.instance_id for machine in listed} == {machine.instance_id for machine in answer.machines}
    assert {machine.launch_id for machine in listed} == {plan.launch_id}
    assert all(machine.running and machine.spot for machine in listed)
    assert all(abs(machine.launched_at - time.time()) < 600 for machine in listed)
    assert all(ground.fleet.machine(machine.instance_id) == machine for machine in listed)


def test_ended_machines_are_listed_as_not_running(ground: Ground) -> None:
    answer = ground.fleet.launch(ground.fleet.request(ground.plan(f"{ground.stack}-1", count=2)))
    first, second = (machine.instance_id for machine in answer.machines)

    ground.fleet.terminate([first])

    assert {machine.instance_id: machine.running for machine in ground.fleet.machines()} == {first: False, second: True}


def test_ending_machines_that_are_gone_does_no_harm_to_the_others(ground: Ground) -> None:
    answer = ground.fleet.launch(ground.fleet.request(ground.plan(f"{ground.stack}-1", count=2)))
    names = [machine.instance_id for machine in answer.machines]

    ground.fleet.terminate(["i-0123456789abcdef0", names[0], "i-0fedcba9876543210", names[1], names[1]])
    ground.fleet.terminate([])

    assert not any(machine.running for machine in ground.fleet.machines())


def test_a_machine_that_nobody_knows_is_none(ground: Ground) -> None:
    assert ground.fleet.machine("i-0123456789abcdef0") is None


def test_a_machine_has_a_console_and_one_that_nobody_knows_has_none(ground: Ground) -> None:
    answer = ground.fleet.launch(ground.fleet.request(ground.plan(f"{ground.stack}-1", count=1)))

    assert isinstance(ground.fleet.console(answer.machines[0].instance_id), str)
    assert ground.fleet.console("i-0123456789abcdef0") == ""


def test_equal_plans_ask_with_equal_texts(ground: Ground) -> None:
    first, again = (ground.fleet.request(ground.plan("launch-1")) for _ in range(2))

    assert first == again
    assert first != ground.fleet.request(ground.plan("launch-2"))


def test_machines_of_another_stack_are_none_of_ours(clients: Clients, image: str) -> None:
    other = clients.ec2.run_instances(ImageId=image, MinCount=1, MaxCount=1, InstanceType="c5.large")
    fleet = Ec2Fleet(clients, "ours", {})

    assert fleet.machine(other["Instances"][0].get("InstanceId", "")) is None
    assert fleet.machines() == []
