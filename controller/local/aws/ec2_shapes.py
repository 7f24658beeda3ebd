"""EC2's answers about machines and fleets, as nested data in the names of its wire."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from controller.local.aws import ec2_wire
from controller.local.aws.fleet import Allotted, Pool
from controller.local.aws.fleet_errors import words
from controller.local.aws.instance import Instance, Reason, State
from controller.local.aws.principals import ACCOUNT

Fields = dict[str, Any]

_CODES = {
    State.PENDING: 0,
    State.RUNNING: 16,
    State.SHUTTING_DOWN: 32,
    State.TERMINATED: 48,
    State.STOPPING: 64,
    State.STOPPED: 80,
}
_REASONS = {
    Reason.BY_CALL: "User initiated shutdown",
    Reason.FROM_INSIDE: "Instance initiated shutdown",
    Reason.SPOT: "Spot instance termination",
    Reason.INTERNAL: "Internal error on launch",
}


def state(name: State) -> Fields:
    """A state with its number."""
    return {"code": _CODES[name], "name": name}


def changes(former: Mapping[str, State], now: Mapping[str, Instance]) -> Fields:
    """What a call has done to machines."""
    return {
        "instancesSet": [
            {"instanceId": name, "currentState": state(now[name].state), "previousState": state(before)}
            for name, before in former.items()
        ]
    }


def reservation(instance: Instance) -> Fields:
    """A machine, in a reservation of its own."""
    reason = f"{instance.reason}: {_REASONS[Reason(instance.reason)]}" if instance.reason else ""
    told: Fields = {
        "instanceId": instance.id,
        "imageId": instance.image,
        "instanceState": state(instance.state),
        "instanceType": instance.type,
        "launchTime": ec2_wire.instant(instance.launched_at),
        "placement": {"availabilityZone": instance.zone, "tenancy": "default"},
        "subnetId": instance.subnet or None,
        "instanceLifecycle": "spot" if instance.lifecycle == "spot" else None,
        "clientToken": instance.token or None,
        "reason": reason,
        "stateReason": {"code": instance.reason, "message": reason} if instance.reason else None,
        "tagSet": [{"key": key, "value": value} for key, value in instance.tags.items()],
    }
    return {"reservationId": f"r-{instance.id[2:]}", "ownerId": ACCOUNT, "instancesSet": [told]}


def groups(launched: list[tuple[Pool, list[Instance]]]) -> list[Fields]:
    """The machines of a fleet, by override."""
    return [
        {
            "launchTemplateAndOverrides": _origin(pool),
            "lifecycle": instances[0].lifecycle,
            "instanceIds": [instance.id for instance in instances],
            "instanceType": pool.instance_type,
        }
        for pool, instances in launched
    ]


def errors(allotted: Allotted, lifecycle: str) -> list[Fields]:
    """Why a fleet is not whole, by override."""
    return [
        {
            "launchTemplateAndOverrides": _origin(pool),
            "lifecycle": lifecycle,
            "errorCode": code,
            "errorMessage": words(code, pool),
        }
        for pool, code in allotted.refused
    ]


def _origin(pool: Pool) -> Fields:
    names = {"InstanceType": "instanceType", "SubnetId": "subnetId", "Priority": "priority", "ImageId": "imageId"}
    overrides = {names[key]: value for key, value in pool.override if key in names}
    specification = {"launchTemplateId": pool.template.id, "version": pool.version or "1"}
    return {"launchTemplateSpecification": specification, "overrides": {**overrides, "availabilityZone": pool.zone}}
