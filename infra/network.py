"""Where the machines stand: subnets with a way out to the internet, and no way in but one that was asked for."""

from __future__ import annotations

from collections.abc import Mapping

import pulumi
import pulumi_aws as aws

from infra.config import StackConfig
from infra.keys import Keys
from infra.network_settings import GivenNetwork
from infra.own_network import OwnVpc

_SSH = 22


class Network(pulumi.ComponentResource):
    """A given VPC, or one of the stack's own."""

    subnets: Mapping[str, pulumi.Input[str]]
    """Zone to subnet."""
    security_group: pulumi.Output[str]
    addresses: list[pulumi.Output[str]]
    """The fixed addresses that all machines are seen under from outside; empty where each has its own."""

    def __init__(self, config: StackConfig, keys: Keys, opts: pulumi.ResourceOptions) -> None:
        super().__init__("spotrunner:infra:Network", "network", None, opts)
        inside = pulumi.ResourceOptions(parent=self)
        if isinstance(config.network, GivenNetwork):
            self.subnets, self.addresses = config.network.subnets, []
            self.security_group = _runners(config, config.network.vpc, inside)
        else:
            own = OwnVpc(config, config.network, keys, inside)
            self.subnets, self.addresses = own.subnets, own.addresses
            self.security_group = _runners(config, own.id, inside)
            own.endpoints(self.security_group)
        self.register_outputs({})


def _runners(config: StackConfig, vpc: pulumi.Input[str], inside: pulumi.ResourceOptions) -> pulumi.Output[str]:
    group = aws.ec2.SecurityGroup(
        "runners",
        name=f"{config.stack}-runners",
        description="Runner machines: everything out, nothing in",
        vpc_id=vpc,
        ingress=[_shell(block) for block in config.shell.ssh_from],
        egress=[
            aws.ec2.SecurityGroupEgressArgs(
                protocol="-1",
                from_port=0,
                to_port=0,
                cidr_blocks=["0.0.0.0/0"],
                ipv6_cidr_blocks=["::/0"],
                description="GitHub, the claim door, and whatever jobs need",
            )
        ],
        opts=inside,
    )
    return group.id


def _shell(block: str) -> aws.ec2.SecurityGroupIngressArgs:
    return aws.ec2.SecurityGroupIngressArgs(
        protocol="tcp",
        from_port=_SSH,
        to_port=_SSH,
        cidr_blocks=[] if ":" in block else [block],
        ipv6_cidr_blocks=[block] if ":" in block else [],
        description="A shell, from a range that the operator named",
    )
