"""Housekeeping reads what the cloud sells, so that no door has to ask while a job waits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from controller.domain import market
from controller.domain.events import LookFailed
from controller.domain.market import Learnt
from controller.errors import Rejected, SpotRunnerError
from controller.ports import Memory, Offerings, Tell

KEEP_S = 14 * 86_400.0
"""What is older is worse than the catalogue in the package."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class LearnMarket:
    """Part by part: one that is not answered stays as it was, and holds none of the others up."""

    offerings: Offerings
    memory: Memory
    tell: Tell
    clock: Callable[[], float]

    def __call__(self, dry_run: bool) -> tuple[int, list[str]]:  # noqa: FBT001 - all tasks are called alike
        """Read everything, and keep it for all doors of the region."""
        now = self.clock()
        before = market.read(self.memory.recall(market.FACT, now) or "")
        learnt = Learnt(
            at=now,
            types=self._part("machine types", lambda: tuple(self.offerings.types()), before.types),
            prices=self._part("on-demand prices", self.offerings.prices, before.prices),
            zones=self._part("zones of machine types", self.offerings.zones, before.zones),
            spot=self._part("spot prices", self.offerings.spot_prices, before.spot),
        )
        text = market.text(learnt)
        if len(text) > market.LARGEST_TEXT:
            raise Rejected(f"the market has {len(text)} bytes, and {market.LARGEST_TEXT} are kept at the most")
        if not dry_run:
            self.memory.remember(market.FACT, text, now + KEEP_S)
        prices = f"{len(learnt.prices)} on-demand and {len(learnt.spot)} spot prices"
        return len(learnt.types), [
            f"keep {len(learnt.types)} machine types, {len(learnt.zones)} offered here, {prices}"
        ]

    def _part(self, what: str, ask: Callable[[], T], before: T) -> T:
        try:
            return ask() or before
        except SpotRunnerError as no:
            self.tell(LookFailed(what, str(no)))
            return before
