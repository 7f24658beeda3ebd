"""The machines in EC2: launched by one CreateFleet, listed and ended by their tags."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from controller.adapters.aws import errors
from controller.adapters.aws.clients import Clients, asking, code_of, message_of, status_of
from controller.domain.launch import LaunchAnswer, LaunchPlan, Machine, Refusal
from controller.domain.refusal import RefusalKind
from controller.domain.runner import Lifecycle
from controller.ports import CloudMachine
from controller.wiring import TAG_LAUNCH, TAG_STACK

if TYPE_CHECKING:
    from mypy_boto3_ec2.type_defs import CreateFleetResultTypeDef, InstanceTypeDef

MAX_OVERRIDES = 60
"""More make the request too large for EC2; the best-ranked ones are kept."""

TERMINATE_AT_ONCE = 1_000

_ABOUT_A_POOL = frozenset({RefusalKind.CAPACITY, RefusalKind.UNSUPPORTED, RefusalKind.SUBNET, RefusalKind.CONFIG})
_OUTCOME_UNKNOWN = frozenset({RefusalKind.RATE, RefusalKind.SERVER, RefusalKind.RACE})
_NOT_THERE_YET = frozenset({"InvalidLaunchTemplateId.NotFound", "InvalidLaunchTemplateName.NotFoundException"})
"""A template made a moment ago is not known everywhere at once: asked once more, then believed."""
_RANKED = frozenset({"capacity-optimized-prioritized", "prioritized"})
_NO_SUCH_INSTANCE = frozenset({"InvalidInstanceID.NotFound", "InvalidInstanceID.Malformed"})
_ALIVE = frozenset({"pending", "running"})


class Ec2Fleet:
    """The `Fleet` port. `subnets` maps zones to subnets, as the stack's settings do."""

    def __init__(self, clients: Clients, stack: str, subnets: Mapping[str, str]) -> None:
        self._clients = clients
        self._stack = stack
        self._zones = {subnet: zone for zone, subnet in subnets.items()}

    def request(self, plan: LaunchPlan) -> str:
        """CreateFleet's parameters as text: equal plans give equal texts."""
        return json.dumps(_parameters(plan), sort_keys=True, separators=(",", ":"))

    def launch(self, request: str) -> LaunchAnswer:
        """Ask for the machines; raises `Unavailable` where the outcome is not known or EC2 is throttling."""
        parameters = json.loads(request)
        with asking(f"launch {parameters['ClientToken']}"):
            try:
                answer = self._create(parameters)
            except ClientError as error:
                kind = errors.refusal_kind(code_of(error), status_of(error))
                if kind in _OUTCOME_UNKNOWN:
                    raise
                return LaunchAnswer(refusals=(Refusal(kind, code_of(error), message_of(error)),))
        return self._answer(answer, parameters)

    def _create(self, parameters: Mapping[str, Any]) -> CreateFleetResultTypeDef:
        try:
            return self._clients.ec2_once.create_fleet(**parameters)
        except ClientError as error:
            if code_of(error) not in _NOT_THERE_YET:
                raise
        return self._clients.ec2_once.create_fleet(**parameters)

    def machines(self) -> list[CloudMachine]:
        """All machines of this stack that EC2 has not forgotten, ended ones included."""
        pages = self._clients.ec2.get_paginator("describe_instances").paginate(
            Filters=[{"Name": f"tag:{TAG_STACK}", "Values": [self._stack]}]
        )
        with asking(f"machines of {self._stack}"):
            return [
                _machine(instance)
                for page in pages
                for reservation in page["Reservations"]
                for instance in reservation.get("Instances", [])
            ]

    def machine(self, instance_id: str) -> CloudMachine | None:
        """One machine of this stack."""
        with asking(f"machine {instance_id}"):
            try:
                answer = self._clients.ec2.describe_instances(InstanceIds=[instance_id])
            except ClientError as error:
                if code_of(error) in _NO_SUCH_INSTANCE:
                    return None
                raise
        found = [instance for group in answer["Reservations"] for instance in group.get("Instances", [])]
        ours = [instance for instance in found if _tags(instance).get(TAG_STACK) == self._stack]
        return _machine(ours[0]) if ours else None

    def terminate(self, instance_ids: Sequence[str]) -> None:
        """End the machines; those already gone do no harm."""
        wanted = list(dict.fromkeys(instance_ids))
        for start in range(0, len(wanted), TERMINATE_AT_ONCE):
            self._terminate(wanted[start : start + TERMINATE_AT_ONCE])

    def console(self, instance_id: str) -> str:
        """What a machine has last written on its console; EC2 keeps it for an hour after the machine's end."""
        with asking(f"console of {instance_id}"):
            try:
                answer = self._clients.ec2.get_console_output(InstanceId=instance_id)
            except ClientError as error:
                if code_of(error) in _NO_SUCH_INSTANCE:
                    return ""
                raise
        # The SDK has taken the encoding off already.
        return str(answer.get("Output", ""))

    def _terminate(self, wanted: list[str]) -> None:
        while wanted:
            with asking(f"end {len(wanted)} machines from {wanted[0]} on"):
                try:
                    self._clients.ec2.terminate_instances(InstanceIds=wanted)
                except ClientError as error:
                    if code_of(error) not in _NO_SUCH_INSTANCE:
                        raise
                    # One unknown id makes EC2 refuse all; it names the unknown ones.
                    unknown = set(re.findall(r"i-\w+", message_of(error)))
                    if len(wanted) > 1 and not unknown & set(wanted):
                        self._terminate(wanted[: len(wanted) // 2])
                        self._terminate(wanted[len(wanted) // 2 :])
                        return
                    wanted = [name for name in wanted if name not in unknown] if len(wanted) > 1 else []
                else:
                    return

    def _answer(self, answer: Mapping[str, Any], parameters: Mapping[str, Any]) -> LaunchAnswer:
        asked = Lifecycle(parameters["TargetCapacitySpecification"]["DefaultTargetCapacityType"])
        machines = [
            Machine(name, group.get("InstanceType") or _override(group).get("InstanceType", ""), zone, lifecycle)
            for group in answer.get("Instances", [])
            for zone, lifecycle in [(self._zone(group), Lifecycle(group.get("Lifecycle", asked)))]
            for name in group.get("InstanceIds", [])
        ]
        # EC2 repeats an error for each machine that it kept from starting.
        refusals = dict.fromkeys(self._refusals(answer.get("Errors", [])))
        return LaunchAnswer(tuple(machines), tuple(refusals))

    def _refusals(self, found: Iterable[Mapping[str, Any]]) -> Iterator[Refusal]:
        for error in found:
            code, message = error.get("ErrorCode", ""), error.get("ErrorMessage", "")
            kind = errors.refusal_kind(code)
            if kind in _ABOUT_A_POOL:
                yield Refusal(kind, code, message, _override(error).get("InstanceType", ""), self._zone(error))
            else:
                yield Refusal(kind, code, message)

    def _zone(self, group: Mapping[str, Any]) -> str:
        override = _override(group)
        return self._zones.get(override.get("SubnetId", "")) or override.get("AvailabilityZone", "")


def _parameters(plan: LaunchPlan) -> dict[str, Any]:
    spot = plan.lifecycle is Lifecycle.SPOT
    strategy = plan.strategy if spot else "prioritized"
    machine = _machine_of(plan)
    overrides = [
        {"InstanceType": offering.instance_type, "SubnetId": offering.subnet}
        | machine
        | ({"Priority": float(rank)} if strategy in _RANKED else {})
        for rank, offering in enumerate(plan.offerings[:MAX_OVERRIDES])
    ]
    tags = [{"Key": key, "Value": value} for key, value in plan.tags]
    return {
        "ClientToken": plan.launch_id,
        "Type": "instant",
        "TargetCapacitySpecification": {
            "TotalTargetCapacity": plan.count,
            "DefaultTargetCapacityType": plan.lifecycle.value,
        },
        "SpotOptions" if spot else "OnDemandOptions": {"AllocationStrategy": strategy},
        "LaunchTemplateConfigs": [{"LaunchTemplateSpecification": _template(plan.template), "Overrides": overrides}],
        # Not `spot-instances-request`: on an on-demand fleet EC2 refuses that one.
        "TagSpecifications": [
            {"ResourceType": kind, "Tags": tags} for kind in ("fleet", "instance", "volume", "network-interface")
        ],
    }


def _machine_of(plan: LaunchPlan) -> dict[str, Any]:
    """What differs from the launch template; an instant fleet takes it in each override."""
    image: dict[str, Any] = {"ImageId": plan.image} if plan.image else {}
    if plan.disk is None:
        return image
    # In full, because nothing says that EC2 takes what is left out here from the template's mapping.
    disk = {"VolumeSize": plan.disk.gib, "VolumeType": "gp3", "Encrypted": True, "DeleteOnTermination": True}
    return image | {"BlockDeviceMappings": [{"DeviceName": plan.disk.device, "Ebs": disk}]}


def _template(text: str) -> dict[str, str]:
    """`lt-…`, `name`, either with `:version`, as EC2 wants them."""
    name, _, version = text.partition(":")
    key = "LaunchTemplateId" if name.startswith("lt-") else "LaunchTemplateName"
    return {key: name, "Version": version or "$Default"}


def _override(group: Mapping[str, Any]) -> Mapping[str, Any]:
    override: Mapping[str, Any] = group.get("LaunchTemplateAndOverrides", {}).get("Overrides", {})
    return override


def _tags(instance: InstanceTypeDef) -> dict[str, str]:
    return {tag.get("Key", ""): tag.get("Value", "") for tag in instance.get("Tags", [])}


def _machine(instance: InstanceTypeDef) -> CloudMachine:
    return CloudMachine(
        instance_id=instance.get("InstanceId", ""),
        launch_id=_tags(instance).get(TAG_LAUNCH, ""),
        launched_at=instance["LaunchTime"].timestamp(),
        instance_type=instance.get("InstanceType", ""),
        zone=instance.get("Placement", {}).get("AvailabilityZone", ""),
        spot=instance.get("InstanceLifecycle") == "spot",
        running=instance.get("State", {}).get("Name") in _ALIVE,
    )
