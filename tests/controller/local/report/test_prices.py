from __future__ import annotations

import pytest

from controller.domain import catalogue
from controller.local.report import prices


@pytest.mark.parametrize(
    ("instance_type", "lifecycle", "price"),
    [
        ("c7i.large", "on-demand", 0.08925),
        ("c7i.large", "spot", 0.08925 * 0.39),
        ("c7g.xlarge", "spot", 0.145 * 0.30),
        ("c8i.large", "spot", None),
        ("x9.large", "on-demand", None),
        ("", "spot", None),
    ],
)
def test_a_price_is_the_listed_one_or_its_usual_spot_share_or_unknown(
    instance_type: str, lifecycle: str, price: float | None
) -> None:
    assert prices.hourly(instance_type, lifecycle) == (None if price is None else pytest.approx(price))


def test_every_family_with_a_saving_is_in_the_catalogue() -> None:
    assert set(prices.SPOT_SAVING) <= {offered.family for offered in catalogue.shipped().types}
