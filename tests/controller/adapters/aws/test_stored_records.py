"""Records as earlier versions have stored them, and as later ones may: an upgrade and its way back read them all.

    python -m tests.controller.adapters.aws.test_stored_records    writes one of each as this version stores it

`stored/` holds a file for each kind of record, with an item of every released version: those of earlier ones stay as
they are for as long as somebody may upgrade from them.
"""

from __future__ import annotations

import dataclasses
import json
import typing
from collections.abc import Mapping
from dataclasses import MISSING
from enum import StrEnum
from pathlib import Path
from typing import Any, cast

import pytest

from controller import __version__
from controller.adapters.aws.items import item_of, readable, record_of
from controller.domain.boot_health import BootHealth
from controller.domain.breaker import BreakerState
from controller.domain.capacity import Capacity
from controller.domain.job import Job, JobState, Rerun
from controller.domain.job_key import Intake
from controller.domain.launch import Launch, LaunchState
from controller.domain.runner import Lifecycle, Runner, RunnerState
from controller.domain.runner_age import Current
from controller.ports import Record, Release
from runner_agent.contract import wire
from tests.fakes import samples

STORED = Path(__file__).with_name("stored")
KINDS: dict[str, Any] = {"job": Job, "runner": Runner, "launch": Launch}
FACTS: dict[str, type[Any]] = {"release": Release, "current": Current, "capacity": Capacity, "boots": BootHealth}
FORMER: dict[str, set[str]] = {"job": set(), "runner": set(), "launch": set()}
"""Fields that stored items have and today's records have no more; reading leaves them out."""

_WORDS: tuple[type[StrEnum], ...] = (Intake, JobState, Rerun, RunnerState, Lifecycle, LaunchState, BreakerState)

Item = dict[str, Any]


def full() -> dict[str, Record]:
    """One record of each kind in which no field has its default."""
    made: dict[str, Record] = {"job": samples.job(7), "runner": samples.runner("i-1"), "launch": samples.launch("l-1")}
    return {kind: _filled(record) for kind, record in made.items()}


def _filled(record: Any) -> Any:  # noqa: ANN401 - any dataclass
    hints = typing.get_type_hints(type(record))
    empty = [each for each in dataclasses.fields(record) if getattr(record, each.name) == each.default]
    return dataclasses.replace(record, **{each.name: _example(hints[each.name], each.name) for each in empty})


def _example(hint: Any, name: str) -> Any:  # noqa: ANN401 - a value of that type
    """A value that is nobody's default."""
    parts = [part for part in typing.get_args(hint) if part not in {type(None), Ellipsis}]
    origin = typing.get_origin(hint)
    if origin is tuple:
        return tuple(_example(part, name) for part in parts)
    if origin is not None and isinstance(origin, type) and issubclass(origin, Mapping):
        return {name: _example(parts[1], name)}
    if parts:
        return _example(parts[0], name)
    if dataclasses.is_dataclass(hint):
        hints = typing.get_type_hints(hint)
        return cast("Any", hint)(
            **{each.name: _example(hints[each.name], each.name) for each in dataclasses.fields(hint)}
        )
    if issubclass(hint, StrEnum):
        return list(hint)[-1]
    return {bool: True, int: 3, float: 1.5, str: f"a {name}"}[hint]


def stored(kind: str) -> dict[str, Item]:
    """The items of a kind by the version that wrote each."""
    return _read(kind)


def _read(name: str) -> Item:
    path = STORED / f"{name}.json"
    found: Item = json.loads(path.read_text()) if path.exists() else {}
    return found


def says(item: Any, what: Any) -> bool:  # noqa: ANN401 - an attribute of DynamoDB's
    """Whether an item has all of another; a newer version may say more in a nested value too."""
    if isinstance(what, Mapping):
        return all(name in item and says(item[name], value) for name, value in what.items())
    if isinstance(what, list):
        return len(item) == len(what) and all(map(says, item, what))
    return bool(item == what)


EVERY = [(kind, version) for kind in KINDS for version in stored(kind)]


@pytest.mark.parametrize(("kind", "version"), EVERY)
def test_an_item_of_any_version_is_read_with_all_that_it_says(kind: str, version: str) -> None:
    item = stored(kind)[version]

    record = record_of(KINDS[kind], item)
    again = item_of(dataclasses.replace(record, version=record.version - 1))

    said = item.keys() - {"write", "stage", "expires"} - FORMER[kind]
    assert all(says(again[name], item[name]) for name in said)


@pytest.mark.parametrize("kind", KINDS)
def test_the_newest_item_has_every_field_of_today(kind: str) -> None:
    newest = list(stored(kind).values())[-1]

    fields = {field.name for field in dataclasses.fields(KINDS[kind])}

    assert fields <= newest.keys(), "a field is new: run this module to store an item that has it"


@pytest.mark.parametrize("kind", KINDS)
def test_what_an_earlier_version_did_not_write_has_its_default(kind: str) -> None:
    item = list(stored(kind).values())[-1]
    optional = [f for f in dataclasses.fields(KINDS[kind]) if f.default is not MISSING and f.name != "version"]

    for field in optional:
        record = record_of(KINDS[kind], {name: value for name, value in item.items() if name != field.name})

        assert getattr(record, field.name) == field.default


@pytest.mark.parametrize("kind", KINDS)
def test_what_a_later_version_wrote_beside_is_left_out_in_peace(kind: str) -> None:
    item = list(stored(kind).values())[-1]
    later = {**item, "colour": {"S": "blue"}, "nested": {"M": {"deep": {"L": [{"N": "1"}, {"NULL": True}]}}}}

    assert record_of(KINDS[kind], later) == record_of(KINDS[kind], item)


@pytest.mark.parametrize("kind", KINDS)
def test_a_state_of_a_later_version_stops_nobody_but_its_own_record(kind: str) -> None:
    item = list(stored(kind).values())[-1]
    later = {**item, "id": {"S": "later"}, "state": {"S": "hibernating"}}

    assert [record.id for record in readable(KINDS[kind], [later, item])] == [item["id"]["S"]]


@pytest.mark.parametrize("name", FACTS)
def test_a_fact_of_any_version_is_read(name: str) -> None:
    for text in _read("facts")[name].values():
        fact = wire.loads(FACTS[name], text)

        assert says(wire.encode(fact), json.loads(text))


def test_the_words_of_states_are_never_taken_back() -> None:
    known = _read("states")

    today = {kind.__name__: {str(each) for each in kind} for kind in _WORDS}

    for kind, words in known.items():
        assert set(words) <= today[kind], f"{kind}: records with these words are still stored"


def write() -> None:
    """Today's items, under this version; what other versions have written stays."""
    STORED.mkdir(exist_ok=True)
    for kind, record in full().items():
        _add(kind, {__version__: item_of(record)})
    _add("facts", {name: {__version__: wire.dumps(_example(kind, name))} for name, kind in FACTS.items()})
    _add("states", {kind.__name__: sorted(kind) for kind in _WORDS})


def _add(name: str, new: Item) -> None:
    known = _read(name)
    for key, value in new.items():
        known[key] = {**known.get(key, {}), **value} if name == "facts" else value
    (STORED / f"{name}.json").write_text(json.dumps(known, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    write()
