"""Records behave as frozen dataclasses do."""

from __future__ import annotations

from typing import ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner_agent.contract.record import Record, field, replace


class Point(Record):
    unit: ClassVar[str] = "m"
    x: int
    y: int = 2
    notes: dict[str, str] = field(default_factory=dict)
    key: str = field(default="", repr=False)


class Place(Point):
    name: str = "here"


class Counter(Record, frozen=False):
    count: int = 0


@given(x=st.integers(), y=st.integers(), key=st.text())
def test_fields_are_given_in_order_or_by_name(x: int, y: int, key: str) -> None:
    point = Point(x, y, key=key)

    assert (point.x, point.y, point.notes, point.key) == (x, y, {}, key)
    assert point == Point(y=y, x=x, key=key)
    assert hash(replace(point, notes=())) == hash(Point(x, y, (), key))  # type: ignore[arg-type]


def test_each_record_has_a_default_of_its_own() -> None:
    one, other = Point(1), Point(1)

    one.notes["a"] = "b"

    assert other.notes == {}


@pytest.mark.parametrize(
    ("given", "named", "said"),
    [
        ((), {}, "Point: x is missing"),
        ((1, 2, {}, "", 5), {}, "Point has 4 fields, not 5"),
        ((1,), {"x": 2}, "Point: x is given twice"),
        ((1,), {"z": 2}, "Point has no field z"),
    ],
)
def test_what_does_not_fit_is_named(given: tuple[object, ...], named: dict[str, object], said: str) -> None:
    with pytest.raises(TypeError, match=said):
        Point(*given, **named)  # type: ignore[arg-type]


def test_a_record_does_not_change() -> None:
    point = Point(1)

    with pytest.raises(AttributeError, match=r"Point\.x cannot be changed"):
        point.x = 2  # type: ignore[misc]
    with pytest.raises(AttributeError, match=r"Point\.x cannot be changed"):
        del point.x

    assert point.x == 1


def test_a_record_that_says_so_changes() -> None:
    counter = Counter()

    counter.count += 1

    assert counter == Counter(1)
    with pytest.raises(TypeError, match="unhashable"):
        hash(counter)


def test_what_must_not_be_shown_is_not_shown() -> None:
    assert repr(Point(1, key="secret")) == "Point(x=1, y=2, notes={})"


def test_records_of_different_kinds_differ() -> None:
    assert Point(1) != Place(1)
    assert Place(1, name="there") == Place(1, 2, {}, "", "there")


def test_a_replaced_record_leaves_the_first_alone() -> None:
    point = Point(1)

    moved = replace(point, x=5)

    assert (point.x, moved.x, moved.y) == (1, 5, 2)


def test_a_record_is_taken_apart_by_its_fields_in_order() -> None:
    match Point(3, 4):
        case Point(x, y):
            assert (x, y) == (3, 4)
