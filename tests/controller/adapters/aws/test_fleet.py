"""What EC2 answers beside "here are your machines"; moto knows none of it."""

from __future__ import annotations

import base64
import json
from urllib.parse import parse_qs

import pytest
from botocore.session import Session
from botocore.validate import ParamValidator
from hypothesis import given
from hypothesis import strategies as st

from controller.adapters.aws.clients import Clients
from controller.adapters.aws.fleet import MAX_OVERRIDES, Ec2Fleet
from controller.domain.launch import Disk, LaunchAnswer, Machine, Offering, Refusal
from controller.domain.refusal import RefusalKind
from controller.domain.runner import Lifecycle
from controller.errors import Unavailable
from tests.controller.adapters.scripted import Play, ScriptedServer
from tests.fakes import samples

SUBNETS = {"us-east-1a": "subnet-a", "us-east-1b": "subnet-b"}
XML = {"Content-Type": "text/xml;charset=UTF-8"}
NAMESPACE = "http://ec2.amazonaws.com/doc/2016-11-15/"


def override(subnet: str, instance_type: str = "c7a.xlarge") -> str:
    return (
        "<launchTemplateAndOverrides><launchTemplateSpecification><launchTemplateId>lt-1</launchTemplateId>"
        "<version>3</version></launchTemplateSpecification>"
        f"<overrides><instanceType>{instance_type}</instanceType><subnetId>{subnet}</subnetId></overrides>"
        "</launchTemplateAndOverrides><lifecycle>spot</lifecycle>"
    )


def started(subnet: str, *names: str) -> str:
    ids = "".join(f"<item>{name}</item>" for name in names)
    return f"<item>{override(subnet)}<instanceIds>{ids}</instanceIds><instanceType>c7a.xlarge</instanceType></item>"


def error(code: str, subnet: str, message: str = "words") -> str:
    return f"<item>{override(subnet)}<errorCode>{code}</errorCode><errorMessage>{message}</errorMessage></item>"


def fleet_answer(instances: str = "", errors: str = "") -> Play:
    return Play(
        200,
        f'<?xml version="1.0" encoding="UTF-8"?><CreateFleetResponse xmlns="{NAMESPACE}"><requestId>r</requestId>'
        f"<fleetId>fleet-1</fleetId><fleetInstanceSet>{instances}</fleetInstanceSet><errorSet>{errors}</errorSet>"
        "</CreateFleetResponse>",
        XML,
    )


def refused(code: str, status: int, message: str = "words") -> Play:
    return Play(
        status,
        '<?xml version="1.0" encoding="UTF-8"?><Response><Errors><Error>'
        f"<Code>{code}</Code><Message>{message}</Message></Error></Errors><RequestID>r</RequestID></Response>",
        XML,
    )


@pytest.fixture
def fleet(scripted_clients: Clients) -> Ec2Fleet:
    return Ec2Fleet(scripted_clients, "dev-us-east-1", SUBNETS)


def launch(fleet: Ec2Fleet) -> LaunchAnswer:
    return fleet.launch(fleet.request(samples.plan(count=3)))


def test_machines_and_refusals_of_one_answer_come_together(scripted: ScriptedServer, fleet: Ec2Fleet) -> None:
    scripted.play(
        fleet_answer(
            started("subnet-a", "i-1", "i-2") + started("subnet-b", "i-3"),
            error("InsufficientInstanceCapacity", "subnet-b") * 2 + error("Unsupported", "subnet-a"),
        )
    )

    answer = launch(fleet)

    assert answer.machines == (
        Machine("i-1", "c7a.xlarge", "us-east-1a", Lifecycle.SPOT),
        Machine("i-2", "c7a.xlarge", "us-east-1a", Lifecycle.SPOT),
        Machine("i-3", "c7a.xlarge", "us-east-1b", Lifecycle.SPOT),
    )
    assert answer.refusals == (
        Refusal(RefusalKind.CAPACITY, "InsufficientInstanceCapacity", "words", "c7a.xlarge", "us-east-1b"),
        Refusal(RefusalKind.UNSUPPORTED, "Unsupported", "words", "c7a.xlarge", "us-east-1a"),
    )


def test_throttling_inside_an_answer_is_not_about_a_pool(scripted: ScriptedServer, fleet: Ec2Fleet) -> None:
    scripted.play(
        fleet_answer(errors=error("RequestLimitExceeded", "subnet-a") + error("RequestLimitExceeded", "subnet-b"))
    )

    answer = launch(fleet)

    assert answer == LaunchAnswer(refusals=(Refusal(RefusalKind.RATE, "RequestLimitExceeded", "words"),))


@pytest.mark.parametrize(
    ("code", "status", "kind"),
    [
        ("InvalidLaunchTemplateId.NotFound", 400, RefusalKind.CONFIG),
        ("UnauthorizedOperation", 403, RefusalKind.CONFIG),
        ("IdempotentParameterMismatch", 400, RefusalKind.CONFIG),
        ("MaxSpotInstanceCountExceeded", 400, RefusalKind.QUOTA),
        ("VcpuLimitExceeded", 400, RefusalKind.QUOTA),
        ("AuthFailure.ServiceLinkedRoleCreationNotPermitted", 403, RefusalKind.SPECIAL),
        ("InsufficientInstanceCapacity", 500, RefusalKind.CAPACITY),
    ],
)
def test_a_refusal_of_the_whole_launch_is_an_answer(
    scripted: ScriptedServer, fleet: Ec2Fleet, code: str, status: int, kind: RefusalKind
) -> None:
    scripted.play(*[refused(code, status)] * (2 if "LaunchTemplate" in code else 1))

    assert launch(fleet) == LaunchAnswer(refusals=(Refusal(kind, code, "words"),))


def test_a_template_that_is_not_known_yet_is_asked_for_once_more(scripted: ScriptedServer, fleet: Ec2Fleet) -> None:
    scripted.play(refused("InvalidLaunchTemplateId.NotFound", 400), fleet_answer(started("subnet-a", "i-1")))

    assert [machine.instance_id for machine in launch(fleet).machines] == ["i-1"]


@pytest.mark.parametrize(
    "play",
    [
        refused("RequestLimitExceeded", 503),
        refused("InternalError", 500),
        refused("Unavailable", 503),
        Play(502, "<html>bad gateway</html>"),
        Play(drop=True),
    ],
)
def test_an_unknown_outcome_is_unavailable_and_asked_for_once(
    scripted: ScriptedServer, fleet: Ec2Fleet, play: Play
) -> None:
    scripted.play(play, fleet_answer(started("subnet-a", "i-1")))

    with pytest.raises(Unavailable, match="launch launch-1"):
        launch(fleet)

    assert len(scripted.seen) == 1


def test_a_repeated_request_is_the_same_to_the_last_byte(scripted: ScriptedServer, fleet: Ec2Fleet) -> None:
    scripted.play(Play(drop=True), fleet_answer(started("subnet-a", "i-1")))
    request = fleet.request(samples.plan(count=3))
    with pytest.raises(Unavailable):
        fleet.launch(request)

    fleet.launch(request)

    first, again = (parse_qs(seen.body) for seen in scripted.seen)
    assert first == again
    assert first["ClientToken"] == ["launch-1"]


def test_an_unknown_machine_is_none_and_a_fault_is_not(scripted: ScriptedServer, fleet: Ec2Fleet) -> None:
    scripted.play(refused("InvalidInstanceID.NotFound", 400), *[refused("InternalError", 500)] * 3)

    assert fleet.machine("i-1") is None
    with pytest.raises(Unavailable):
        fleet.machine("i-1")


def test_unknown_machines_are_left_out_even_where_ec2_does_not_name_them(
    scripted: ScriptedServer, fleet: Ec2Fleet
) -> None:
    nameless = refused("InvalidInstanceID.NotFound", 400, "some do not exist")
    fine = Play(200, f'<TerminateInstancesResponse xmlns="{NAMESPACE}"/>', XML)
    scripted.play(nameless, fine, nameless, nameless, fine)

    fleet.terminate(["i-1", "i-2", "i-3", "i-4"])

    asked = [
        sorted(v[0] for k, v in parse_qs(seen.body).items() if k.startswith("InstanceId")) for seen in scripted.seen
    ]
    assert asked == [["i-1", "i-2", "i-3", "i-4"], ["i-1", "i-2"], ["i-3", "i-4"], ["i-3"], ["i-4"]]


def test_the_request_of_a_spot_launch_is_this_one() -> None:
    request = json.loads(Ec2Fleet(Clients("us-east-1"), "dev", SUBNETS).request(samples.plan(template="lt-1:$Latest")))

    tags = [{"Key": "spotrunner:stack", "Value": "dev-us-east-1"}, {"Key": "spotrunner:launch", "Value": "launch-1"}]
    assert request == {
        "ClientToken": "launch-1",
        "Type": "instant",
        "TargetCapacitySpecification": {"TotalTargetCapacity": 2, "DefaultTargetCapacityType": "spot"},
        "SpotOptions": {"AllocationStrategy": "price-capacity-optimized"},
        "LaunchTemplateConfigs": [
            {
                "LaunchTemplateSpecification": {"LaunchTemplateId": "lt-1", "Version": "$Latest"},
                "Overrides": [
                    {"InstanceType": "c7a.xlarge", "SubnetId": "subnet-a"},
                    {"InstanceType": "c7a.xlarge", "SubnetId": "subnet-b"},
                ],
            }
        ],
        "TagSpecifications": [
            {"ResourceType": kind, "Tags": tags} for kind in ("fleet", "instance", "volume", "network-interface")
        ],
    }


def test_an_on_demand_launch_takes_the_offerings_in_their_order() -> None:
    plan = samples.plan(lifecycle=Lifecycle.ON_DEMAND, template="runners")

    request = json.loads(Ec2Fleet(Clients("us-east-1"), "dev", SUBNETS).request(plan))

    config = request["LaunchTemplateConfigs"][0]
    assert "SpotOptions" not in request
    assert request["OnDemandOptions"] == {"AllocationStrategy": "prioritized"}
    assert [override["Priority"] for override in config["Overrides"]] == [0.0, 1.0]
    assert config["LaunchTemplateSpecification"] == {"LaunchTemplateName": "runners", "Version": "$Default"}


@given(st.integers(1, 200), st.integers(1, 1_000))
def test_a_request_stays_within_what_ec2_takes(offerings: int, count: int) -> None:
    many = tuple(Offering(f"c7a.{n}xlarge", "us-east-1a", f"subnet-{n}") for n in range(offerings))

    request = Ec2Fleet(Clients("us-east-1"), "dev", SUBNETS).request(samples.plan(offerings=many, count=count))

    overrides = json.loads(request)["LaunchTemplateConfigs"][0]["Overrides"]
    assert [override["SubnetId"] for override in overrides] == [o.subnet for o in many[:MAX_OVERRIDES]]


def test_an_image_and_a_disk_of_their_own_stand_in_every_override() -> None:
    plan = samples.plan(image="ami-0123", disk=Disk("/dev/sda1", 80))

    request = json.loads(Ec2Fleet(Clients("us-east-1"), "dev", SUBNETS).request(plan))

    (config,) = request["LaunchTemplateConfigs"]
    assert len(config["Overrides"]) == 2
    for override in config["Overrides"]:
        assert override["ImageId"] == "ami-0123"
        assert override["BlockDeviceMappings"] == [
            {
                "DeviceName": "/dev/sda1",
                "Ebs": {"VolumeSize": 80, "VolumeType": "gp3", "Encrypted": True, "DeleteOnTermination": True},
            }
        ]
    shape = Session().get_service_model("ec2").operation_model("CreateFleet").input_shape
    assert shape is not None
    assert not ParamValidator().validate(request, shape).has_errors()


def test_without_them_the_launch_templates_stand() -> None:
    request = json.loads(Ec2Fleet(Clients("us-east-1"), "dev", SUBNETS).request(samples.plan()))

    assert not any(
        {"ImageId", "BlockDeviceMappings"} & set(one) for one in request["LaunchTemplateConfigs"][0]["Overrides"]
    )


def console_answer(text: str) -> Play:
    output = base64.b64encode(text.encode()).decode()
    return Play(
        200,
        f'<?xml version="1.0" encoding="UTF-8"?><GetConsoleOutputResponse xmlns="{NAMESPACE}"><requestId>r</requestId>'
        f"<instanceId>i-1</instanceId><timestamp>2026-01-01T00:00:00Z</timestamp><output>{output}</output>"
        "</GetConsoleOutputResponse>",
        XML,
    )


def test_a_console_is_what_the_machine_wrote(scripted: ScriptedServer, scripted_clients: Clients) -> None:
    scripted.play(console_answer("Kernel panic\n"))

    assert Ec2Fleet(scripted_clients, "dev", SUBNETS).console("i-1") == "Kernel panic\n"
    assert parse_qs(scripted.seen[0].body)["Action"] == ["GetConsoleOutput"]


def test_the_console_of_a_machine_that_ec2_has_forgotten_is_empty(
    scripted: ScriptedServer, scripted_clients: Clients
) -> None:
    scripted.play(refused("InvalidInstanceID.NotFound", 400))

    assert Ec2Fleet(scripted_clients, "dev", SUBNETS).console("i-1") == ""


def test_a_console_that_ec2_will_not_show_now_may_be_asked_for_again(
    scripted: ScriptedServer, scripted_clients: Clients
) -> None:
    scripted.play(*[refused("InternalError", 500)] * 5)

    with pytest.raises(Unavailable):
        Ec2Fleet(scripted_clients, "dev", SUBNETS).console("i-1")
