"""What machines cost an hour: on demand as the catalogue lists it, spot moving about its family's usual saving.

No live price can be had offline. So the spot price of each (type, zone) is the on-demand price less the median
saving of the family, and moves every few hours by a few percent; the same type, zone and hour always cost the same.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache

from controller.domain import catalogue

SPOT_SAVING = {
    # family: median share that spot saved in us-east-1, over the sizes with 2 to 64 vCPU, 28 June 2025
    "c6a": 0.61,
    "c6i": 0.61,
    "c7a": 0.63,
    "c7i": 0.61,
    "c7g": 0.70,
    "c8g": 0.66,
    "m7i": 0.60,
    "m7a": 0.63,
    "m7g": 0.64,
    "m8g": 0.68,
    "r7i": 0.66,
}
USUAL_SAVING = 0.61
"""For families that nobody has published a figure of."""

HISTORY_S = 90 * 86_400
"""How far back EC2 remembers spot prices."""
_STEP_S = 6 * 3600
_SWING = 0.08


@dataclass(frozen=True, slots=True)
class SpotPrice:
    """A price, and since when."""

    instance_type: str
    zone: str
    dollars: float
    since: float


class Prices:
    """The prices of all types in all zones, at any time."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock

    def now(self, instance_type: str, zone: str, lifecycle: str) -> float:
        """Dollars an hour; raises `LookupError` for a type whose price nobody has published."""
        if lifecycle != "spot":
            return on_demand(instance_type)
        return _spot(instance_type, zone, math.floor(self._clock() / _STEP_S)).dollars

    def history(self, instance_type: str, zone: str, since: float, until: float) -> Iterator[SpotPrice]:
        """Every spot price that was good at some time of a span, newest first."""
        now = self._clock()
        last = math.floor(min(until, now) / _STEP_S)
        first = math.floor(max(since, now - HISTORY_S) / _STEP_S)
        for step in range(last, min(first, last) - 1, -1):
            yield _spot(instance_type, zone, step)


@cache
def on_demand(instance_type: str) -> float:
    """Dollars an hour on demand; raises `LookupError` for a type whose price is not in the catalogue."""
    price = next((offered.price for offered in catalogue.shipped().types if offered.name == instance_type), None)
    if price is None:
        raise LookupError(f"no price of {instance_type} is known")
    return price


def is_priced(instance_type: str) -> bool:
    """Whether a price of this type is known."""
    try:
        on_demand(instance_type)
    except LookupError:
        return False
    return True


def _spot(instance_type: str, zone: str, step: int) -> SpotPrice:
    usual = on_demand(instance_type) * (1 - SPOT_SAVING.get(instance_type.partition(".")[0], USUAL_SAVING))
    die = hashlib.sha256(f"{instance_type} {zone} {step}".encode()).digest()
    swing = _SWING * (int.from_bytes(die[:4]) / 2**31 - 1)
    return SpotPrice(instance_type, zone, round(usual * (1 + swing), 6), step * _STEP_S)
