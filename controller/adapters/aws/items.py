"""A record as a DynamoDB item, and back."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Mapping
from contextlib import suppress
from decimal import Decimal
from typing import TYPE_CHECKING, Any, TypeVar, cast

from controller import schema
from controller.domain.job import Job
from controller.domain.launch import Launch
from controller.domain.runner import Runner
from controller.errors import Rejected
from controller.ports import Record
from runner_agent.contract import wire

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef

    Item = dict[str, AttributeValueTypeDef]
else:
    Item = dict

R = TypeVar("R", Job, Runner, Launch)


def item_of(record: Record) -> Item:
    """The record under its next version, without what reading back restores anyway."""
    record = dataclasses.replace(record, version=record.version + 1)
    restored = _restored(record)
    fields = {name: value for name, value in wire.encode(record).items() if name not in restored}
    fields["id"] = record.id
    if schema.may_expire(record):
        fields["expires"] = math.ceil(_written_at(record)) + schema.KEEP_S
    if stage := schema.stage_of(record):
        fields["stage"] = stage
    return attributes(fields)


def record_of(kind: type[R], item: Mapping[str, Any]) -> R:
    """The record in an item; raises `Rejected` naming the record and the field that does not fit."""
    data = {name: _plain(value) for name, value in item.items()}
    try:
        return wire.decode(kind, data)
    except wire.Malformed as bad:
        raise Rejected(f"{kind.__name__.lower()} {data.get('id')}: stored {bad}") from bad


def readable(kind: type[R], items: Iterable[Mapping[str, Any]]) -> list[R]:
    """The records among the items of a list; one that cannot be read must not stop the line for all others."""
    records: list[R] = []
    for item in items:
        with suppress(Rejected):
            records.append(record_of(kind, item))
    return records


def attributes(fields: Mapping[str, object]) -> Item:
    """Plain data as DynamoDB's typed attributes."""
    return cast("Item", {name: _attribute(value) for name, value in fields.items()})


def text_of(item: Mapping[str, Any], name: str) -> str:
    """A text attribute of an item; empty where the item has none."""
    return str(item.get(name, {}).get("S", ""))


def number_of(item: Mapping[str, Any], name: str) -> float:
    """A number attribute of an item; 0 where the item has none."""
    return float(item.get(name, {}).get("N", 0))


def _restored(record: Record) -> frozenset[str]:
    """The fields that hold their empty default: left out of an item, they come back by themselves."""
    defaults = ((field.name, field.default) for field in dataclasses.fields(record) if not field.default)
    return frozenset(name for name, default in defaults if getattr(record, name) == default)


def _written_at(record: Record) -> float:
    match record:
        case Job():
            return max(record.since, record.received_at)
        case Runner():
            return max(record.since, record.launched_at)
        case Launch():
            return record.created_at


def _attribute(value: object) -> dict[str, object]:
    match value:
        case bool():
            return {"BOOL": value}
        case int() | float():
            # The shortest text that reads back as the same float; DynamoDB keeps 38 digits.
            return {"N": repr(value)}
        case str():
            return {"S": value}
        case Mapping():
            return {"M": {str(name): _attribute(inner) for name, inner in value.items()}}
        case list() | tuple():
            return {"L": [_attribute(inner) for inner in value]}
        case _:
            raise TypeError(f"{type(value).__name__} is not stored")


def _plain(value: Mapping[str, Any]) -> object:
    ((kind, inner),) = value.items()
    match kind:
        case "N":
            return _number(inner)
        case "M":
            return {name: _plain(part) for name, part in inner.items()}
        case "L":
            return [_plain(part) for part in inner]
        case _:
            return inner


def _number(text: str) -> int | float:
    # DynamoDB writes 1700000000.0 as 1700000000; the decoder makes it a float again where the field is one.
    number = Decimal(text)
    return int(number) if number == number.to_integral_value() else float(text)
