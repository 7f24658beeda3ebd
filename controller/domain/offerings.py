"""The choice of the machine types that fit a wish, cheapest first: filters with names, which say what they refuse."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from controller.domain import catalogue
from controller.domain.catalogue import InstanceType
from controller.domain.fleet_config import Arch, Span
from controller.domain.policy import Rule


@dataclass(frozen=True, slots=True)
class Need:
    """What a machine must have."""

    arch: Arch
    cpu: Span
    ram: Span | None = None
    families: tuple[str, ...] = ()
    """Families, types, or patterns of them; empty: any."""


@dataclass(frozen=True, slots=True)
class Filter:
    """One reason not to take a type."""

    name: str
    takes: Callable[[InstanceType], bool]


@dataclass(frozen=True, slots=True)
class Choice:
    """What is left, cheapest first, and what each filter has refused of what came to it."""

    types: tuple[InstanceType, ...]
    refused: tuple[tuple[str, tuple[InstanceType, ...]], ...]


def filters(need: Need, rules: Sequence[Rule] = ()) -> Iterator[Filter]:
    """The filters of a need, in the order in which they are asked."""
    yield Filter(f"architecture {need.arch}", lambda offered: offered.arch == need.arch)
    yield Filter(f"cpu {_words(need.cpu)}", lambda offered: offered.cpu in need.cpu)
    if need.ram is not None:
        ram = need.ram
        yield Filter(f"ram {_words(ram)} GiB", lambda offered: offered.ram in ram)
    if need.families:
        yield Filter(f"family {' or '.join(need.families)}", lambda offered: is_named(offered, need.families))
    else:
        # Nobody should get a costly or a throttled machine without having asked for its family.
        yield Filter("not common, so only by name", lambda offered: offered.is_common)
    for rule in rules:
        yield Filter(f"rule {rule.name!r}", lambda offered, rule=rule: _is_allowed(offered, rule))  # type: ignore[misc]  # the default binds the loop's rule


def choose(types: Iterable[InstanceType], asked: Iterable[Filter]) -> Choice:
    """What passes every filter, cheapest first."""
    left = list(types)
    refused: list[tuple[str, tuple[InstanceType, ...]]] = []
    for one in asked:
        taken: list[InstanceType] = []
        turned_away: list[InstanceType] = []
        for offered in left:
            (taken if one.takes(offered) else turned_away).append(offered)
        left = taken
        refused.append((one.name, tuple(turned_away)))
    return Choice(tuple(sorted(left, key=_rank)), tuple(refused))


def fitting(need: Need) -> tuple[InstanceType, ...]:
    """The types that meet the need, cheapest first; empty where none does."""
    return choose(catalogue.shipped().types, filters(need)).types


def is_named(offered: InstanceType, patterns: Iterable[str]) -> bool:
    """Whether a type is meant by one of the patterns, by its family or by itself."""
    return any(fnmatchcase(offered.family, name) or fnmatchcase(offered.name, name) for name in patterns)


def _is_allowed(offered: InstanceType, rule: Rule) -> bool:
    sizes = {"cpu": offered.cpu, "ram": offered.ram}
    small_enough = all(size <= rule.most.get(name, size) for name, size in sizes.items())
    return small_enough and is_named(offered, rule.families)


def _rank(offered: InstanceType) -> tuple[bool, float, int, float, str]:
    """By price; what has none comes last, the smallest first."""
    return offered.price is None, offered.price or 0.0, offered.cpu, offered.ram, offered.name


def _words(span: Span) -> str:
    return f"{span.low:g}" if span.low == span.high else f"{span.low:g} to {span.high:g}"
