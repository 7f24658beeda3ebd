"""Where a stack lives: account, region, partition, and the zones to use when nobody names any."""

from __future__ import annotations

from dataclasses import dataclass

_PARTITIONS = {"cn-": ("aws-cn", "amazonaws.com.cn"), "us-gov-": ("aws-us-gov", "amazonaws.com")}

_ZONES = {"ap-northeast-1": "acd", "ca-central-1": "abd"}
"""Regions in which three zones open to every account are not `a`, `b` and `c`."""

_VARIED = frozenset({"us-west-1"})
"""Here each account sees other zones."""


@dataclass(frozen=True, slots=True)
class Place:
    """One region of one account."""

    region: str
    account: str

    @property
    def partition(self) -> str:
        """The first word of every ARN after `arn`."""
        return self._partition()[0]

    @property
    def domain(self) -> str:
        """The end of the names of services, as in `ec2.amazonaws.com`."""
        return self._partition()[1]

    def arn(self, service: str, resource: str) -> str:
        """A regional resource of this account."""
        return f"arn:{self.partition}:{service}:{self.region}:{self.account}:{resource}"

    def zones(self) -> tuple[str, ...]:
        """Three zones that every account has; empty where that differs between accounts."""
        return () if self.region in _VARIED else tuple(f"{self.region}{end}" for end in _ZONES.get(self.region, "abc"))

    def _partition(self) -> tuple[str, str]:
        found = (pair for start, pair in _PARTITIONS.items() if self.region.startswith(start))
        return next(found, ("aws", "amazonaws.com"))
