"""Which rights a call to EC2 needs; CreateFleet runs machines, tags them and hands them a role in its caller's name.

https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-fleet-prerequisites.html
https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ExamplePolicies_EC2.html
https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/supported-iam-actions-tagging.html
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from controller.local.aws import ec2_wire
from controller.local.aws.calls import Call
from controller.local.aws.iam import Access
from controller.local.aws.iam_patterns import Context, Unclear
from controller.local.aws.network import Network
from controller.local.aws.principals import ACCOUNT
from controller.local.aws.refusals import ServiceError

Fields = dict[str, Any]
Tags = Mapping[str, str]

MODELLED = frozenset({"aws:tagkeys", "ec2:createaction", "ec2:region", "ec2:sourceinstancearn", "iam:passedtoservice"})

_NO_RESOURCE = frozenset(
    {
        "DescribeInstances",
        "DescribeInstanceTypeOfferings",
        "DescribeInstanceTypes",
        "DescribeLaunchTemplates",
        "DescribeSpotPriceHistory",
        "DescribeSubnets",
        "DescribeVpcs",
    }
)
_ON_INSTANCES = {
    "CreateTags": "ResourceId",
    "GetConsoleOutput": "InstanceId",
    "StartInstances": "InstanceId",
    "StopInstances": "InstanceId",
    "TerminateInstances": "InstanceId",
}
_MADE = ("instance", "volume", "network-interface")
_TEMPLATE = frozenset(
    {
        "BlockDeviceMapping",
        "IamInstanceProfile",
        "ImageId",
        "InstanceInitiatedShutdownBehavior",
        "InstanceType",
        "KeyName",
        "MetadataOptions",
        "SecurityGroupId",
        "TagSpecification",
        "UserData",
    }
)
_OVERRIDE = frozenset(
    {"AvailabilityZone", "BlockDeviceMapping", "ImageId", "InstanceType", "MaxPrice", "Priority", "SubnetId"}
)


@dataclass(frozen=True, slots=True)
class Machines:
    """What EC2 looks up about the things that a call names."""

    network: Network
    tags: Callable[[str], Tags]
    """The tags of an instance; none for one that is not there."""


def needed(call: Call, machines: Machines, known: Context) -> tuple[Access, ...]:
    """All accesses of a call; none at all for an action that is not listed here."""
    known = {**known, "ec2:region": (call.region,)}
    if call.action == "CreateFleet":
        return tuple(_Fleet(ec2_wire.nested(call.form), call.region, machines.network, known).accesses())
    if call.action in _NO_RESOURCE:
        return (Access(f"ec2:{call.action}", "*", known),)
    if call.action in _ON_INSTANCES:
        return tuple(_on_instances(call, machines, known))
    return ()


def _on_instances(call: Call, machines: Machines, known: Context) -> Iterator[Access]:
    fields = ec2_wire.nested(call.form)
    given = fields[_ON_INSTANCES[call.action]]
    ids = given if isinstance(given, list) else [given]
    asked = _requested(_tags(fields)) if call.action == "CreateTags" else {}
    for each in ids:
        if not each.startswith("i-"):
            raise Unclear(f"{call.action} on {each}: only instances are judged here")
        context = {**known, **asked, **_carried(machines.tags(each))}
        yield Access(f"ec2:{call.action}", _arn(call.region, f"instance/{each}"), context)


@dataclass(frozen=True, slots=True)
class _Fleet:
    """One CreateFleet.

    Which of the launch's resources EC2 judges CreateFleet itself by, beside the fleet, is not told in detail: here
    it is all of them, so that a policy that passes here is never narrower than AWS wants it.
    """

    fields: Fields
    region: str
    network: Network
    known: Context

    def accesses(self) -> Iterator[Access]:
        """CreateFleet on the fleet and on what it uses, and what follows for each template."""
        fleet = _arn(self.region, "fleet/*")
        tags = self._asked("fleet")
        yield self._access("CreateFleet", fleet, tags)
        yield from self._tagging(fleet, tags, "CreateFleet")
        for config in self.fields.get("LaunchTemplateConfigs", []):
            yield from self._launch(config)

    def _launch(self, config: Fields) -> Iterator[Access]:
        template, data = self._template(config.get("LaunchTemplateSpecification", {}))
        overrides = config.get("Overrides") or [{}]
        _refuse_unknown(data, _TEMPLATE, "launch template")
        for override in overrides:
            _refuse_unknown(override, _OVERRIDE, "override")
        found = [template, *_used(data, overrides, self.region)]
        made: Mapping[str, Tags] = {
            _arn(self.region, f"{kind}/*"): {**_specified(data, kind), **self._asked(kind)} for kind in _MADE
        }
        for resource in found:
            yield self._access("CreateFleet", resource, {})
            yield self._access("RunInstances", resource, {})
        for resource, tags in made.items():
            yield self._access("CreateFleet", resource, tags)
            yield self._access("RunInstances", resource, tags)
            yield from self._tagging(resource, tags, "RunInstances")
        if self._is_spot():
            request = _arn(self.region, "spot-instances-request/*")
            tags = self._asked("spot-instances-request")
            yield self._access("RunInstances", request, tags)
            yield from self._tagging(request, tags, "RunInstances")
        if role := _role(data.get("IamInstanceProfile", {})):
            yield Access("iam:PassRole", role, {**self.known, "iam:passedtoservice": ("ec2.amazonaws.com",)})

    def _access(self, action: str, resource: str, tags: Tags) -> Access:
        return Access(f"ec2:{action}", resource, {**self.known, **_requested(tags)})

    def _tagging(self, resource: str, tags: Tags, during: str) -> Iterator[Access]:
        if tags:
            context = {**self.known, **_requested(tags), "ec2:createaction": (during,)}
            yield Access("ec2:CreateTags", resource, context)

    def _asked(self, kind: str) -> Tags:
        return _specified(self.fields, kind)

    def _template(self, wanted: Fields) -> tuple[str, Fields]:
        """Its ARN and its data; a template that is not there can still be judged by the name it was asked for."""
        try:
            template = self.network.template(wanted)
            return _arn(self.region, f"launch-template/{template.id}"), template.data(str(wanted.get("Version", "")))
        except ServiceError:
            name = wanted.get("LaunchTemplateId") or wanted.get("LaunchTemplateName") or "*"
            return _arn(self.region, f"launch-template/{name}"), {}

    def _is_spot(self) -> bool:
        target = self.fields.get("TargetCapacitySpecification", {})
        default = target.get("DefaultTargetCapacityType", "on-demand")
        return default == "spot" or int(target.get("SpotTargetCapacity", 0)) > 0


def _used(data: Fields, overrides: list[Fields], region: str) -> list[str]:
    """What is there already and goes into the launch; `*` where EC2 itself would choose."""
    images = [override.get("ImageId") or data.get("ImageId", "*") for override in overrides]
    subnets = [override.get("SubnetId", "*") for override in overrides]
    groups = data.get("SecurityGroupId") or ["*"]
    disks = [disk for each in (data, *overrides) for disk in each.get("BlockDeviceMapping", [])]
    return [
        *(f"arn:aws:ec2:{region}::image/{image}" for image in dict.fromkeys(images)),
        *(_arn(region, f"subnet/{subnet}") for subnet in dict.fromkeys(subnets)),
        *(_arn(region, f"security-group/{group}") for group in groups),
        *(_arn(region, f"key-pair/{data['KeyName']}") for _ in range("KeyName" in data)),
        *(
            f"arn:aws:ec2:{region}::snapshot/{disk['Ebs']['SnapshotId']}"
            for disk in disks
            if disk.get("Ebs", {}).get("SnapshotId")
        ),
    ]


def _refuse_unknown(given: Fields, known: frozenset[str], what: str) -> None:
    if unknown := given.keys() - known:
        raise Unclear(f"which rights a {what} with {', '.join(sorted(unknown))} needs is not known here")


def _role(profile: Fields) -> str:
    """The role in an instance profile, which has its name in this cloud."""
    name = profile.get("Name") or profile.get("Arn", "").rpartition("/")[2]
    return role_arn(name) if name else ""


def role_arn(name: str) -> str:
    """The ARN of a role of this account."""
    return f"arn:aws:iam::{ACCOUNT}:role/{name}"


def _arn(region: str, resource: str) -> str:
    return f"arn:aws:ec2:{region}:{ACCOUNT}:{resource}"


def _specified(fields: Fields, kind: str) -> Tags:
    specifications = (each for each in fields.get("TagSpecification", []) if each.get("ResourceType") == kind)
    return {key: value for each in specifications for key, value in _tags(each).items()}


def _tags(fields: Fields) -> Tags:
    return {tag["Key"]: tag.get("Value", "") for tag in fields.get("Tag", [])}


def _requested(tags: Tags) -> Context:
    each = {f"aws:requesttag/{key.lower()}": (value,) for key, value in tags.items()}
    return {**each, "aws:tagkeys": tuple(tags)} if tags else {}


def _carried(tags: Tags) -> Context:
    return {f"{prefix}:resourcetag/{key.lower()}": (value,) for prefix in ("aws", "ec2") for key, value in tags.items()}
