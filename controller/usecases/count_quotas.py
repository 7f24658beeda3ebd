"""Housekeeping counts what the account may have and what it has, so that a job can say which limit it waits for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from controller.domain import quotas
from controller.domain.events import HeadroomSeen, LookFailed
from controller.domain.market import Market
from controller.errors import SpotRunnerError
from controller.ports import Allowance, Memory, Tell
from runner_agent.contract import wire

KEEP_S = 86_400.0

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class CountQuotas:
    """The limits themselves and the use of them are known apart: one may be there without the other."""

    allowance: Allowance
    market: Callable[[], Market]
    memory: Memory
    tell: Tell
    clock: Callable[[], float]

    def __call__(self, dry_run: bool) -> tuple[int, list[str]]:  # noqa: FBT001 - all tasks are called alike
        """Read both, and keep them for all doors of the region."""
        limits = self._part("the account's limits", self.allowance.limits)
        running = self._part("the account's machines", self.allowance.running)
        types = {offered.name: offered for offered in self.market().catalogue.types}
        found = quotas.counted(limits, running, types, self.clock())
        if not dry_run:
            self.memory.remember(quotas.FACT, wire.dumps(found), found.at + KEEP_S)
        for quota in found.known:
            if quota.limit is not None and quota.used:
                self.tell(HeadroomSeen(quota.code, quota.group, quota.lifecycle, quota.limit, quota.used))
        lines = [f"keep quota {quota.code}: {quotas.words(quota)}" for quota in found.known if quota.limit is not None]
        return sum((running or {}).values()), lines

    def _part(self, what: str, ask: Callable[[], T]) -> T | None:
        try:
            return ask()
        except SpotRunnerError as no:
            self.tell(LookFailed(what, str(no)))
            return None


def read(text: str) -> quotas.Quotas:
    """What was counted, out of its text; nothing where another version of this code has written it."""
    try:
        return wire.loads(quotas.Quotas, text)
    except wire.Malformed:
        return quotas.Quotas()
