"""Times and amounts as a person reads them; what is not known, or can not be, is said so."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import TypeGuard

UNKNOWN = "unknown"
_MINUTE, _HOUR, _DAY = 60, 3_600, 86_400
_EXACT_S = 10


def span(seconds: float | None) -> str:
    """How long something took: `4.1 s`, `2 min 10 s`, `3 h 5 min`, `2 d 4 h`."""
    if seconds is None or not math.isfinite(seconds):
        return UNKNOWN
    if seconds < _EXACT_S:
        return f"{max(0.0, seconds):.1f} s"
    whole = int(seconds)
    for unit, name, part, small in ((_DAY, "d", _HOUR, "h"), (_HOUR, "h", _MINUTE, "min"), (_MINUTE, "min", 1, "s")):
        if whole >= unit:
            rest = whole % unit // part
            return f"{whole // unit} {name} {rest} {small}" if rest else f"{whole // unit} {name}"
    return f"{whole} s"


def brief(seconds: float | None) -> str:
    """The same where there is little room: `4.1s`, `2m10s`, `3h5m`."""
    return span(seconds).replace("min", "m").replace(" ", "")


def since(start: float | None, now: float | None) -> float | None:
    """The seconds between two times; None where one of them is not known."""
    return now - start if is_known(start) and is_known(now) and math.isfinite(now - start) else None


def is_known(at: float | None) -> TypeGuard[float]:
    """Whether it is a time; records that were made without one hold a zero."""
    return at is not None and math.isfinite(at) and at > 0


def day(at: float | None) -> str:
    """A time with its day, in UTC."""
    return _shown(at, "%Y-%m-%d %H:%M:%S UTC")


def clock(at: float | None) -> str:
    """A time of the day, in UTC."""
    return _shown(at, "%H:%M:%S")


def dollars(amount: float | None) -> str:
    """An amount of money, to two figures where it is small."""
    if amount is None or not math.isfinite(amount):
        return UNKNOWN
    if amount <= 0 or amount >= 1:
        return f"${amount:.2f}"
    return f"${amount:.{min(9, 1 - math.floor(math.log10(amount)))}f}"


def _shown(at: float | None, form: str) -> str:
    try:
        return datetime.fromtimestamp(at, UTC).strftime(form) if is_known(at) else UNKNOWN
    except (ValueError, OverflowError, OSError):
        return UNKNOWN
