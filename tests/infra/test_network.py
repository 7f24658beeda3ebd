from __future__ import annotations

import ipaddress
import itertools
from collections.abc import Mapping

import pytest

from infra import config
from infra.values import BadConfig
from tests.infra.deployed import Deployed
from tests.infra.test_config import SMALLEST


def test_nothing_gets_into_a_machine_from_outside(stack: Deployed) -> None:
    group = stack.one("ec2/securityGroup:SecurityGroup").inputs
    unused = stack.one("ec2/defaultSecurityGroup:DefaultSecurityGroup").inputs
    kinds = {found.type for found in stack.resources}

    assert group["ingress"] == []
    assert (unused["ingress"], unused["egress"]) == ([], [])
    assert not {kind for kind in kinds if "ingress" in kind.lower() or "natGateway" in kind}


def test_the_own_network_has_a_public_subnet_in_each_zone(stack: Deployed) -> None:
    subnets = stack.of("ec2/subnet:Subnet").values()

    assert {s.inputs["availabilityZone"]: s.inputs["cidrBlock"] for s in subnets} == {
        "us-east-1a": "10.80.0.0/19",
        "us-east-1b": "10.80.32.0/19",
        "us-east-1c": "10.80.64.0/19",
    }
    assert {s.inputs["mapPublicIpOnLaunch"] for s in subnets} == {True}
    assert len(stack.of("ec2/routeTableAssociation:RouteTableAssociation")) == 3


def test_s3_and_dynamodb_are_reached_without_the_internet(runs: Mapping[str, Deployed]) -> None:
    for name in ("up", "private"):
        ways = runs[name].of("ec2/vpcEndpoint:VpcEndpoint")
        tables = {found.name for found in runs[name].of("ec2/routeTable:RouteTable").values()}

        assert {way: found.inputs["vpcEndpointType"] for way, found in ways.items()}.items() >= {
            ("s3", "Gateway"),
            ("dynamodb", "Gateway"),
        }
        assert len(ways["s3"].inputs["routeTableIds"]) == len(tables)


def test_private_machines_go_out_through_the_gateway_of_their_zone(runs: Mapping[str, Deployed]) -> None:
    private = runs["private"]

    machines = [s for s in private.of("ec2/subnet:Subnet").values() if s.name.startswith("private-")]
    gateways = private.of("ec2/natGateway:NatGateway")
    routes = private.of("ec2/route:Route")

    assert {s.inputs["mapPublicIpOnLaunch"] for s in machines} == {False}
    assert gateways.keys() == {"us-east-1a", "us-east-1b", "us-east-1c"}
    assert len({routes[f"private-{zone}"].inputs["natGatewayId"] for zone in gateways}) == 3
    assert {routes[f"private-{zone}-6"].inputs.get("gatewayId") for zone in gateways} == {None}
    assert private.outputs["addresses"] == ["198.51.100.7"] * 3


def test_one_gateway_serves_every_zone_where_that_is_enough(runs: Mapping[str, Deployed]) -> None:
    one = runs["one gateway"]

    (gateway,) = one.of("ec2/natGateway:NatGateway")
    ways = {
        route.inputs["natGatewayId"]
        for name, route in one.of("ec2/route:Route").items()
        if "natGatewayId" in route.inputs
    }

    assert gateway == "us-east-1a"
    assert len(ways) == 1
    assert one.outputs["addresses"] == ["198.51.100.7"]


def test_no_two_subnets_share_an_address(runs: Mapping[str, Deployed]) -> None:
    for run in runs.values():
        blocks = [s.inputs["cidrBlock"] for s in run.of("ec2/subnet:Subnet").values()]
        sixes = [s.inputs["ipv6CidrBlock"] for s in run.of("ec2/subnet:Subnet").values() if "ipv6CidrBlock" in s.inputs]

        networks = [ipaddress.ip_network(block) for block in blocks]
        assert not [(a, b) for a, b in itertools.combinations(networks, 2) if a.overlaps(b)]
        assert len(sixes) == len(set(sixes))


def test_ipv6_goes_out_and_never_in(runs: Mapping[str, Deployed]) -> None:
    machines = [s for s in runs["private"].of("ec2/subnet:Subnet").values() if s.name.startswith("private-")]

    assert [s.inputs["ipv6CidrBlock"] for s in machines] == [f"2001:db8:80:10{n}::/64" for n in range(3)]
    assert runs["private"].of("ec2/egressOnlyInternetGateway:EgressOnlyInternetGateway").keys() == {"out-6"}


def test_endpoints_are_open_to_the_machines_alone(runs: Mapping[str, Deployed]) -> None:
    private = runs["private"]

    group = private.of("ec2/securityGroup:SecurityGroup")["endpoints"].inputs
    faces = {
        name: found.inputs["serviceName"]
        for name, found in private.of("ec2/vpcEndpoint:VpcEndpoint").items()
        if found.inputs["vpcEndpointType"] == "Interface"
    }

    assert faces == {"sqs": "com.amazonaws.us-east-1.sqs", "execute-api": "com.amazonaws.us-east-1.execute-api"}
    assert [(rule["fromPort"], rule["toPort"], len(rule["securityGroups"])) for rule in group["ingress"]] == [
        (443, 443, 1)
    ]
    assert group["egress"] == []


def test_ssh_comes_from_the_named_ranges_alone(runs: Mapping[str, Deployed]) -> None:
    group = runs["private"].of("ec2/securityGroup:SecurityGroup")["runners"].inputs
    template = runs["private"].of("ec2/launchTemplate:LaunchTemplate")["windows-x64"].inputs

    assert [(rule["fromPort"], rule["cidrBlocks"], rule["ipv6CidrBlocks"]) for rule in group["ingress"]] == [
        (22, ["192.0.2.0/24"], []),
        (22, [], ["2001:db8::/32"]),
    ]
    assert template["keyName"] == "on-call"


def test_who_talks_to_whom_is_logged_where_that_is_wanted(runs: Mapping[str, Deployed]) -> None:
    log = runs["private"].one("ec2/flowLog:FlowLog").inputs
    policy = runs["private"].of("iam/rolePolicy:RolePolicy")["flow"].json("policy")
    trust = runs["private"].of("iam/role:Role")["flow"].json("assumeRolePolicy")["Statement"][0]

    assert (log["trafficType"], log["iamRoleArn"].rpartition("/")[2]) == ("ALL", "dev-us-east-1-flow")
    assert policy["Statement"][0]["Action"] == ["logs:CreateLogStream", "logs:PutLogEvents"]
    assert trust["Condition"] == {"StringEquals": {"aws:SourceAccount": "123456789012"}}
    assert runs["up"].of("ec2/flowLog:FlowLog") == {}


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"sshFrom": "0.0.0.0/0", "sshKey": "k"}, "spotrunner:sshFrom: 0.0.0.0/0 is the whole internet"),
        ({"sshFrom": "192.0.2.0/24, ::/0", "sshKey": "k"}, "spotrunner:sshFrom: ::/0 is the whole internet"),
        ({"sshFrom": "office", "sshKey": "k"}, "spotrunner:sshFrom: 'office' is not a range"),
        ({"sshFrom": "192.0.2.0/24"}, "spotrunner:sshKey: missing"),
        ({"sshKey": "k"}, "spotrunner:sshFrom: missing"),
        ({"egress": "none"}, "spotrunner:egress: 'none' is not one of public, nat, nat-per-zone"),
        ({"endpoints": "sqs,s4"}, "spotrunner:endpoints: 's4' is not one of"),
        ({"zones": ",".join(f"eu-west-1{z}" for z in "abcdefgh")}, "spotrunner:zones: 8 are more than 7"),
        ({"zones": "[1"}, "spotrunner:zones: '[1' is not words with commas between"),
        ({"vpcCidr": "10.0.0.0/22"}, "spotrunner:vpcCidr: '10.0.0.0/22' is not a range between a /16 and a /21"),
    ],
)
def test_a_network_that_can_not_be_is_told_before_anything_is_made(wrong: dict[str, str], told: str) -> None:
    values = SMALLEST | {f"spotrunner:{key}": value for key, value in wrong.items()}

    with pytest.raises(BadConfig) as caught:
        config.read("dev-eu-west-1", values)

    assert told in str(caught.value)
