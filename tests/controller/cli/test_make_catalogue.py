"""The catalogue in the package is what the script makes, and agrees with EC2's own specifications."""

from __future__ import annotations

from controller.cli import make_catalogue
from controller.domain import catalogue


def test_the_shipped_file_is_the_one_that_is_made() -> None:
    made = make_catalogue.made(make_catalogue.shipped_specs())

    assert catalogue.FILE.read_text() == made, "run python -m controller.cli.make_catalogue"


def test_every_price_is_for_a_type_that_the_catalogue_has_and_dated() -> None:
    shipped = catalogue.shipped()

    assert {kind.family for kind in shipped.types if kind.price} == set(make_catalogue.PER_VCPU_HOUR)
    assert set(shipped.savings) <= set(make_catalogue.PER_VCPU_HOUR)
    assert shipped.prices == make_catalogue.PRICES_OF
    assert len({kind.name for kind in shipped.types}) == len(shipped.types)
    assert all(kind.cpu > 0 and kind.ram > 0 and kind.nvme >= 0 for kind in shipped.types)


def test_prices_are_those_of_the_list() -> None:
    known = {kind.name: kind for kind in catalogue.shipped().types}

    assert known["c7i.large"].price == 0.08925
    assert known["c7a.16xlarge"].price == 3.28448
    assert known["r7i.2xlarge"].price == 0.5292
    assert known["c7gd.xlarge"].nvme == 237


def test_a_spot_price_is_about_what_it_usually_was_or_not_known() -> None:
    shipped = catalogue.shipped()
    known = {kind.name: kind for kind in shipped.types}

    assert shipped.price(known["c7i.large"], spot=True) == 0.03481
    assert shipped.price(known["c7i.large"], spot=False) == 0.08925
    assert shipped.price(known["c8i.large"], spot=True) is None
    assert shipped.price(known["g5.xlarge"], spot=False) is None
