"""GitHub's rate limits: a budget an hour for each caller, and points a minute for each of its endpoints."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

BUDGETS = {"core": 5_000, "actions_runner_registration": 10_000, "points": 900, "concurrent": 100}
"""Calls an hour by resource; points a minute for an endpoint; calls under way at once."""
HOUR_S, MINUTE_S = 3_600, 60
READ_POINTS, WRITE_POINTS = 1, 5
_SECONDARY = "You have exceeded a secondary rate limit. Please wait a few minutes before you try again."


class Limit(StrEnum):
    """The two kinds that GitHub tells apart."""

    PRIMARY = "primary"
    SECONDARY = "secondary"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the limits say to one call."""

    headers: dict[str, str] = field(default_factory=dict)
    status: int = 0
    """Of the refusal; 0 where there is none."""
    message: str = ""


@dataclass(slots=True)
class _Window:
    """What was used since the first call of a window."""

    ends: float
    used: int = 0


class RateLimits:
    """Counts calls in windows that begin with a caller's first call."""

    def __init__(
        self, clock: Callable[[], datetime], budgets: dict[str, int] | None = None, *, counts: bool = True
    ) -> None:
        self._clock = clock
        self._budgets = {**BUDGETS, **(budgets or {})}
        self._counts = counts
        """False on an Enterprise Server, whose limits are off until somebody switches them on."""
        self._windows: dict[tuple[str, str], _Window] = {}
        self._under_way: dict[str, int] = {}
        self._ordered: dict[Limit, float] = {}
        self._lock = threading.Lock()

    def order(self, kind: Limit, for_s: float) -> None:
        """Refuse every call for so long."""
        with self._lock:
            self._ordered[kind] = self._now() + for_s

    @contextmanager
    def under_way(self, caller: str) -> Iterator[None]:
        """A call counts as concurrent from here to its answer."""
        with self._lock:
            self._under_way[caller] = self._under_way.get(caller, 0) + 1
        try:
            yield
        finally:
            with self._lock:
                self._under_way[caller] -= 1

    def spend(self, caller: str, resource: str, endpoint: str) -> Verdict:
        """Count a call; `endpoint` is its method and route."""
        with self._lock:
            return self._ordered_refusal(caller, resource) or self._count(caller, resource, endpoint)

    def refund(self, caller: str, resource: str) -> dict[str, str]:
        """Take back the count of a call whose answer was that nothing has changed; the headers that say so."""
        with self._lock:
            if not self._counts:
                return {}
            core = self._window(caller, resource, HOUR_S)
            core.used = max(0, core.used - 1)
            return self._told(resource, core.used, core.ends)

    def _ordered_refusal(self, caller: str, resource: str) -> Verdict | None:
        now = self._now()
        primary, secondary = (self._ordered.get(kind, now) for kind in Limit)
        if primary > now:
            return self._spent(caller, resource, primary)
        if secondary > now:
            return self._slow_down(resource, self._window(caller, resource, HOUR_S), 429, secondary - now)
        return None

    def _count(self, caller: str, resource: str, endpoint: str) -> Verdict:
        if not self._counts:
            return Verdict()
        core, minute = self._window(caller, resource, HOUR_S), self._window(caller, endpoint, MINUTE_S)
        points = READ_POINTS if endpoint.startswith("GET ") else WRITE_POINTS
        if core.used >= self._budgets[resource]:
            return self._spent(caller, resource, core.ends)
        if self._under_way.get(caller, 0) > self._budgets["concurrent"]:
            return self._slow_down(resource, core, 403, MINUTE_S)
        if minute.used + points > self._budgets["points"]:
            return self._slow_down(resource, core, 403, minute.ends - self._now())
        minute.used += points
        core.used += 1
        return Verdict(self._told(resource, core.used, core.ends))

    def _spent(self, caller: str, resource: str, until: float) -> Verdict:
        told = self._told(resource, self._budgets[resource], until)
        return Verdict(told, 403, f"API rate limit exceeded for {caller}.")

    def _slow_down(self, resource: str, core: _Window, status: int, wait_s: float) -> Verdict:
        told = self._told(resource, core.used, core.ends)
        return Verdict({**told, "Retry-After": str(math.ceil(wait_s))}, status, _SECONDARY)

    def _told(self, resource: str, used: int, ends: float) -> dict[str, str]:
        limit = self._budgets[resource]
        return {
            "X-RateLimit-Limit": str(limit),
            "X-RateLimit-Remaining": str(limit - used),
            "X-RateLimit-Used": str(used),
            "X-RateLimit-Reset": str(math.ceil(ends)),
            "X-RateLimit-Resource": resource,
        }

    def _window(self, caller: str, name: str, length_s: int) -> _Window:
        now, window = self._now(), self._windows.get((caller, name))
        if window is None or window.ends <= now:
            window = self._windows[caller, name] = _Window(now + length_s)
        return window

    def _now(self) -> float:
        return self._clock().timestamp()
