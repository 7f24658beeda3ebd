"""The catalogue, and the choice out of it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from controller.domain.fleet_config import Arch, Span
from controller.domain.offerings import CATALOGUE, Need, fitting

SPANS = st.tuples(st.integers(1, 128), st.integers(1, 128)).map(lambda pair: Span(min(pair), max(pair)))
FAMILIES = st.lists(
    st.sampled_from([kind.family for kind in CATALOGUE] + [kind.name for kind in CATALOGUE]), max_size=3
)
NEEDS = st.builds(Need, st.sampled_from(Arch), SPANS, st.none() | SPANS, FAMILIES.map(tuple))


@given(NEEDS)
def test_exactly_the_types_that_meet_the_need_are_chosen(need: Need) -> None:
    chosen = set(fitting(need))

    for kind in CATALOGUE:
        right_size = need.cpu.low <= kind.cpu <= need.cpu.high
        enough = need.ram is None or need.ram.low <= kind.ram <= need.ram.high
        named = not need.families or kind.family in need.families or kind.name in need.families
        assert (kind in chosen) == (kind.arch == need.arch and right_size and enough and named)


@given(NEEDS)
def test_the_cheapest_type_comes_first(need: Need) -> None:
    prices = [kind.price for kind in fitting(need)]

    assert prices == sorted(prices)


def test_a_need_that_nothing_meets_finds_nothing() -> None:
    assert fitting(Need(Arch.X64, Span(3, 3))) == ()


def test_a_family_may_be_named_by_itself_or_as_one_type_of_it() -> None:
    family = fitting(Need(Arch.ARM64, Span(1, 64), families=("c7g",)))
    one = fitting(Need(Arch.ARM64, Span(1, 64), families=("c7g.large",)))

    assert {kind.family for kind in family} == {"c7g"}
    assert len(family) > 1
    assert [kind.name for kind in one] == ["c7g.large"]


def test_each_type_of_the_catalogue_stands_in_it_once_with_a_price() -> None:
    names = [kind.name for kind in CATALOGUE]

    assert len(set(names)) == len(names)
    assert all(kind.price > 0 and kind.cpu > 0 and kind.ram > 0 for kind in CATALOGUE)


def test_every_processor_count_from_two_to_sixty_four_has_several_types_to_choose_from() -> None:
    for arch in Arch:
        for cpu in (2, 4, 8, 16, 32, 48, 64):
            assert len(fitting(Need(arch, Span(cpu, cpu)))) >= 4
