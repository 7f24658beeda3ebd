"""What housekeeping learns of the market, part by part."""

from __future__ import annotations

import pytest

from controller.domain import market
from controller.domain.events import LookFailed
from controller.domain.market import Learnt
from controller.errors import Rejected, Unavailable
from controller.usecases.learn_market import KEEP_S, LearnMarket
from tests.fakes.memory import FakeMemory
from tests.fakes.offerings import ZONES, FakeOfferings
from tests.fakes.telling import Told


class Shop:
    """A cloud, and a memory in which it is remembered."""

    def __init__(self) -> None:
        self.now = 1_000.0
        self.offerings, self.memory, self.told = FakeOfferings(), FakeMemory(), Told()
        self.learn = LearnMarket(self.offerings, self.memory, self.told, lambda: self.now)

    @property
    def learnt(self) -> Learnt:
        return market.read(self.memory.recall(market.FACT, self.now) or "")


def test_types_zones_and_prices_are_kept_for_all_doors() -> None:
    shop = Shop()
    shop.offerings.lacking["c7a.large"] = (ZONES[0],)

    looked_at, lines = shop.learn(False)

    assert looked_at == len(shop.offerings.sold) == len(shop.learnt.types)
    assert shop.learnt.zones["c7a.large"] == ZONES[1:]
    assert shop.learnt.prices == shop.offerings.dollars
    assert shop.learnt.spot == shop.offerings.spot
    assert len(lines) == 1


def test_a_look_alone_keeps_nothing() -> None:
    shop = Shop()

    shop.learn(True)

    assert shop.memory.facts == {}


@pytest.mark.parametrize("fault", [Unavailable("throttled"), Rejected("not allowed")])
@pytest.mark.parametrize(
    ("part", "words"),
    [
        ("types", "machine types"),
        ("zones", "zones of machine types"),
        ("prices", "on-demand prices"),
        ("spot_prices", "spot prices"),
    ],
)
def test_a_part_that_is_not_answered_stays_as_it_was_and_is_told(part: str, words: str, fault: Exception) -> None:
    shop = Shop()
    shop.learn(False)
    before = shop.learnt
    shop.offerings.silent[part] = fault
    shop.offerings.sold, shop.offerings.dollars, shop.offerings.spot = shop.offerings.sold[:5], {"a.b": 1.0}, {}
    shop.now += 3_600.0

    shop.learn(False)

    name = {"spot_prices": "spot"}.get(part, part)
    assert getattr(shop.learnt, name) == getattr(before, name)
    assert shop.learnt.at == shop.now
    assert [(event.what, event.why) for event in shop.told.of(LookFailed)] == [(words, str(fault))]


def test_what_nobody_has_learnt_for_long_is_forgotten() -> None:
    shop = Shop()
    shop.learn(False)

    shop.now += KEEP_S

    assert shop.learnt == Learnt()
