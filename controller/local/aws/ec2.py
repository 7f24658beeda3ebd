"""EC2's actions on fleets and instances; what is not answered here or by the network is the store's."""

from __future__ import annotations

import secrets
import threading
import time
from base64 import b64encode
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from controller.local.aws import ec2_shapes, ec2_wire, sales, spot_history
from controller.local.aws.buckets import THROTTLED, Buckets
from controller.local.aws.calls import Call
from controller.local.aws.fleet import Allotted, Pool, Wanted, read
from controller.local.aws.fleet_errors import outright
from controller.local.aws.instance import Instance, State
from controller.local.aws.instances import Instances
from controller.local.aws.network import Network
from controller.local.aws.pools import Pools
from controller.local.aws.prices import Prices
from controller.local.aws.refusals import ServiceError
from controller.local.aws.web import Reply

Fields = dict[str, Any]

_FILTERS: dict[str, Callable[[Instance], str]] = {
    "instance-id": lambda instance: instance.id,
    "instance-type": lambda instance: instance.type,
    "instance-state-name": lambda instance: instance.state,
    "instance-lifecycle": lambda instance: instance.lifecycle,
    "availability-zone": lambda instance: instance.zone,
    "subnet-id": lambda instance: instance.subnet,
    "client-token": lambda instance: instance.token,
}
_NARROWING = ("Filter", "MaxResults", "NextToken")


@dataclass(frozen=True, slots=True)
class Supply:
    """What an account may have."""

    pools: Pools
    buckets: Buckets
    prices: Prices
    lacking: Mapping[str, Iterable[str]] = field(default_factory=dict)
    """Zone to the machine types that it does not have."""


class Ec2:
    """Fleets and instances over EC2's query protocol."""

    def __init__(self, network: Network, instances: Instances, supply: Supply, other: Callable[[Call], Reply]) -> None:
        self._instances = instances
        self._network = network
        self._supply = supply
        self._other = other
        self._lock = threading.Lock()
        self._tokens: dict[str, threading.Lock] = {}
        self._fleets: dict[str, tuple[Fields, Fields]] = {}
        self._faults: dict[str, list[str]] = {}
        self._actions = dict(network.actions) | {
            "CreateFleet": self.create_fleet,
            "DescribeInstances": self.describe,
            "TerminateInstances": self.terminate,
            "StopInstances": self.stop,
            "StartInstances": self.start,
            "CreateTags": self.create_tags,
            "GetConsoleOutput": self.console,
            "DescribeSpotPriceHistory": self.spot_prices,
            "DescribeInstanceTypes": sales.types,
            "DescribeInstanceTypeOfferings": self.type_offerings,
        }

    def answer(self, call: Call) -> Reply:
        """Answer one call."""
        fields = ec2_wire.nested(call.form)
        self._supply.buckets.request(call.action, whole=not any(name in fields for name in _NARROWING))
        if code := self._fault(call.action):
            raise outright(code)
        if call.action not in self._actions:
            return self._other(call)
        return ec2_wire.answer(call.action, self._actions[call.action](fields))

    def fail_next(self, action: str, code: str, times: int = 1) -> None:
        """Let the next calls of an action fail with this code, before they do anything."""
        with self._lock:
            self._faults.setdefault(action, []).extend([code] * times)

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
        return {"reservationSet": [ec2_shapes.reservation(instance) for instance in page], "nextToken": after}

    def terminate(self, fields: Fields) -> Fields:
        """TerminateInstances; one unknown id fails the whole call."""
        return self._changed("TerminateInstances", fields, self._instances.terminate)

    def stop(self, fields: Fields) -> Fields:
        """StopInstances; one-time spot requests have no way to stop."""
        return self._changed("StopInstances", fields, self._instances.stop)

    def start(self, fields: Fields) -> Fields:
        """StartInstances."""
        return self._changed("StartInstances", fields, self._instances.start)

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

    def spot_prices(self, fields: Fields) -> Fields:
        """DescribeSpotPriceHistory."""
        return spot_history.describe(fields, self._supply.prices, self._network.zones)

    def type_offerings(self, fields: Fields) -> Fields:
        """DescribeInstanceTypeOfferings."""
        return sales.offerings(fields, self._network.zones, self._supply.lacking)

    def _fault(self, action: str) -> str:
        with self._lock:
            codes = self._faults.get(action)
            return codes.pop(0) if codes else ""

    def _launch(self, fields: Fields) -> Fields:
        wanted = read(fields, self._network)
        time.sleep(self._instances.latencies.create_fleet_s)
        allotted = self._allotted(wanted)
        fleet = f"fleet-{secrets.token_hex(16)}"
        launched = [(pool, self._instances_of(pool, count, wanted, fleet)) for pool, count in allotted.given]
        errors = ec2_shapes.errors(allotted, wanted.lifecycle)
        return {"fleetId": fleet, "errorSet": errors, "fleetInstanceSet": ec2_shapes.groups(launched)}

    def _allotted(self, wanted: Wanted) -> Allotted:
        """What the pools give of what the account may launch now; an empty bucket is told by every override."""
        granted = self._supply.buckets.launches(wanted.count)
        allotted = self._supply.pools.launch(wanted, granted)
        self._supply.buckets.give_back(granted - allotted.count)
        if granted == wanted.count:
            return allotted
        return Allotted(allotted.given, (*allotted.refused, *((pool, THROTTLED) for pool in wanted.pools)))

    def _instances_of(self, pool: Pool, count: int, wanted: Wanted, fleet: str) -> list[Instance]:
        tags = dict(wanted.tags) | {"aws:ec2:fleet-id": fleet}
        blank = Instance(
            "", "", "", wanted.lifecycle, State.PENDING, 0.0, None, tags, wanted.token, fleet, pool.subnet, ""
        )
        return [self._instances.launch(pool, blank) for _ in range(count)]

    def _changed(self, action: str, fields: Fields, change: Callable[[list[str]], dict[str, State]]) -> Fields:
        ids = list(dict.fromkeys(fields.get("InstanceId", [])))
        self._known(ids)
        self._supply.buckets.machines(action, len(ids))
        return ec2_shapes.changes(change(ids), self._known(ids))

    def _known(self, ids: list[str]) -> dict[str, Instance]:
        known = self._instances.visible()
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
