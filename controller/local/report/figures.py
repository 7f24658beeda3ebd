"""How figures are written for people; what was not measured is `unknown`."""

from __future__ import annotations

import math

UNKNOWN = "unknown"


def seconds(value: float | None) -> str:
    """`8.6 s`."""
    return UNKNOWN if value is None else f"{value:.1f} s"


def dollars(value: float | None) -> str:
    """Two figures that say something, however small the sum: `$12.50`, `$0.00041`."""
    if value is None:
        return UNKNOWN
    rounded = float(f"{value:.1e}")
    digits = 2 if rounded <= 0 else max(2, 1 - math.floor(math.log10(rounded)))
    return f"${value:.{digits}f}"


def count(value: float | None) -> str:
    """`4.1`."""
    return UNKNOWN if value is None else f"{value:.1f}"


def plural(number: int, noun: str) -> str:
    """`1 job`, `2 jobs`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
