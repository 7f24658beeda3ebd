"""The instance types there are: a small dated file, read once, at the first need of it.

A stale price changes the order only: with `price-capacity-optimized` EC2 itself picks among everything offered.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from controller.domain.fleet_config import Arch

FILE = Path(__file__).with_name("catalogue.json")
COLUMNS = ("name", "arch", "cpu", "ram_gib", "nvme_gb", "usd_per_hour")


@dataclass(frozen=True, slots=True)
class InstanceType:
    """One machine type."""

    name: str
    arch: Arch
    cpu: int
    ram: float
    """GiB."""
    nvme: int
    """GB of disks inside the machine; 0 for none."""
    price: float | None
    """On-demand dollars an hour; None: not known."""
    is_common: bool = False
    """Whether it is offered to those who name no family."""

    @property
    def family(self) -> str:
        """What the name begins with."""
        return self.name.partition(".")[0]


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The types, and of when and where their prices are."""

    types: tuple[InstanceType, ...]
    prices: str
    """The day of which the prices are."""
    source: str
    savings: Mapping[str, float]
    """Family to the share that spot has usually saved."""
    savings_seen: str

    def price(self, offered: InstanceType, *, spot: bool) -> float | None:
        """About how many dollars an hour; None where nothing tells."""
        if not spot or offered.price is None:
            return offered.price
        saving = self.savings.get(offered.family)
        return None if saving is None else round(offered.price * (1 - saving), 5)


@cache
def shipped() -> Catalogue:
    """The catalogue in this package."""
    return parse(FILE.read_text())


def parse(text: str) -> Catalogue:
    """A catalogue's text, as `controller.cli.make_catalogue` writes it."""
    data = json.loads(text)
    # Nobody should get a costly or a throttled machine unasked: only families that were priced by hand are common.
    types = tuple(
        InstanceType(name, Arch(arch), cpu, ram, nvme, price, price is not None)
        for name, arch, cpu, ram, nvme, price in data["types"]
    )
    return Catalogue(types, data["prices"], data["source"], data["savings"], data["savings_seen"])
