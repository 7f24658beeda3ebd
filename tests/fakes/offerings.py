"""What a cloud in memory sells, and what an account of it may have."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from controller.domain import catalogue
from controller.domain.catalogue import InstanceType
from controller.domain.quotas import Running
from controller.domain.runner import Lifecycle
from tests.fakes.faults import Faults

ZONES = ("us-east-1a", "us-east-1b", "us-east-1c")


class FakeOfferings:
    """The shipped types at the shipped prices in every zone; a test takes away or adds what it is about.

    `faults` strike at any part, `silent` names parts that are never answered.
    """

    def __init__(self) -> None:
        self.faults = Faults()
        self.silent: dict[str, Exception] = {}
        known = catalogue.shipped()
        self.sold = [replace(offered, price=None, is_common=False) for offered in known.types]
        self.dollars = {offered.name: offered.price for offered in known.types if offered.price is not None}
        self.lacking: dict[str, tuple[str, ...]] = {}
        """Type to the zones that do not have it."""
        self.spot = {name: dict.fromkeys(ZONES, round(price / 3, 6)) for name, price in self.dollars.items()}

    def types(self) -> list[InstanceType]:
        self._strike("types")
        return list(self.sold)

    def zones(self) -> dict[str, tuple[str, ...]]:
        self._strike("zones")
        has = {
            one.name: tuple(zone for zone in ZONES if zone not in self.lacking.get(one.name, ())) for one in self.sold
        }
        return {name: zones for name, zones in has.items() if zones}

    def prices(self) -> dict[str, float]:
        self._strike("prices")
        return dict(self.dollars)

    def spot_prices(self) -> dict[str, dict[str, float]]:
        self._strike("spot_prices")
        return {name: dict(zones) for name, zones in self.spot.items()}

    def _strike(self, part: str) -> None:
        self.faults.strike()
        if part in self.silent:
            raise self.silent[part]


class FakeAllowance:
    """Limits by their codes, and how many machines run."""

    def __init__(self, limits: Mapping[str, float] | None = None) -> None:
        self.faults = Faults()
        self.values = dict(limits or {"L-34B43A08": 64.0, "L-1216C47A": 32.0})
        self.machines: dict[tuple[str, Lifecycle], int] = {}

    def limits(self) -> dict[str, float]:
        self.faults.strike()
        return dict(self.values)

    def running(self) -> Running:
        self.faults.strike()
        return dict(self.machines)
