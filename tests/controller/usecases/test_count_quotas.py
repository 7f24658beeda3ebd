"""What the account may have, and what it has, counted now and then."""

from __future__ import annotations

from controller.domain import market, quotas
from controller.domain.events import HeadroomSeen, LookFailed
from controller.domain.quotas import Quotas
from controller.domain.runner import Lifecycle
from controller.errors import Unavailable
from controller.usecases import count_quotas
from controller.usecases.count_quotas import CountQuotas
from tests.fakes.memory import FakeMemory
from tests.fakes.offerings import FakeAllowance
from tests.fakes.telling import Told

NOW = 1_000.0


class Office:
    """An account, and a memory in which it is remembered."""

    def __init__(self) -> None:
        self.allowance, self.memory, self.told = FakeAllowance(), FakeMemory(), Told()
        self.count = CountQuotas(self.allowance, market.shipped, self.memory, self.told, lambda: NOW)

    @property
    def counted(self) -> Quotas:
        return count_quotas.read(self.memory.recall(quotas.FACT, NOW) or "")


def test_limits_and_their_use_are_kept_for_all_doors_and_told() -> None:
    office = Office()
    office.allowance.machines = {("c7a.large", Lifecycle.SPOT): 3}

    looked_at, lines = office.count(False)

    spot = office.counted.of(Lifecycle.SPOT, quotas.STANDARD)
    assert spot is not None
    assert (looked_at, spot.limit, spot.used, spot.left) == (3, 64.0, 6, 58.0)
    assert len(lines) == 2
    assert office.told.of(HeadroomSeen) == [HeadroomSeen("L-34B43A08", "standard", "spot", 64.0, 6)]


def test_limits_without_use_are_unknown_headroom_and_the_failure_is_told() -> None:
    office = Office()
    office.allowance.faults.plan(None, Unavailable("throttled"))

    office.count(False)

    spot = office.counted.of(Lifecycle.SPOT, quotas.STANDARD)
    assert spot is not None
    assert (spot.limit, spot.used, spot.left) == (64.0, None, None)
    assert [event.what for event in office.told.of(LookFailed)] == ["the account's machines"]


def test_a_look_alone_keeps_nothing_and_a_strange_record_is_none() -> None:
    office = Office()

    office.count(True)

    assert office.memory.facts == {}
    assert count_quotas.read("{") == Quotas()
