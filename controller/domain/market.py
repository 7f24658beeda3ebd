"""What the cloud sells in this region, learnt at run time and laid over the catalogue in this package.

It decides which machine type is asked for first, and that none is asked for in a zone that does not have it. Where it
is old or missing, the order is another one and nothing else: what was learnt never leaves a job without an offering.
"""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from controller.domain import catalogue, launch
from controller.domain.catalogue import Catalogue, InstanceType
from controller.domain.fleet_config import Arch
from controller.domain.launch import Offering, Rung
from controller.domain.runner import Lifecycle

FACT = "market"
LARGEST_TEXT = 350_000
"""It is one item of a table, and an item has 400 KB."""

_VERSION = 1


@dataclass(frozen=True, slots=True)
class Learnt:
    """What was read, part by part; what could not be read is empty."""

    at: float = 0.0
    types: tuple[InstanceType, ...] = ()
    """Without prices."""
    prices: Mapping[str, float] = field(default_factory=dict)
    """On-demand dollars an hour, by type."""
    zones: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """The zones of the stack that have a type."""
    spot: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    """Dollars an hour by type and zone."""


@dataclass(frozen=True, slots=True)
class Market:
    """What is known of types, zones and prices."""

    catalogue: Catalogue
    zones: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    spot: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    seen_at: float | None = None
    """None: nothing was learnt, this is the package's own."""

    def price(self, offered: InstanceType, zone: str, *, spot: bool) -> float | None:
        """About how many dollars an hour; None where nothing tells."""
        seen = self.spot.get(offered.name, {}).get(zone) if spot else None
        return self.catalogue.price(offered, spot=spot) if seen is None else seen

    def ladder(
        self, rung: Rung, wanted: Sequence[InstanceType], wider: Sequence[InstanceType], subnets: Mapping[str, str]
    ) -> tuple[Offering, ...]:
        """What a rung asks for, the wanted first: types by the zones that have them."""
        types = launch.types_of(rung, wanted, wider)
        if launch.lifecycle_of(rung) is Lifecycle.SPOT:
            # Those without a price keep their order, behind the others.
            types = tuple(
                sorted(types, key=lambda offered: min(self.spot.get(offered.name, {}).values(), default=_LAST))
            )
        every = tuple(launch.every_offering((offered.name for offered in types), subnets))
        sold = tuple(one for one in every if one.zone in self.zones.get(one.instance_type, ())) if self.zones else ()
        return sold or every


_LAST = float("inf")


def shipped() -> Market:
    """What this package knows by itself."""
    return Market(catalogue.shipped())


def market(learnt: Learnt) -> Market:
    """What was learnt, over what this package knows.

    A type that the package does not know, or has no price of, is offered only to labels and configurations that name
    it, whatever it costs: nobody is to get another kind of machine because a price has become known.
    """
    known = catalogue.shipped()
    types = [_priced(offered, learnt) for offered in known.types]
    names = {offered.name for offered in types}
    types += [_priced(replace(new, is_common=False), learnt) for new in learnt.types if new.name not in names]
    return Market(replace(known, types=tuple(types)), learnt.zones, learnt.spot, learnt.at)


def known(kept: str) -> Market:
    """What is known with what was kept."""
    return market(read(kept))


def text(learnt: Learnt) -> str:
    """What was learnt, as it is kept."""
    rows = [[one.name, one.arch, one.cpu, one.ram, one.nvme] for one in learnt.types]
    data = [_VERSION, learnt.at, rows, learnt.prices, learnt.zones, learnt.spot]
    packed = zlib.compress(json.dumps(data, separators=(",", ":")).encode(), 9)
    return base64.b85encode(packed).decode()


def read(kept: str) -> Learnt:
    """What was learnt, out of its text; nothing where another version of this code has written it."""
    try:
        version, at, rows, prices, zones, spot = json.loads(zlib.decompress(base64.b85decode(kept)))
        types = tuple(InstanceType(name, Arch(arch), cpu, ram, nvme, None) for name, arch, cpu, ram, nvme in rows)
        zones = {name: tuple(each) for name, each in zones.items()}
    except (ValueError, TypeError, AttributeError, zlib.error):
        return Learnt()
    return Learnt(at, types, prices, zones, spot) if version == _VERSION else Learnt()


def _priced(offered: InstanceType, learnt: Learnt) -> InstanceType:
    return replace(offered, price=learnt.prices.get(offered.name, offered.price))
