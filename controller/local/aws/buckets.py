"""EC2's token buckets: how many calls, and how many machines, an account may ask for in a region.

https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-throttling.html
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from controller.local.aws.refusals import ServiceError

Clock = Callable[[], float]

THROTTLED = "RequestLimitExceeded"


@dataclass(frozen=True, slots=True)
class Rate:
    """A bucket's size, and how many tokens come back in a second."""

    burst: float
    per_s: float


_MUTATING = Rate(50, 5)
_READING = Rate(100, 20)
_WHOLESALE = Rate(50, 10)
_READS = ("Describe", "Get", "List", "Search")
_FILTERED = frozenset(
    {"DescribeInstances", "DescribeInstanceStatus", "DescribeSpotInstanceRequests", "DescribeVolumes"}
)
"""The actions that cost more when they ask for everything at once."""

_REQUESTS: Mapping[str, Rate] = {
    "RunInstances": Rate(5, 2),
    "StartInstances": Rate(5, 2),
    "TerminateInstances": Rate(100, 5),
    "CreateTags": Rate(100, 10),
    "DeleteTags": Rate(100, 10),
    "CreateLaunchTemplateVersion": Rate(100, 5),
    "ModifyLaunchTemplate": Rate(100, 5),
}
_MACHINES: Mapping[str, Rate] = {
    "RunInstances": Rate(1_000, 2),
    "StartInstances": Rate(1_000, 2),
    "StopInstances": Rate(1_000, 20),
    "TerminateInstances": Rate(1_000, 20),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The account's limits; as they come, they are those that every account begins with."""

    requests: Mapping[str, Rate] = field(default_factory=lambda: _REQUESTS)
    """The actions with a bucket of their own size."""
    machines: Mapping[str, Rate] = field(default_factory=lambda: _MACHINES)
    """One token for each machine that the action is done to."""
    mutating: Rate = _MUTATING
    reading: Rate = _READING
    wholesale: Rate = _WHOLESALE
    """Reading without a filter and without pages."""
    fleets_use_run_tokens: bool = True
    """AWS's page does not say so; those who launch thousands of machines by CreateFleet have seen it."""

    def of(self, action: str, *, whole: bool) -> tuple[str, Rate]:
        """The bucket of an action, by name, and its rate."""
        if action in self.requests:
            return action, self.requests[action]
        if not action.startswith(_READS):
            return action, self.mutating
        if whole and action in _FILTERED:
            return f"{action} of everything", self.wholesale
        return action, self.reading


@dataclass(slots=True)
class _Bucket:
    rate: Rate
    tokens: float
    at: float

    def fill(self, now: float) -> None:
        self.tokens = min(self.rate.burst, self.tokens + max(0.0, now - self.at) * self.rate.per_s)
        self.at = now


class Buckets:
    """All buckets of one account in one region, full at first."""

    def __init__(self, limits: Limits, clock: Clock) -> None:
        self._limits = limits
        self._clock = clock
        self._lock = threading.Lock()
        self._buckets: dict[str, _Bucket] = {}

    def request(self, action: str, *, whole: bool = False) -> None:
        """Spend one call; raises `ServiceError` when there is none left."""
        name, rate = self._limits.of(action, whole=whole)
        if not self._spend(f"{name} requests", rate, 1):
            raise throttled()

    def machines(self, action: str, count: int) -> None:
        """Spend a token for each machine; all of them or, with a `ServiceError`, none."""
        rate = self._limits.machines.get(action)
        if rate and not self._spend(f"{action} machines", rate, count):
            raise throttled()

    def launches(self, wanted: int) -> int:
        """Spend a token for each machine of a fleet, as far as there are any; how many that were."""
        rate = self._limits.machines.get("RunInstances")
        if rate is None or not self._limits.fleets_use_run_tokens:
            return wanted
        with self._lock:
            bucket = self._bucket("RunInstances machines", rate)
            granted = min(wanted, math.floor(bucket.tokens))
            bucket.tokens -= granted
            return granted

    def give_back(self, launches: int) -> None:
        """Return what a fleet could not use."""
        rate = self._limits.machines.get("RunInstances")
        if rate and self._limits.fleets_use_run_tokens:
            with self._lock:
                bucket = self._bucket("RunInstances machines", rate)
                bucket.tokens = min(rate.burst, bucket.tokens + launches)

    def _spend(self, name: str, rate: Rate, count: int) -> bool:
        with self._lock:
            bucket = self._bucket(name, rate)
            if bucket.tokens < count:
                return False
            bucket.tokens -= count
            return True

    def _bucket(self, name: str, rate: Rate) -> _Bucket:
        now = self._clock()
        bucket = self._buckets.setdefault(name, _Bucket(rate, rate.burst, now))
        bucket.fill(now)
        return bucket


def throttled() -> ServiceError:
    """What EC2 answers when a bucket is empty."""
    return ServiceError(THROTTLED, "Request limit exceeded.", 503)
