"""What was learnt of the market changes an order, and leaves no job without an offering."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from controller.domain import catalogue, market, offerings
from controller.domain.catalogue import InstanceType
from controller.domain.fleet_config import Arch, Span
from controller.domain.launch import Rung
from controller.domain.market import Learnt
from controller.domain.offerings import Need

SUBNETS = {"us-east-1a": "subnet-a", "us-east-1b": "subnet-b"}
TYPES = {offered.name: offered for offered in catalogue.shipped().types}
LARGE, OTHER = TYPES["c7a.large"], TYPES["m7a.large"]
NEW = InstanceType("c9z.large", Arch.X64, 2, 4.0, 0, None)

zones = st.lists(st.sampled_from([*SUBNETS, "us-east-1f"]), max_size=3, unique=True).map(tuple)
dollars = st.floats(0.001, 10.0)
learnt = st.builds(
    Learnt,
    at=st.floats(1.0, 2e9),
    types=st.lists(
        st.sampled_from([*TYPES.values(), NEW]).map(lambda one: replace(one, price=None, is_common=False))
    ).map(tuple),
    prices=st.dictionaries(st.sampled_from([*TYPES, NEW.name]), dollars, max_size=8),
    zones=st.dictionaries(st.sampled_from([*TYPES, NEW.name]), zones, max_size=8),
    spot=st.dictionaries(
        st.sampled_from([*TYPES, NEW.name]), st.dictionaries(st.sampled_from(list(SUBNETS)), dollars), max_size=8
    ),
)


def ladder(known: Learnt, rung: Rung = Rung.SPOT) -> list[tuple[str, str]]:
    asked = market.market(known).ladder(rung, (LARGE, OTHER), (), SUBNETS)
    return [(one.instance_type, one.zone) for one in asked]


@given(learnt)
def test_what_is_kept_reads_back_the_same(known: Learnt) -> None:
    assert market.read(market.text(known)) == known


@given(st.text())
def test_a_text_that_nobody_of_us_has_written_is_nothing_learnt(kept: str) -> None:
    assert market.read(kept) == Learnt()


@given(learnt, st.sampled_from([Rung.SPOT, Rung.ON_DEMAND]))
def test_nothing_that_is_learnt_leaves_a_rung_without_an_offering(known: Learnt, rung: Rung) -> None:
    assert ladder(known, rung)
    assert set(ladder(known, rung)) <= set(ladder(Learnt(), rung))


@given(learnt)
def test_nothing_that_is_learnt_changes_which_types_fit_who_names_no_family(known: Learnt) -> None:
    need = Need(Arch.X64, Span(2, 4))

    now = offerings.choose(market.market(known).catalogue.types, offerings.filters(need)).types

    assert {one.name for one in now} == {one.name for one in offerings.fitting(need)}


def test_the_cheapest_spot_price_is_asked_first_and_on_demand_keeps_its_own_order() -> None:
    known = Learnt(spot={LARGE.name: {"us-east-1a": 0.05}, OTHER.name: {"us-east-1b": 0.01}})

    assert ladder(known)[0] == (OTHER.name, "us-east-1a")
    assert ladder(known, Rung.ON_DEMAND)[0] == (LARGE.name, "us-east-1a")


def test_a_type_is_not_asked_for_in_a_zone_that_does_not_have_it() -> None:
    known = Learnt(zones={LARGE.name: ("us-east-1b",), OTHER.name: tuple(SUBNETS)})

    assert (LARGE.name, "us-east-1a") not in ladder(known)
    assert (LARGE.name, "us-east-1b") in ladder(known)


def test_a_new_type_is_there_for_those_who_name_its_family() -> None:
    types = market.market(Learnt(types=(NEW,), prices={NEW.name: 0.01})).catalogue.types

    named = offerings.choose(types, offerings.filters(Need(Arch.X64, Span(2, 2), families=("c9z",))))
    unnamed = offerings.choose(types, offerings.filters(Need(Arch.X64, Span(2, 2))))

    assert [one.name for one in named.types] == [NEW.name]
    assert NEW.name not in {one.name for one in unnamed.types}


def test_a_live_price_takes_the_place_of_an_old_one_and_unknown_stays_unknown() -> None:
    known = market.market(Learnt(prices={LARGE.name: 0.5}, spot={LARGE.name: {"us-east-1a": 0.2}}))
    types = {one.name: one for one in known.catalogue.types}

    assert known.price(types[LARGE.name], "us-east-1a", spot=False) == 0.5
    assert known.price(types[LARGE.name], "us-east-1a", spot=True) == 0.2
    assert known.price(types["g5.xlarge"], "us-east-1a", spot=True) is None


def test_what_is_learnt_of_every_type_there_is_fits_into_one_item() -> None:
    everywhere = {f"us-east-1{letter}": 0.1234 + n / 7 for n, letter in enumerate("abcdef")}
    names = [f"{one.name}{n}" for n in range(2) for one in TYPES.values()]
    known = Learnt(
        at=1.0,
        types=tuple(replace(TYPES["c7a.large"], name=name) for name in names),
        prices={name: 0.1 + n / 3 for n, name in enumerate(names)},
        zones={name: tuple(everywhere) for name in names},
        spot={name: {zone: price + n / 11 for zone, price in everywhere.items()} for n, name in enumerate(names)},
    )

    assert len(names) > 1_000
    assert len(market.text(known)) < market.LARGEST_TEXT
