"""The catalogue, and the choice out of it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from controller.domain import catalogue
from controller.domain.fleet_config import Arch, Span
from controller.domain.offerings import Filter, Need, choose, filters, fitting, is_named
from controller.domain.policy import Rule

CATALOGUE = catalogue.shipped().types

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
        named = is_named(kind, need.families) if need.families else kind.price is not None
        assert (kind in chosen) == (kind.arch == need.arch and right_size and enough and named)


@given(NEEDS)
def test_the_cheapest_type_comes_first(need: Need) -> None:
    prices = [float("inf") if kind.price is None else kind.price for kind in fitting(need)]

    assert prices == sorted(prices)


def test_a_need_that_nothing_meets_finds_nothing() -> None:
    assert fitting(Need(Arch.X64, Span(3, 3))) == ()


def test_a_family_may_be_named_by_itself_or_as_one_type_of_it() -> None:
    family = fitting(Need(Arch.ARM64, Span(1, 64), families=("c7g",)))
    one = fitting(Need(Arch.ARM64, Span(1, 64), families=("c7g.large",)))

    assert {kind.family for kind in family} == {"c7g"}
    assert len(family) > 1
    assert [kind.name for kind in one] == ["c7g.large"]


def test_a_type_without_a_known_price_is_offered_only_to_who_names_it() -> None:
    unnamed = fitting(Need(Arch.X64, Span(4, 4)))
    named = fitting(Need(Arch.X64, Span(4, 4), families=("g5",)))

    assert all(kind.price is not None for kind in unnamed)
    assert [kind.name for kind in named] == ["g5.xlarge"]


def test_a_pattern_names_families_and_types() -> None:
    families = fitting(Need(Arch.ARM64, Span(2, 2), families=("c7*",)))
    sizes = fitting(Need(Arch.ARM64, Span(1, 64), families=("c7g.*xlarge",)))

    assert {kind.family for kind in families} == {"c7g", "c7gd", "c7gn"}
    assert {kind.family for kind in sizes} == {"c7g"}
    assert "c7g.large" not in {kind.name for kind in sizes}


def test_every_type_is_chosen_or_refused_by_one_filter_by_name() -> None:
    need = Need(Arch.X64, Span(4, 8), Span(8, 16))

    choice = choose(CATALOGUE, filters(need, [Rule("no-intel", families=("c7a", "m7a"))]))

    names = [name for name, _ in choice.refused]
    refused = [kind for _, kinds in choice.refused for kind in kinds]
    assert names == [
        "architecture x64",
        "cpu 4 to 8",
        "ram 8 to 16 GiB",
        "not common, so only by name",
        "rule 'no-intel'",
    ]
    assert sorted([*refused, *choice.types], key=lambda kind: kind.name) == sorted(CATALOGUE, key=lambda k: k.name)
    assert {kind.family for kind in choice.types} == {"c7a", "m7a"}


def test_a_filter_sees_only_what_earlier_ones_have_left() -> None:
    small = Filter("small", lambda kind: kind.cpu <= 2)
    none = Filter("none", lambda _: False)

    choice = choose(CATALOGUE[:10], [small, none])

    assert choice.types == ()
    assert {kind.cpu for kind in choice.refused[1][1]} <= {1, 2}


def test_every_processor_count_from_two_to_sixty_four_has_several_types_to_choose_from() -> None:
    for arch in Arch:
        for cpu in (2, 4, 8, 16, 32, 48, 64):
            assert len(fitting(Need(arch, Span(cpu, cpu)))) >= 4
