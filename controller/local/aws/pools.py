"""The capacity behind fleets: how many machines each pool of (lifecycle, type, zone) still has to give."""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from functools import cache

from controller.domain import catalogue
from controller.local.aws.fleet import Allotted, Wanted, allot

Key = tuple[str, str, str]
"""Lifecycle, type and zone."""

SOLD_OUT = "InsufficientInstanceCapacity"
_QUOTA = {"spot": "MaxSpotInstanceCountExceeded", "on-demand": "VcpuLimitExceeded"}
_UNLISTED_VCPUS = 2


@dataclass(frozen=True, slots=True)
class _Limit:
    """What somebody said of all pools that fit these patterns."""

    patterns: Key
    machines: int | None
    """At most so many in each pool at a time; None for as many as anybody asks for."""

    def covers(self, pool: Key) -> bool:
        return all(fnmatchcase(part, pattern) for part, pattern in zip(pool, self.patterns, strict=True))


class Pools:
    """Every pool is endless until somebody says otherwise; who spoke last is right."""

    def __init__(self, vcpus: Callable[[str], int] | None = None) -> None:
        self._vcpus = vcpus or vcpus_of
        self._lock = threading.Lock()
        self._limits: list[_Limit] = []
        self._quotas: dict[str, int] = {}
        self._in_use: Counter[Key] = Counter()
        self._refusals: deque[str] = deque()

    def sell_out(self, lifecycle: str = "*", instance_type: str = "*", zone: str = "*") -> None:
        """No more machines from the pools that fit these patterns; those in use stay."""
        self.limit(lifecycle, instance_type, zone, 0)

    def restock(self, lifecycle: str = "*", instance_type: str = "*", zone: str = "*") -> None:
        """As many machines as anybody asks for from the pools that fit these patterns."""
        self._say(_Limit((lifecycle, instance_type, zone), None))

    def limit(self, lifecycle: str, instance_type: str, zone: str, machines: int) -> None:
        """At most this many machines at a time from each pool that fits these patterns."""
        if machines < 0:
            raise ValueError(f"a pool can not have {machines} machines")
        self._say(_Limit((lifecycle, instance_type, zone), machines))

    def quota(self, lifecycle: str, vcpus: int) -> None:
        """At most this many vCPUs of a lifecycle at a time, over all pools."""
        with self._lock:
            self._quotas[lifecycle] = vcpus

    def refuse_next(self, code: str, times: int = 1) -> None:
        """Let the next fleets get no machine, and this code from every pool."""
        with self._lock:
            self._refusals.extend([code] * times)

    def in_use(self, lifecycle: str, instance_type: str, zone: str) -> int:
        """How many machines of a pool there are now."""
        with self._lock:
            return self._in_use[lifecycle, instance_type, zone]

    def launch(self, wanted: Wanted, granted: int) -> Allotted:
        """Take a fleet's machines out of the pools, no more than were granted."""
        with self._lock:
            if self._refusals:
                code = self._refusals.popleft()
                return Allotted((), tuple((pool, code) for pool in wanted.pools))
            return allot(replace(wanted, count=granted), lambda *pool: self._take(pool))

    def take(self, lifecycle: str, instance_type: str, zone: str) -> str:
        """Take one machine; why not, as EC2's code, empty where it was there."""
        with self._lock:
            return self._take((lifecycle, instance_type, zone))

    def give_back(self, lifecycle: str, instance_type: str, zone: str) -> None:
        """One machine of a pool has ended."""
        with self._lock:
            pool = (lifecycle, instance_type, zone)
            if not self._in_use[pool]:
                raise ValueError(f"nobody has a machine of {' '.join(pool)}")
            self._in_use[pool] -= 1

    def _say(self, limit: _Limit) -> None:
        with self._lock:
            self._limits = [said for said in self._limits if said.patterns != limit.patterns]
            self._limits.append(limit)

    def _take(self, pool: Key) -> str:
        said = next((limit.machines for limit in reversed(self._limits) if limit.covers(pool)), None)
        if said is not None and self._in_use[pool] >= said:
            return SOLD_OUT
        lifecycle, instance_type, _ = pool
        quota = self._quotas.get(lifecycle)
        if quota is not None and self._vcpus_used(lifecycle) + self._vcpus(instance_type) > quota:
            return _QUOTA[lifecycle]
        self._in_use[pool] += 1
        return ""

    def _vcpus_used(self, lifecycle: str) -> int:
        return sum(count * self._vcpus(pool[1]) for pool, count in self._in_use.items() if pool[0] == lifecycle)


@cache
def vcpus_of(instance_type: str) -> int:
    """How many vCPUs the catalogue says a type has."""
    listed = (offered.cpu for offered in catalogue.shipped().types if offered.name == instance_type)
    return next(listed, _UNLISTED_VCPUS)
