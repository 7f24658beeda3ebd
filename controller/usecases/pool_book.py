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
    """What one round of filling has read of a record that all fillers of a region write; good for that round only."""

    memory: Memory
    text: str | None
    fills: dict[str, Fill]
    """The launches noted, by their names."""

    @classmethod
    def read(cls, memory: Memory, now: float) -> PoolBook:
        """As it is now."""
        text = memory.recall(FACT, now)
        try:
            return cls(memory, text, wire.loads(_Fills, text).fills if text else {})
        except wire.Malformed:
            # Written by another version: begin anew, on top of it.
            return cls(memory, text, {})

    def note(self, launch_id: str, fill: Fill, pending: Collection[str]) -> bool:
        """Note a launch; False where somebody else has noted one since the reading, and this one must not be made."""
        fills = warm_pools.remembered(self.fills, pending, fill.at) | {launch_id: fill}
        text = wire.dumps(_Fills(fills))
        if self.memory.swap(FACT, self.text, text, fill.at + KEEP_S) != text:
            return False
        self.text, self.fills = text, fills
        return True
