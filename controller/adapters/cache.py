"""Answers from outside, kept in memory for a while."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

from controller.errors import Unavailable

T = TypeVar("T")

MAX_ENTRIES = 1_000
"""Names may come from outside; the oldest answers make room."""

RETRY_S = 10.0
"""After a failed refresh the old answer is used for this long before the next try."""


class Kept(Generic[T]):
    """What `fetch` answered for a name, for `ttl_s`; longer, up to `grace_s`, while the source is unavailable."""

    def __init__(self, fetch: Callable[[str], T], ttl_s: float, grace_s: float = 0.0) -> None:
        self._fetch = fetch
        self._ttl_s = ttl_s
        self._grace_s = grace_s
        self._known: OrderedDict[str, tuple[T, float, float]] = OrderedDict()
        """Answer, when to ask again, when it can not be used any more."""

    def get(self, name: str, now: float, *, fresh: bool = False) -> T:
        """The answer for a name; `fresh` asks the source whatever is known."""
        known = self._known.get(name)
        if known is not None and now < known[1] and not fresh:
            return known[0]
        try:
            answer = self._fetch(name)
        except Unavailable:
            if known is None or fresh or now >= known[2]:
                raise
            self._known[name] = (known[0], now + RETRY_S, known[2])
            return known[0]
        self._keep(name, answer, now)
        return answer

    def _keep(self, name: str, answer: T, now: float) -> None:
        self._known[name] = (answer, now + self._ttl_s, now + self._ttl_s + self._grace_s)
        self._known.move_to_end(name)
        while len(self._known) > MAX_ENTRIES:
            self._known.popitem(last=False)
