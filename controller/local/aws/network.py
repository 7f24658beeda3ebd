"""The account's network and launch templates, as far as a launch reads them."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from controller.local.aws.refusals import ServiceError

Fields = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Subnet:
    """A subnet in its zone."""

    id: str
    vpc: str
    zone: str
    cidr: str


@dataclass(slots=True, eq=False)
class Template:
    """A launch template with all its versions, oldest first."""

    id: str
    name: str
    versions: list[Fields] = field(default_factory=list)

    def data(self, version: str) -> Fields:
        """The data of one version; raises `ServiceError` for one that is not there."""
        try:
            number = {"": 1, "$Default": 1, "$Latest": len(self.versions)}.get(version) or int(version)
            return self.versions[number - 1]
        except (ValueError, IndexError):
            raise ServiceError(
                "InvalidLaunchTemplateId.VersionNotFound", f"Could not find version {version} of {self.id}"
            ) from None


class Network:
    """VPCs, subnets and launch templates."""

    def __init__(self, region: str) -> None:
        self._region = region
        self._lock = threading.Lock()
        self._vpcs: dict[str, str] = {}
        self._subnets: dict[str, Subnet] = {}
        self._templates: dict[str, Template] = {}

    @property
    def actions(self) -> Mapping[str, Callable[[Fields], Fields]]:
        """The EC2 actions answered here."""
        return {
            "CreateVpc": self.create_vpc,
            "DescribeVpcs": self.describe_vpcs,
            "CreateSecurityGroup": self.create_group,
            "CreateSubnet": self.create_subnet,
            "DescribeSubnets": self.describe_subnets,
            "CreateLaunchTemplate": self.create_template,
            "CreateLaunchTemplateVersion": self.create_version,
            "DescribeLaunchTemplates": self.describe_templates,
        }

    @property
    def default_zone(self) -> str:
        """Where a machine comes up when nobody says where."""
        return f"{self._region}a"

    @property
    def zones(self) -> list[str]:
        """The zones that have a subnet, or else the first one."""
        return sorted({subnet.zone for subnet in self._subnets.values()}) or [self.default_zone]

    def subnet(self, subnet_id: str) -> Subnet:
        """A subnet by its id; raises `ServiceError`."""
        try:
            return self._subnets[subnet_id]
        except KeyError:
            raise ServiceError("InvalidSubnetID.NotFound", f"The subnet ID '{subnet_id}' does not exist") from None

    def template(self, wanted: Fields) -> Template:
        """The template that a specification names by id or by name; raises `ServiceError`."""
        given = wanted.get("LaunchTemplateId") or wanted.get("LaunchTemplateName") or ""
        for template in self._templates.values():
            if given in {template.id, template.name}:
                return template
        raise ServiceError("InvalidLaunchTemplateId.NotFound", f"The specified launch template, {given}, is not there")

    def create_vpc(self, fields: Fields) -> Fields:
        """CreateVpc."""
        vpc = _new("vpc")
        with self._lock:
            self._vpcs[vpc] = fields["CidrBlock"]
        return {"vpc": self._vpc(vpc)}

    def describe_vpcs(self, fields: Fields) -> Fields:
        """DescribeVpcs."""
        wanted = fields.get("VpcId") or list(self._vpcs)
        return {"vpcSet": [self._vpc(vpc) for vpc in wanted if vpc in self._vpcs]}

    def create_subnet(self, fields: Fields) -> Fields:
        """CreateSubnet."""
        if fields["VpcId"] not in self._vpcs:
            raise ServiceError("InvalidVpcID.NotFound", f"The vpc ID '{fields['VpcId']}' does not exist")
        zone = fields.get("AvailabilityZone", self.default_zone)
        subnet = Subnet(_new("subnet"), fields["VpcId"], zone, fields["CidrBlock"])
        with self._lock:
            self._subnets[subnet.id] = subnet
        return {"subnet": _subnet(subnet)}

    def describe_subnets(self, fields: Fields) -> Fields:
        """DescribeSubnets."""
        wanted = fields.get("SubnetId") or list(self._subnets)
        return {"subnetSet": [_subnet(self.subnet(subnet)) for subnet in wanted]}

    def create_group(self, fields: Fields) -> Fields:
        """CreateSecurityGroup; there is no traffic here that its rules could stop."""
        if fields["VpcId"] not in self._vpcs:
            raise ServiceError("InvalidVpcID.NotFound", f"The vpc ID '{fields['VpcId']}' does not exist")
        return {"return": True, "groupId": _new("sg")}

    def create_template(self, fields: Fields) -> Fields:
        """CreateLaunchTemplate."""
        name = fields["LaunchTemplateName"]
        with self._lock:
            if any(template.name == name for template in self._templates.values()):
                raise ServiceError("InvalidLaunchTemplateName.AlreadyExistsException", f"{name} is already in use")
            template = Template(_new("lt"), name, [fields["LaunchTemplateData"]])
            self._templates[template.id] = template
        return {"launchTemplate": _template(template)}

    def create_version(self, fields: Fields) -> Fields:
        """CreateLaunchTemplateVersion."""
        template = self.template(fields)
        with self._lock:
            template.versions.append(fields["LaunchTemplateData"])
        number = len(template.versions)
        version = {"launchTemplateId": template.id, "launchTemplateName": template.name, "versionNumber": number}
        return {"launchTemplateVersion": version}

    def describe_templates(self, fields: Fields) -> Fields:
        """DescribeLaunchTemplates."""
        ids = fields.get("LaunchTemplateId") or list(self._templates)
        return {"launchTemplates": [_template(self.template({"LaunchTemplateId": one})) for one in ids]}

    def _vpc(self, vpc: str) -> Fields:
        return {"vpcId": vpc, "cidrBlock": self._vpcs[vpc], "state": "available", "isDefault": False}


def _new(kind: str) -> str:
    return f"{kind}-0{secrets.token_hex(8)}"


def _subnet(subnet: Subnet) -> Fields:
    return {
        "subnetId": subnet.id,
        "vpcId": subnet.vpc,
        "availabilityZone": subnet.zone,
        "cidrBlock": subnet.cidr,
        "state": "available",
    }


def _template(template: Template) -> Fields:
    return {
        "launchTemplateId": template.id,
        "launchTemplateName": template.name,
        "defaultVersionNumber": 1,
        "latestVersionNumber": len(template.versions),
    }
