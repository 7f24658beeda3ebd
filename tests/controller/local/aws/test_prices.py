from __future__ import annotations

import pytest

from controller.local.aws.prices import HISTORY_S, SPOT_SAVING, Prices

DAY_S = 86_400.0
NOW = 1_800_000_000.0


def test_on_demand_costs_what_the_catalogue_lists_in_every_zone() -> None:
    prices = Prices(lambda: NOW)

    assert prices.now("c7i.large", "us-east-1a", "on-demand") == pytest.approx(0.08925)
    assert prices.now("c7i.large", "us-east-1b", "on-demand") == pytest.approx(0.08925)


@pytest.mark.parametrize("family", SPOT_SAVING)
def test_spot_stays_near_what_the_family_usually_saves(family: str) -> None:
    prices = Prices(lambda: NOW)
    listed = prices.now(f"{family}.large", "us-east-1a", "on-demand")

    history = list(prices.history(f"{family}.large", "us-east-1a", NOW - 30 * DAY_S, NOW))

    shares = [price.dollars / listed for price in history]
    assert max(abs(share / (1 - SPOT_SAVING[family]) - 1) for share in shares) < 0.081
    assert len(set(shares)) > 50


def test_zones_have_prices_of_their_own() -> None:
    prices = Prices(lambda: NOW)

    assert len({prices.now("m7i.large", f"us-east-1{zone}", "spot") for zone in "abc"}) == 3


def test_the_newest_price_of_the_history_is_the_price_now() -> None:
    prices = Prices(lambda: NOW)

    (newest,) = prices.history("m7i.large", "us-east-1a", NOW, NOW)

    assert newest.dollars == prices.now("m7i.large", "us-east-1a", "spot")
    assert newest.since <= NOW


def test_the_history_ends_after_ninety_days_and_never_tells_the_future() -> None:
    prices = Prices(lambda: NOW)

    history = list(prices.history("m7i.large", "us-east-1a", 0, NOW + 10 * DAY_S))

    assert history[0].since <= NOW
    assert history[-1].since >= NOW - HISTORY_S - 6 * 3600
    assert [price.since for price in history] == sorted((price.since for price in history), reverse=True)


def test_nobody_knows_the_price_of_a_made_up_type() -> None:
    with pytest.raises(LookupError, match="no price of m99x"):
        Prices(lambda: NOW).now("m99x.large", "us-east-1a", "spot")
