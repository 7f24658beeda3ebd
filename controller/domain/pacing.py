"""The cloud's token buckets as the dispatchers keep them together, so that what they ask never overdraws the real ones.

https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-throttling.html
"""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rate:
    """A bucket's size, and how many tokens come back in a second."""

    burst: float
    per_s: float


REQUESTS = Rate(45, 5)
MACHINES = Rate(980, 2)
"""Each a little smaller than the real one: a full bucket gains nothing between our lease and the call it is for."""

LEAST_LEASE = 20
"""Where not everybody can be served, tokens are saved up to so many before the line is gone through again."""


@dataclass(frozen=True, slots=True)
class Bucket:
    """So many tokens at a time, in seconds since the epoch."""

    tokens: float
    at: float

    def filled(self, rate: Rate, now: float) -> Bucket:
        """The bucket as it stands now; a clock that lags behind another's changes nothing."""
        gained = max(0.0, now - self.at) * rate.per_s
        return Bucket(min(rate.burst, self.tokens + gained), max(self.at, now))

    def without(self, tokens: float) -> Bucket:
        """The bucket after some were taken."""
        return Bucket(self.tokens - tokens, self.at)


@dataclass(frozen=True, slots=True)
class Pace:
    """Both buckets; absent ones are full."""

    requests: Bucket | None = None
    machines: Bucket | None = None

    def at(self, now: float) -> tuple[Bucket, Bucket]:
        """Requests and machines as they stand now."""
        requests = self.requests or Bucket(REQUESTS.burst, now)
        machines = self.machines or Bucket(MACHINES.burst, now)
        return requests.filled(REQUESTS, now), machines.filled(MACHINES, now)

    def room(self, now: float) -> int:
        """How many machines may be asked for now."""
        requests, machines = self.at(now)
        return max(0, math.floor(machines.tokens)) if requests.tokens >= 1 else 0

    def slots(self, wanted: int, now: float) -> int:
        """How many of those in line may be served now; none until enough tokens are there to make it worth a look."""
        room = self.room(now)
        return 0 if room < min(wanted, LEAST_LEASE) else min(wanted, room)

    def wait(self, wanted: int, now: float) -> float:
        """How many seconds until there are slots for that many, or for as many as are worth while."""
        requests, machines = self.at(now)
        missing = min(wanted, LEAST_LEASE) - machines.tokens
        return max(0.0, missing / MACHINES.per_s, (1 - requests.tokens) / REQUESTS.per_s)

    def lease(self, wanted: int, now: float) -> tuple[Pace, int]:
        """Tokens for one request and for as many of its machines as there are tokens for."""
        granted = min(wanted, self.room(now))
        if not granted:
            return self, 0
        requests, machines = self.at(now)
        return Pace(requests.without(1), machines.without(granted)), granted

    def returned(self, machines: int, now: float) -> Pace:
        """The tokens of machines that were not started come back."""
        if not machines:
            return self
        requests, left = self.at(now)
        return Pace(requests, left.without(-machines).filled(MACHINES, now))

    def throttled(self, now: float, jitter_s: float) -> Pace:
        """A fleet that was kept from starting machines says that the bucket of machines is empty: begin at nothing."""
        requests, _ = self.at(now)
        return Pace(requests, Bucket(0.0, now + jitter_s))

    def slowed(self, now: float, jitter_s: float) -> Pace:
        """A request that was not taken at all: half as many may follow, so that one fault holds nobody up for long."""
        requests, machines = self.at(now)
        return Pace(Bucket(requests.tokens / 2, now + jitter_s), machines)
