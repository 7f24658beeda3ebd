"""Typed JSON: records and frozen dataclasses to plain data and back, refusing what does not fit.

`decode` is the one way in at every boundary. It names the field that is wrong, ignores keys it
does not know (so that a newer sender can add some), and never coerces: "1" is not 1.
"""

from __future__ import annotations

import enum
import functools
import json
import sys
import types
import typing
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from runner_agent.contract.record import Record

T = TypeVar("T")

MAX_BYTES = 256 * 1024
"""The largest text `loads` reads; an SQS message is at most this long by default."""


class Malformed(ValueError):
    """The data does not fit the type; the message starts with the path of the field."""


def encode(value: object) -> Any:
    """Plain JSON data for a record, dataclass, enum, tuple, mapping or scalar; `None` fields are left out."""
    names = _names(type(value))
    if names is not None:
        pairs = ((name, getattr(value, name)) for name in names)
        return {name: encode(item) for name, item in pairs if item is not None}
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, Mapping):
        return {str(key): encode(item) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [encode(item) for item in value]
    return value


def dumps(value: object) -> str:
    """Compact JSON text of a record, with its keys in declaration order."""
    return json.dumps(encode(value), separators=(",", ":"), ensure_ascii=False)


def loads(kind: type[T], text: str | bytes) -> T:
    """Read JSON text as `kind`; raises `Malformed` for bad JSON, bad fields or too long a text."""
    if len(text) > MAX_BYTES:
        raise Malformed(f"text: longer than {MAX_BYTES} bytes")
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as bad:
        raise Malformed(f"text: not JSON ({bad})") from None
    return decode(kind, data)


def decode(kind: type[T], data: object, path: str = "") -> T:
    """Plain data as `kind`: a record, dataclass, StrEnum, scalar, tuple, mapping or a union of these."""
    return typing.cast("T", _decode(kind, data, path))


def _decode(kind: Any, data: object, path: str) -> object:
    return _reader(kind)(kind, data, path)


@functools.cache
def _reader(kind: Any) -> Callable[[Any, object, str], object]:
    """What reads a type; found out once, because every message of a burst has the same few."""
    origin = typing.get_origin(kind)
    readers = {typing.Union: _union, types.UnionType: _union, typing.Literal: _literal, tuple: _tuple}
    if origin in readers:
        return readers[origin]
    if origin in {dict, Mapping}:
        return _mapping
    if _names(kind) is not None:
        return _record
    return _enum if isinstance(kind, type) and issubclass(kind, enum.Enum) else _scalar


def _union(kind: Any, data: object, path: str) -> object:
    options = typing.get_args(kind)
    if data is None and type(None) in options:
        return None
    rest = [option for option in options if option is not type(None)]
    if len(rest) != 1:
        raise TypeError(f"{kind} is not a type that travels")
    return _decode(rest[0], data, path)


def _literal(kind: Any, data: object, path: str) -> object:
    allowed = typing.get_args(kind)
    if data not in allowed:
        raise Malformed(f"{path or 'value'}: {data!r} is not {' or '.join(map(repr, allowed))}")
    return data


def _tuple(kind: Any, data: object, path: str) -> object:
    if not isinstance(data, list | tuple):
        raise Malformed(f"{path or 'value'}: expected a list, got {_name(data)}")
    args = typing.get_args(kind)
    if len(args) == 2 and args[1] is Ellipsis:
        return tuple(_decode(args[0], item, f"{path}[{i}]") for i, item in enumerate(data))
    if len(args) != len(data):
        raise Malformed(f"{path or 'value'}: expected {len(args)} items, got {len(data)}")
    return tuple(_decode(args[i], item, f"{path}[{i}]") for i, item in enumerate(data))


def _mapping(kind: Any, data: object, path: str) -> object:
    if not isinstance(data, Mapping):
        raise Malformed(f"{path or 'value'}: expected an object, got {_name(data)}")
    value_kind = typing.get_args(kind)[1]
    return {str(k): _decode(value_kind, v, f"{path}.{k}" if path else str(k)) for k, v in data.items()}


@functools.cache
def _fields(kind: Any) -> tuple[tuple[str, Any, bool], ...]:
    """Name, resolved type and whether it is required, for each field; resolved once per class."""
    hints = typing.get_type_hints(kind)
    return tuple((name, hints[name], required) for name, required in _required(kind).items())


def _names(kind: Any) -> Iterable[str] | None:
    """The fields of what travels as an object; None for anything else."""
    if isinstance(kind, type) and issubclass(kind, Record):
        return kind.__fields__
    return getattr(kind, "__dataclass_fields__", None)


def _required(kind: Any) -> dict[str, bool]:
    if issubclass(kind, Record):
        return {name: one.required for name, one in kind.__fields__.items()}
    from dataclasses import MISSING, fields  # noqa: PLC0415 - a booting machine knows records only

    return {f.name: f.default is MISSING and f.default_factory is MISSING for f in fields(kind) if f.init}


def _record(kind: Any, data: object, path: str) -> object:
    if not isinstance(data, Mapping):
        raise Malformed(f"{path or kind.__name__}: expected an object, got {_name(data)}")
    values = {}
    for name, hint, required in _fields(kind):
        inner = f"{path}.{name}" if path else name
        if name in data:
            values[name] = _decode(hint, data[name], inner)
        elif required:
            raise Malformed(f"{inner}: missing")
    try:
        return kind(**values)
    except Malformed:
        raise
    except ValueError as bad:
        raise Malformed(f"{path or kind.__name__}: {bad}") from None


def _enum(kind: type[enum.Enum], data: object, path: str) -> object:
    try:
        return kind(data)
    except ValueError:
        allowed = ", ".join(str(item.value) for item in kind)
        raise Malformed(f"{path or 'value'}: {data!r} is not one of {allowed}") from None


def _scalar(kind: Any, data: object, path: str) -> object:
    if kind is Any or kind is object:
        return data
    if kind is float and isinstance(data, int | float) and not isinstance(data, bool):
        return _finite(data, path)
    if isinstance(data, bool) and kind is not bool:
        raise Malformed(f"{path or 'value'}: expected {kind.__name__}, got bool")
    if not isinstance(data, kind):
        raise Malformed(f"{path or 'value'}: expected {kind.__name__}, got {_name(data)}")
    return data


def _finite(data: float, path: str) -> float:
    # Python's JSON reads NaN, Infinity and numbers beyond any float; nothing that keeps numbers takes them.
    if not abs(data) <= sys.float_info.max:
        raise Malformed(f"{path or 'value'}: not a finite number")
    return float(data)


def _name(data: object) -> str:
    return "null" if data is None else type(data).__name__
