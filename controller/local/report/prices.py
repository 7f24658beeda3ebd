"""What a machine costs at list prices, with spot estimated from what it usually saves.

A demo's machines are local processes, so nobody was charged anything: the figures say what the same
seconds would cost in AWS. Real spot prices move; the usual saving stands in for them.
"""

from __future__ import annotations

from controller.domain import catalogue

LISTED = "July 2026"
"""When the on-demand prices of the catalogue were the list prices of us-east-1."""

SAVINGS_SEEN = "28 June 2025"
"""The day of the Spot Instance Advisor's figures."""

SPOT_SAVING = {
    # family: median share that spot saved in us-east-1, over the sizes with 2 to 64 vCPU
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

_ON_DEMAND = {offered.name: offered.price for offered in catalogue.shipped().types}


def on_demand(instance_type: str) -> float | None:
    """Dollars an hour on demand; None for a type that the catalogue does not list."""
    return _ON_DEMAND.get(instance_type)


def hourly(instance_type: str, lifecycle: str) -> float | None:
    """Dollars an hour for a lifecycle; None where nothing published tells."""
    listed = on_demand(instance_type)
    if listed is None or lifecycle != "spot":
        return listed
    saving = SPOT_SAVING.get(instance_type.partition(".")[0])
    return None if saving is None else listed * (1 - saving)
