"""What a region knows of its environment's regions: who is lost, who drains, and whether it may write itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from controller.domain.region_health import Lease, first, renewed
from controller.errors import Unavailable
from controller.ports import Memory

KEPT_S = 30 * 86_400.0
"""A lease outlives its region's trouble, so that a region once known is never taken for a new one."""
_FOR_EVER_S = 10 * 365 * 86_400.0
REPLICATED_S = 3.0
"""After so long another region sees what was written here; one that does not looks again within a minute."""
_LOOK_S = 5.0
"""How old the knowledge of other regions' leases may be."""
_DRAIN_LOOK_S = 30.0
"""How long a drain may go unnoticed."""


def drain(memory: Memory, region: str, now: float) -> None:
    """From now on the region launches nothing; what runs there runs on."""
    memory.remember(_drain(region), "drains", now + _FOR_EVER_S)


def resume(memory: Memory, region: str, now: float) -> None:
    """The region launches again."""
    memory.remember(_drain(region), "", now)


def lease_of(memory: Memory, region: str, now: float) -> Lease | None:
    """The region's lease as this memory has it; None for a region that was never there."""
    known = memory.recall(f"region {region} lease", now)
    return Lease.parse(known) if known else None


@dataclass(slots=True)
class RegionWatch:
    """One region's view; a region alone in its environment needs no lease."""

    region: str
    regions: tuple[str, ...]
    """All of the environment, the first in charge of jobs that name none."""
    lease_s: float
    memory: Memory
    clock: Callable[[], float]
    _own: Lease | None = field(default=None)
    _seen: dict[str, tuple[object, float]] = field(default_factory=dict)

    @property
    def is_alone(self) -> bool:
        """Whether there is no other region."""
        return len(self.regions) <= 1

    def may_write(self) -> bool:
        """Whether the region's jobs are certainly its own at this moment."""
        if self.is_alone:
            return True
        now = self.clock()
        if self._own is None or not self._own.holds(now):
            self._own = lease_of(self.memory, self.region, now)
        return self._own is not None and self._own.holds(now)

    def beat(self) -> Lease:
        """A sign of life, for all regions to see."""
        now = self.clock()
        lease = renewed(lease_of(self.memory, self.region, now), now, self.lease_s)
        self.memory.remember(f"region {self.region} lease", str(lease), now + KEPT_S)
        self._own = lease
        return lease

    def is_draining(self, region: str = "") -> bool:
        """Whether the region, or else this one, is to launch nothing."""
        name = _drain(region or self.region)
        return bool(self._recalled(name, lambda now: self.memory.recall(name, now), _DRAIN_LOOK_S))

    def lost(self) -> frozenset[str]:
        """The other regions whose jobs may be taken."""
        return frozenset(region for region in self.regions if region != self.region and self._is_lost(region))

    def in_charge(self, named: str = "") -> str:
        """The one region that may write down a new job, or act on the jobs of the region named."""
        lost = self.lost()
        return named if named in self.regions and named not in lost else first(self.regions, lost)

    def home_of_new(self, named: str) -> str:
        """Where a job that this region is in charge of is to live: elsewhere while this one drains."""
        return self.region if named or not self.is_draining() else self.refuge() or self.region

    def refuge(self) -> str:
        """A region that can take jobs off this one; empty where there is none."""
        unfit = self.lost() | {self.region} | {region for region in self.regions if self.is_draining(region)}
        return first(self.regions, unfit)

    def look_afresh(self) -> None:
        """Whatever was seen of other regions before no longer counts."""
        self._seen.clear()

    def _is_lost(self, region: str) -> bool:
        lease = self._recalled(f"region {region} lease", lambda now: lease_of(self.memory, region, now), _LOOK_S)
        # A region that never was has no jobs, and none is ever held for it.
        return isinstance(lease, Lease) and lease.is_lost(self.clock(), self.lease_s)

    def _recalled(self, name: str, ask: Callable[[float], object], keep_s: float) -> object:
        now = self.clock()
        value, until = self._seen.get(name, (None, 0.0))
        if now >= until:
            try:
                value = ask(now)
            except Unavailable:
                # What was known before counts; of whom nothing is known, nothing is believed.
                return value
            self._seen[name] = (value, now + keep_s)
        return value


def _drain(region: str) -> str:
    return f"region {region} drain"
