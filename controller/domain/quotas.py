"""The account's own limits for machines: vCPUs for each group of families and each way of paying.

https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-on-demand-instances.html and using-spot-limits.html
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from controller.domain.catalogue import InstanceType
from controller.domain.runner import Lifecycle

FACT = "quotas"
STANDARD = "standard"
_GROUPS = {"f": "F", "g": "G and VT", "vt": "G and VT", "p": "P", "x": "X", "inf": "Inf", "trn": "Trn", "dl": "DL"}
_CODES: Mapping[Lifecycle, Mapping[str, str]] = {
    Lifecycle.SPOT: {
        STANDARD: "L-34B43A08",
        "F": "L-88CF9481",
        "G and VT": "L-3819A6DF",
        "P": "L-7212CCBC",
        "X": "L-E3A00192",
        "Inf": "L-B5D1601B",
        "Trn": "L-6B0D517C",
        "DL": "L-85EED4F7",
    },
    Lifecycle.ON_DEMAND: {
        STANDARD: "L-1216C47A",
        "F": "L-74FC7D96",
        "G and VT": "L-DB2E81BA",
        "P": "L-417A185B",
        "X": "L-7295265B",
        "Inf": "L-1945791B",
        "Trn": "L-2C3B7624",
        "DL": "L-6E869C2A",
    },
}
_LETTERS = re.compile(r"[a-z]+")
_STANDARD_LETTERS = frozenset("acdhimrtz")

Running = Mapping[tuple[str, Lifecycle], int]
"""How many machines run, by type and way of paying; all of the account's in the region, not only ours."""


@dataclass(frozen=True, slots=True)
class Quota:
    """One limit, in vCPUs; what is not known is None."""

    code: str
    group: str
    lifecycle: Lifecycle
    limit: float | None = None
    used: int | None = None

    @property
    def left(self) -> float | None:
        """The headroom."""
        return None if self.limit is None or self.used is None else max(0.0, self.limit - self.used)


@dataclass(frozen=True, slots=True)
class Quotas:
    """All of them at one moment."""

    at: float = 0.0
    known: tuple[Quota, ...] = field(default_factory=tuple)

    def of(self, lifecycle: Lifecycle, group: str) -> Quota | None:
        """The limit for a group of families; None where we know of none."""
        code = _CODES[lifecycle].get(group, "")
        blank = Quota(code, group, lifecycle) if code else None
        return next((quota for quota in self.known if quota.code == code), blank)


def group_of(instance_type: str) -> str:
    """The group of families that a type is counted in; empty where we know of none."""
    letters = _LETTERS.match(instance_type)
    name = letters[0] if letters else ""
    # `im4gn`, `is4gen` and `mac` begin as standard families do; Macs are dedicated hosts.
    is_standard = name[:1] in _STANDARD_LETTERS and name not in {*_GROUPS, "mac", "hpc"}
    return STANDARD if is_standard else _GROUPS.get(name, "")


def counted(
    limits: Mapping[str, float] | None, running: Running | None, types: Mapping[str, InstanceType], now: float
) -> Quotas:
    """The limits with what is used of them; what could not be read, or counted, stays unknown."""
    used: dict[tuple[Lifecycle, str], int | None] = {}
    for (name, lifecycle), machines in (running or {}).items():
        key = lifecycle, group_of(name)
        before = used.get(key, 0)
        known = types.get(name)
        used[key] = None if before is None or known is None else before + machines * known.cpu
    return Quotas(
        now,
        tuple(
            Quota(code, group, lifecycle, (limits or {}).get(code), _use(used, running, (lifecycle, group)))
            for lifecycle, codes in _CODES.items()
            for group, code in codes.items()
        ),
    )


def words(quota: Quota | None) -> str:
    """Which limit it is and how to raise it; without what is used, so that a job's reason stays as it is."""
    if quota is None:
        return ""
    much = "" if quota.limit is None else f"{quota.limit:g} vCPU of "
    where = f"ask for more of quota {quota.code} in the Service Quotas console"
    return f"{much}{quota.lifecycle} {quota.group}; {where}"


def _use(
    used: Mapping[tuple[Lifecycle, str], int | None], running: Running | None, key: tuple[Lifecycle, str]
) -> int | None:
    return None if running is None else used.get(key, 0)
