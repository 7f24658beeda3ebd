"""What an instant CreateFleet asks for, and which pools its machines come from: a decision, nothing else."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from controller.local.aws.network import Network, Template
from controller.local.aws.refusals import ServiceError

Fields = dict[str, Any]
Take = Callable[[str, str, str], str]
"""Takes a machine of (lifecycle, type, zone); why there is none, as EC2's code, empty where there was one."""

_IN_ORDER = frozenset({"lowest-price", "prioritized", "capacity-optimized-prioritized"})


@dataclass(frozen=True, slots=True)
class Pool:
    """One override: a machine type in one subnet, from one template."""

    instance_type: str
    subnet: str
    zone: str
    priority: float
    template: Template
    version: str
    override: tuple[tuple[str, str], ...]
    """As the caller gave it, for the answer to repeat."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """An instant fleet, read."""

    lifecycle: str
    count: int
    strategy: str
    pools: tuple[Pool, ...]
    tags: tuple[tuple[str, str], ...]
    token: str


@dataclass(frozen=True, slots=True)
class Allotted:
    """How many machines each pool gives, and the pools that refused, each with EC2's code."""

    given: tuple[tuple[Pool, int], ...]
    refused: tuple[tuple[Pool, str], ...]

    @property
    def count(self) -> int:
        """How many machines there are."""
        return sum(count for _, count in self.given)


def read(fields: Fields, network: Network) -> Wanted:
    """The request in our words; raises `ServiceError` for what EC2 refuses."""
    if fields.get("Type") != "instant":
        raise ServiceError("UnsupportedOperation", "This cloud launches fleets of type instant only")
    target = fields.get("TargetCapacitySpecification", {})
    lifecycle = _lifecycle(target)
    options = fields.get("SpotOptions" if lifecycle == "spot" else "OnDemandOptions", {})
    pools = tuple(_pools(fields.get("LaunchTemplateConfigs", []), network))
    if not pools:
        raise ServiceError("MissingParameter", "The request must contain the parameter LaunchTemplateConfigs")
    count = int(target.get("TotalTargetCapacity", 0))
    if count < 1:
        raise ServiceError("InvalidParameterValue", f"TotalTargetCapacity {count} is not positive")
    return Wanted(
        lifecycle,
        count,
        options.get("AllocationStrategy", "lowest-price"),
        pools,
        tuple(_tags(fields.get("TagSpecification", []))),
        fields.get("ClientToken", ""),
    )


def allot(wanted: Wanted, take: Take) -> Allotted:
    """Take machines from the pools, best first; pools that cannot give what was asked of them refuse."""
    given: dict[Pool, int] = {}
    refused: list[tuple[Pool, str]] = []
    left = wanted.count
    for tier in _tiers(wanted):
        if not left:
            break
        took, refusing = _spread(tier, left, lambda pool: take(wanted.lifecycle, pool.instance_type, pool.zone))
        given |= took
        left -= sum(took.values())
        # Where the others of the tier had it all, nobody was asked for what he does not have.
        refused += refusing if left else []
    return Allotted(tuple(given.items()), tuple(refused))


def _spread(
    tier: Sequence[Pool], wanted: int, take: Callable[[Pool], str]
) -> tuple[dict[Pool, int], list[tuple[Pool, str]]]:
    """Share machines out one by one over the pools that still have some."""
    took: dict[Pool, int] = {}
    refusing: list[tuple[Pool, str]] = []
    waiting = deque(tier)
    while wanted and waiting:
        pool = waiting.popleft()
        if code := take(pool):
            refusing.append((pool, code))
            continue
        took[pool] = took.get(pool, 0) + 1
        wanted -= 1
        waiting.append(pool)
    return took, refusing


def _tiers(wanted: Wanted) -> Iterator[Sequence[Pool]]:
    """Groups of pools that are equally good to this strategy, best first."""
    ranked = sorted(wanted.pools, key=lambda pool: pool.priority)
    if wanted.strategy == "diversified":
        yield ranked
    elif wanted.strategy in _IN_ORDER:
        yield from ([pool] for pool in ranked)
    else:
        for instance_type in dict.fromkeys(pool.instance_type for pool in ranked):
            yield [pool for pool in ranked if pool.instance_type == instance_type]


def _lifecycle(target: Fields) -> str:
    default = target.get("DefaultTargetCapacityType", "on-demand")
    for name, lifecycle in (("SpotTargetCapacity", "spot"), ("OnDemandTargetCapacity", "on-demand")):
        if int(target.get(name, 0)) == int(target.get("TotalTargetCapacity", 0)) > 0:
            return lifecycle
    return str(default)


def _pools(configs: list[Fields], network: Network) -> Iterator[Pool]:
    for config in configs:
        wanted = config.get("LaunchTemplateSpecification", {})
        template = network.template(wanted)
        version = str(wanted.get("Version", ""))
        data = template.data(version)
        for override in config.get("Overrides") or [{}]:
            subnet = override.get("SubnetId", "")
            zone = network.subnet(subnet).zone if subnet else override.get("AvailabilityZone") or network.default_zone
            yield Pool(
                override.get("InstanceType") or data.get("InstanceType", "m1.small"),
                subnet,
                zone,
                float(override.get("Priority", "inf")),
                template,
                version,
                tuple((key, value) for key, value in override.items() if isinstance(value, str)),
            )


def _tags(specifications: list[Fields]) -> Iterator[tuple[str, str]]:
    for specification in specifications:
        if specification.get("ResourceType") == "instance":
            for tag in specification.get("Tag", []):
                yield tag["Key"], tag.get("Value", "")
