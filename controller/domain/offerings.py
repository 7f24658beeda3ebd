"""The catalogue of instance types, and the choice of those that fit a wish, cheapest first.

Prices are on-demand Linux dollars per vCPU-hour in us-east-1, July 2026. A stale price only changes
the order: with `price-capacity-optimized` EC2 itself picks among everything offered.
"""

from __future__ import annotations

from dataclasses import dataclass

from controller.domain.fleet_config import Arch, Span

_SIZES = {"large": 2, "xlarge": 4, "2xlarge": 8, "4xlarge": 16, "8xlarge": 32, "12xlarge": 48, "16xlarge": 64}

_FAMILIES: dict[str, tuple[Arch, int, float]] = {
    # family: architecture, GiB of memory for each vCPU, dollars per vCPU-hour
    "c6a": (Arch.X64, 2, 0.03825),
    "c6i": (Arch.X64, 2, 0.0425),
    "c7a": (Arch.X64, 2, 0.05132),
    "c7i": (Arch.X64, 2, 0.044625),
    "c8i": (Arch.X64, 2, 0.046855),
    "c7g": (Arch.ARM64, 2, 0.03625),
    "c8g": (Arch.ARM64, 2, 0.03988),
    "m7i": (Arch.X64, 4, 0.0504),
    "m7a": (Arch.X64, 4, 0.05796),
    "m7g": (Arch.ARM64, 4, 0.0408),
    "m8g": (Arch.ARM64, 4, 0.04488),
    "r7i": (Arch.X64, 8, 0.06615),
}


@dataclass(frozen=True, slots=True)
class InstanceType:
    """One machine type."""

    name: str
    family: str
    arch: Arch
    cpu: int
    ram: float
    """GiB."""
    price: float
    """On-demand dollars an hour."""


CATALOGUE = tuple(
    InstanceType(f"{family}.{size}", family, arch, cpu, float(cpu * per_cpu), round(cpu * price, 5))
    for family, (arch, per_cpu, price) in _FAMILIES.items()
    for size, cpu in _SIZES.items()
)


@dataclass(frozen=True, slots=True)
class Need:
    """What a machine must have."""

    arch: Arch
    cpu: Span
    ram: Span | None = None
    families: tuple[str, ...] = ()


def fitting(need: Need) -> tuple[InstanceType, ...]:
    """The types that meet the need, cheapest first; empty where none does."""
    fits = [
        offered
        for offered in CATALOGUE
        if offered.arch == need.arch
        and offered.cpu in need.cpu
        and (need.ram is None or offered.ram in need.ram)
        and (not need.families or {offered.family, offered.name} & set(need.families))
    ]
    return tuple(sorted(fits, key=lambda offered: (offered.price, offered.name)))
