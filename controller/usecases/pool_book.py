"""Which launches of spares are under way, so that nobody who fills a pool launches beside another who does."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

from controller.domain import warm_pools
from controller.domain.warm_pools import Fill
from controller.ports import Memory
from runner_agent.contract import wire

FACT = "pools"
KEEP_S = 400 * 86_400.0


@dataclass(frozen=True, slots=True)
class _Fills:
    fills: dict[str, Fill] = field(default_factory=dict)


@dataclass(slots=True)
class PoolBook:
    """One filler's copy of a record that all of a region write: a launch is noted before it is written down."""

    memory: Memory
    _text: str | None = field(default=None)
    _fills: dict[str, Fill] = field(default_factory=dict)

    def look(self, now: float) -> dict[str, Fill]:
        """The launches noted, by their names."""
        self._text = self.memory.recall(FACT, now)
        try:
            self._fills = wire.loads(_Fills, self._text).fills if self._text else {}
        except wire.Malformed:
            # Written by another version: begin anew, on top of it.
            self._fills = {}
        return dict(self._fills)

    def note(self, launch_id: str, fill: Fill, pending: Collection[str]) -> bool:
        """Note a launch; False where somebody else has noted one since the look, and this one must not be made."""
        fills = warm_pools.remembered(self._fills, pending, fill.at) | {launch_id: fill}
        text = wire.dumps(_Fills(fills))
        if self.memory.swap(FACT, self._text, text, fill.at + KEEP_S) != text:
            return False
        self._text, self._fills = text, fills
        return True
