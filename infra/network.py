"""Where the machines stand: subnets with a way out to the internet, and no way in."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping

import pulumi
import pulumi_aws as aws

from infra.config import GivenNetwork, OwnNetwork, StackConfig

_EVERYWHERE = "0.0.0.0/0"


class Network(pulumi.ComponentResource):
    """A given VPC, or a small one of the stack's own without NAT, whose hourly price a runner fleet need not pay."""

    subnets: Mapping[str, pulumi.Input[str]]
    """Zone to subnet."""
    security_group: pulumi.Output[str]

    def __init__(self, config: StackConfig, opts: pulumi.ResourceOptions) -> None:
        super().__init__("spotrunner:infra:Network", "network", None, opts)
        inside = pulumi.ResourceOptions(parent=self)
        if isinstance(config.network, GivenNetwork):
            vpc: pulumi.Input[str] = config.network.vpc
            self.subnets = config.network.subnets
        else:
            vpc, self.subnets = _own(config, config.network, inside)
        self.security_group = _no_way_in(config, vpc, inside)
        self.register_outputs({})


def _own(
    config: StackConfig, network: OwnNetwork, inside: pulumi.ResourceOptions
) -> tuple[pulumi.Output[str], dict[str, pulumi.Input[str]]]:
    vpc = aws.ec2.Vpc(
        "vpc",
        cidr_block=network.cidr,
        enable_dns_support=True,
        enable_dns_hostnames=True,
        tags={"Name": config.stack},
        opts=inside,
    )
    # Whoever forgets to name a security group must not get one that lets its members talk to each other.
    aws.ec2.DefaultSecurityGroup("unused", vpc_id=vpc.id, ingress=[], egress=[], opts=inside)
    gateway = aws.ec2.InternetGateway("gateway", vpc_id=vpc.id, tags={"Name": config.stack}, opts=inside)
    table = aws.ec2.RouteTable("routes", vpc_id=vpc.id, tags={"Name": config.stack}, opts=inside)
    aws.ec2.Route(
        "out", route_table_id=table.id, destination_cidr_block=_EVERYWHERE, gateway_id=gateway.id, opts=inside
    )
    # Free, and faster than the way round through the internet: the runner archive comes from S3.
    aws.ec2.VpcEndpoint(
        "s3",
        vpc_id=vpc.id,
        service_name=f"com.amazonaws.{config.place.region}.s3",
        vpc_endpoint_type="Gateway",
        route_table_ids=[table.id],
        opts=inside,
    )
    return vpc.id, {
        zone: _subnet(zone, part, vpc.id, table.id, inside) for zone, part in _parts(network, config.stack).items()
    }


def _parts(network: OwnNetwork, stack: str) -> dict[str, tuple[str, str]]:
    """Zone to the subnet's name and range: the VPC in four, so that a fourth zone changes nothing of the three."""
    ranges = [str(part) for part in ipaddress.IPv4Network(network.cidr).subnets(prefixlen_diff=_bits(network))]
    return {zone: (f"{stack}-public-{zone[-1]}", block) for zone, block in zip(network.zones, ranges, strict=False)}


def _bits(network: OwnNetwork) -> int:
    return max(2, (len(network.zones) - 1).bit_length())


def _subnet(
    zone: str,
    part: tuple[str, str],
    vpc: pulumi.Input[str],
    table: pulumi.Input[str],
    inside: pulumi.ResourceOptions,
) -> pulumi.Output[str]:
    name, block = part
    subnet = aws.ec2.Subnet(
        f"public-{zone}",
        vpc_id=vpc,
        availability_zone=zone,
        cidr_block=block,
        map_public_ip_on_launch=True,
        tags={"Name": name},
        opts=inside,
    )
    aws.ec2.RouteTableAssociation(f"public-{zone}", subnet_id=subnet.id, route_table_id=table, opts=inside)
    return subnet.id


def _no_way_in(config: StackConfig, vpc: pulumi.Input[str], inside: pulumi.ResourceOptions) -> pulumi.Output[str]:
    group = aws.ec2.SecurityGroup(
        "runners",
        name=f"{config.stack}-runners",
        description="Runner machines: everything out, nothing in",
        vpc_id=vpc,
        ingress=[],
        egress=[
            aws.ec2.SecurityGroupEgressArgs(
                protocol="-1",
                from_port=0,
                to_port=0,
                cidr_blocks=[_EVERYWHERE],
                ipv6_cidr_blocks=["::/0"],
                description="GitHub, the claim door, and whatever jobs need",
            )
        ],
        opts=inside,
    )
    return group.id
