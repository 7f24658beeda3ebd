"""GitHub's primary rate limits: a budget an hour for each caller and resource, told in every answer."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime

BUDGETS = {"core": 5_000, "actions_runner_registration": 10_000}
HOUR_S = 3_600


class RateLimits:
    """Counts calls in fixed hours."""

    def __init__(self, clock: Callable[[], datetime], budgets: dict[str, int] | None = None) -> None:
        self._clock = clock
        self._budgets = {**BUDGETS, **(budgets or {})}
        self._used: dict[tuple[str, str, int], int] = {}
        self._lock = threading.Lock()

    def spend(self, caller: str, resource: str) -> tuple[bool, dict[str, str]]:
        """Whether the call is within the budget, and the headers that say so."""
        hour = int(self._clock().timestamp()) // HOUR_S
        limit = self._budgets[resource]
        with self._lock:
            used = self._used.get((caller, resource, hour), 0)
            allowed = used < limit
            used = self._used[caller, resource, hour] = min(limit, used + 1)
        return allowed, {
            "X-RateLimit-Limit": str(limit),
            "X-RateLimit-Remaining": str(limit - used),
            "X-RateLimit-Used": str(used),
            "X-RateLimit-Reset": str((hour + 1) * HOUR_S),
            "X-RateLimit-Resource": resource,
        }
