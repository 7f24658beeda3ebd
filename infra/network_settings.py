"""What the operator decides about the network: a VPC of the stack's own, or one that is there already."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from controller.region import Place
from infra.values import Values


class Egress(StrEnum):
    """How machines reach the internet; there is no way in with any of them."""

    PUBLIC = "public"
    """Each machine has an address of its own: no hourly price but the address's."""
    NAT = "nat"
    """Private machines behind one NAT gateway: one fixed address outwards."""
    NAT_PER_ZONE = "nat-per-zone"
    """One gateway in each zone: no traffic between zones, and a zone that fails takes no other with it."""


MOST_ZONES = 7
"""A VPC is cut in eight: a part for each zone, and the last for what stands in front of private machines."""
_WIDEST, _NARROWEST = 16, 21
"""A VPC holds at most a /16; a /21 leaves each zone about 250 machines."""

ENDPOINTS = frozenset(
    {"ecr.api", "ecr.dkr", "execute-api", "logs", "secretsmanager", "sqs", "ssm", "ssmmessages", "sts"}
)
"""Interface endpoints that machines have a use for; each costs by the hour and zone."""


@dataclass(frozen=True, slots=True)
class OwnNetwork:
    """A VPC made for this stack."""

    cidr: str
    zones: tuple[str, ...]
    egress: Egress = Egress.PUBLIC
    ipv6: bool = False
    endpoints: tuple[str, ...] = ()
    """Services reached without the internet; S3 and DynamoDB always are, for nothing."""
    flow_logs: bool = False


@dataclass(frozen=True, slots=True)
class GivenNetwork:
    """A VPC that is there already; its subnets must reach the internet."""

    vpc: str
    subnets: Mapping[str, str]
    """Zone to subnet."""


@dataclass(frozen=True, slots=True)
class Shell:
    """Who may open a shell on a machine; nobody by the network unless ranges and a key are named."""

    session_manager: bool = True
    ssh_from: tuple[str, ...] = ()
    ssh_key: str = ""


def read_network(values: Values, place: Place) -> OwnNetwork | GivenNetwork:
    """The network's settings; faults are noted in `values`."""
    vpc = values.text("vpc", r"vpc-[0-9a-f]+", "the id of a VPC", "")
    subnets = values.mapping("subnets")
    own = OwnNetwork(
        cidr=values.text("vpcCidr", r"\S+", "a range", "10.80.0.0/16"),
        zones=values.names("zones", place.zones()),
        egress=Egress(values.choice("egress", [each.value for each in Egress])),
        ipv6=values.flag("ipv6", default=False),
        endpoints=values.names("endpoints"),
        flow_logs=values.flag("flowLogs", default=False),
    )
    if vpc or subnets:
        return _given(values, place, GivenNetwork(vpc, subnets))
    return _own(values, place, own)


def read_shell(values: Values) -> Shell:
    """Who may open a shell; faults are noted in `values`."""
    shell = Shell(
        session_manager=values.flag("sessionManager", default=True),
        ssh_from=values.names("sshFrom"),
        ssh_key=values.text("sshKey", r"\S[\S ]*", "the name of an EC2 key pair", ""),
    )
    for block in shell.ssh_from:
        _check_ssh(values, block)
    if bool(shell.ssh_from) != bool(shell.ssh_key):
        values.fault("sshKey" if shell.ssh_from else "sshFrom", "missing; a key pair and the ranges go together")
    return shell


def _given(values: Values, place: Place, network: GivenNetwork) -> GivenNetwork:
    if not network.vpc or not network.subnets:
        values.fault("subnets" if network.vpc else "vpc", "missing; a given VPC and its subnets go together")
    for zone, subnet in network.subnets.items():
        if not _is_zone(zone, place) or not re.fullmatch(r"subnet-[0-9a-f]+", subnet):
            values.fault(f"subnets.{zone}", f"{subnet!r} is not a subnet in a zone of {place.region}")
    return network


def _own(values: Values, place: Place, network: OwnNetwork) -> OwnNetwork:
    if not network.zones or not all(_is_zone(zone, place) for zone in network.zones):
        values.fault("zones", f"{', '.join(network.zones) or 'none'}: name zones of {place.region}")
    if len(network.zones) > MOST_ZONES:
        values.fault("zones", f"{len(network.zones)} are more than {MOST_ZONES}")
    if not _fits(network.cidr):
        values.fault("vpcCidr", f"{network.cidr!r} is not a range between a /{_WIDEST} and a /{_NARROWEST}")
    for endpoint in network.endpoints:
        if endpoint not in ENDPOINTS:
            values.fault("endpoints", f"{endpoint!r} is not one of {', '.join(sorted(ENDPOINTS))}")
    return network


def _fits(cidr: str) -> bool:
    try:
        return _WIDEST <= ipaddress.IPv4Network(cidr).prefixlen <= _NARROWEST
    except ValueError:
        return False


def _check_ssh(values: Values, block: str) -> None:
    try:
        whole = ipaddress.ip_network(block).prefixlen == 0
    except ValueError:
        values.fault("sshFrom", f"{block!r} is not a range such as 192.0.2.0/24")
        return
    if whole:
        values.fault("sshFrom", f"{block} is the whole internet; name your own ranges, or use Session Manager")


def _is_zone(zone: str, place: Place) -> bool:
    return re.fullmatch(rf"{re.escape(place.region)}[a-z]", zone) is not None
