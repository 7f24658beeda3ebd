"""EC2's actions on fleets and instances; what is not answered here or by the network is the store's."""

from __future__ import annotations

import secrets
import threading
import time
from base64 import b64encode
from collections.abc import Callable
from typing import Any

from controller.local.aws import ec2_wire
from controller.local.aws.calls import Call
from controller.local.aws.fleet import Allotted, Capacity, Pool, Wanted, allot, read
from controller.local.aws.instances import Instance, Instances, State
from controller.local.aws.network import Network
from controller.local.aws.principals import ACCOUNT
from controller.local.aws.refusals import ServiceError
from controller.local.aws.web import Reply

Fields = dict[str, Any]

_CODES = {State.PENDING: 0, State.RUNNING: 16, State.SHUTTING_DOWN: 32, State.TERMINATED: 48, State.STOPPED: 80}
_REASONS = {
    "Client.UserInitiatedShutdown": "User initiated shutdown",
    "Client.InstanceInitiatedShutdown": "Instance initiated shutdown",
}
_FILTERS: dict[str, Callable[[Instance], str]] = {
    "instance-id": lambda instance: instance.id,
    "instance-type": lambda instance: instance.type,
    "instance-state-name": lambda instance: instance.state,
    "instance-lifecycle": lambda instance: instance.lifecycle,
    "availability-zone": lambda instance: instance.zone,
    "subnet-id": lambda instance: instance.subnet,
    "client-token": lambda instance: instance.token,
}


class Ec2:
    """Fleets and instances over EC2's query protocol."""

    def __init__(
        self, network: Network, instances: Instances, capacity: Capacity, other: Callable[[Call], Reply]
    ) -> None:
        self._instances = instances
        self._network = network
        self._capacity = capacity
        self._other = other
        self._lock = threading.Lock()
        self._tokens: dict[str, threading.Lock] = {}
        self._fleets: dict[str, tuple[Fields, Fields]] = {}
        self._actions = dict(network.actions) | {
            "CreateFleet": self.create_fleet,
            "DescribeInstances": self.describe,
            "TerminateInstances": self.terminate,
            "CreateTags": self.create_tags,
            "GetConsoleOutput": self.console,
        }

    def answer(self, call: Call) -> Reply:
        """Answer one call."""
        if call.action not in self._actions:
            return self._other(call)
        return ec2_wire.answer(call.action, self._actions[call.action](ec2_wire.nested(call.form)))

    def create_fleet(self, fields: Fields) -> Fields:
        """CreateFleet; the same token with the same request gives the same machines."""
        token = fields.get("ClientToken", "")
        if not token:
            return self._launch(fields)
        with self._lock:
            mine = self._tokens.setdefault(token, threading.Lock())
        with mine:
            if token not in self._fleets:
                self._fleets[token] = (fields, self._launch(fields))
        asked, told = self._fleets[token]
        if asked != fields:
            raise ServiceError(
                "IdempotentParameterMismatch", f"Client token {token} was used with different parameters"
            )
        return told

    def describe(self, fields: Fields) -> Fields:
        """DescribeInstances."""
        chosen = self._chosen(fields)
        start = int(fields.get("NextToken", "0"))
        limit = int(fields.get("MaxResults", "1000"))
        page = chosen[start : start + limit]
        after = str(start + limit) if start + limit < len(chosen) else None
        return {"reservationSet": [_reservation(instance) for instance in page], "nextToken": after}

    def terminate(self, fields: Fields) -> Fields:
        """TerminateInstances; one unknown id fails the whole call."""
        ids = fields.get("InstanceId", [])
        self._known(ids)
        former = self._instances.terminate(ids)
        known = self._known(ids)
        changes = [
            {
                "instanceId": instance_id,
                "currentState": _state(known[instance_id].state),
                "previousState": _state(state),
            }
            for instance_id, state in former.items()
        ]
        return {"instancesSet": changes}

    def create_tags(self, fields: Fields) -> Fields:
        """CreateTags, on instances."""
        ids = fields.get("ResourceId", [])
        self._known(ids)
        tags = {tag["Key"]: tag.get("Value", "") for tag in fields.get("Tag", [])}
        for instance_id in ids:
            self._instances.tag(instance_id, tags)
        return {"return": True}

    def console(self, fields: Fields) -> Fields:
        """GetConsoleOutput."""
        instance_id = fields["InstanceId"]
        self._known([instance_id])
        output = b64encode(self._instances.console(instance_id).encode()).decode()
        return {"instanceId": instance_id, "timestamp": ec2_wire.instant(time.time()), "output": output}

    def _launch(self, fields: Fields) -> Fields:
        wanted = read(fields, self._network)
        time.sleep(self._instances.latencies.create_fleet_s)
        allotted = allot(wanted, self._capacity)
        fleet = f"fleet-{secrets.token_hex(16)}"
        launched = [(pool, self._instances_of(pool, count, wanted, fleet)) for pool, count in allotted.given]
        return {"fleetId": fleet, "errorSet": _errors(allotted, wanted), "fleetInstanceSet": _groups(launched)}

    def _instances_of(self, pool: Pool, count: int, wanted: Wanted, fleet: str) -> list[Instance]:
        tags = dict(wanted.tags) | {"aws:ec2:fleet-id": fleet}
        blank = Instance(
            "", "", "", wanted.lifecycle, State.PENDING, 0.0, None, tags, wanted.token, fleet, pool.subnet, ""
        )
        return [self._instances.launch(pool, blank) for _ in range(count)]

    def _known(self, ids: list[str]) -> dict[str, Instance]:
        known = {instance.id: instance for instance in self._instances.all()}
        if unknown := [one for one in ids if one not in known]:
            raise ServiceError("InvalidInstanceID.NotFound", f"The instance IDs '{', '.join(unknown)}' do not exist")
        return known

    def _chosen(self, fields: Fields) -> list[Instance]:
        ids = fields.get("InstanceId", [])
        known = self._known(ids)
        chosen = [known[one] for one in ids] if ids else list(known.values())
        for wanted in fields.get("Filter", []):
            chosen = [instance for instance in chosen if _fits(instance, wanted["Name"], wanted.get("Value", []))]
        return chosen


def _fits(instance: Instance, name: str, values: list[str]) -> bool:
    if name.startswith("tag:"):
        return instance.tags.get(name.removeprefix("tag:")) in values
    if name == "tag-key":
        return any(key in values for key in instance.tags)
    if name not in _FILTERS:
        raise ServiceError("InvalidParameterValue", f"The filter '{name}' is invalid")
    return _FILTERS[name](instance) in values


def _state(state: State) -> Fields:
    return {"code": _CODES[state], "name": state}


def _reservation(instance: Instance) -> Fields:
    reason = f"{instance.reason}: {_REASONS.get(instance.reason, instance.reason)}" if instance.reason else ""
    told: Fields = {
        "instanceId": instance.id,
        "imageId": instance.image,
        "instanceState": _state(instance.state),
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


def _origin(pool: Pool) -> Fields:
    names = {"InstanceType": "instanceType", "SubnetId": "subnetId", "Priority": "priority"}
    overrides = {names[key]: value for key, value in pool.override if key in names}
    specification = {"launchTemplateId": pool.template.id, "version": pool.version or "1"}
    placed = {**overrides, "availabilityZone": pool.zone} if pool.zone else overrides
    return {"launchTemplateSpecification": specification, "overrides": placed}


def _groups(launched: list[tuple[Pool, list[Instance]]]) -> list[Fields]:
    return [
        {
            "launchTemplateAndOverrides": _origin(pool),
            "lifecycle": instances[0].lifecycle,
            "instanceIds": [instance.id for instance in instances],
            "instanceType": pool.instance_type,
        }
        for pool, instances in launched
    ]


def _errors(allotted: Allotted, wanted: Wanted) -> list[Fields]:
    return [
        {
            "launchTemplateAndOverrides": _origin(pool),
            "lifecycle": wanted.lifecycle,
            "errorCode": "InsufficientInstanceCapacity",
            "errorMessage": (
                f"We currently do not have sufficient {pool.instance_type} capacity in the Availability Zone you "
                f"requested ({pool.zone}). Our system will be working on provisioning additional capacity."
            ),
        }
        for pool in allotted.refused
    ]
