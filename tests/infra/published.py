"""Requests against AWS's published service models: enums, lengths, ranges and patterns, which boto3 lets through."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from botocore.model import OperationModel, Shape


def refuse_what_is_not_published(params: Mapping[str, Any], model: OperationModel, **_: object) -> None:
    """A handler of boto3's `before-parameter-build` event; raises `ValueError` naming every fault."""
    faults = list(_faults(params, model.input_shape, model.name)) if model.input_shape else []
    if faults:
        raise ValueError("; ".join(faults))


def _faults(value: object, shape: Shape, path: str) -> Iterator[str]:
    if isinstance(value, Mapping) and shape.type_name == "structure":
        for key, item in value.items():
            if key in shape.members:
                yield from _faults(item, shape.members[key], f"{path}.{key}")
    elif isinstance(value, Mapping) and shape.type_name == "map":
        for key, item in value.items():
            yield from _faults(item, shape.value, f"{path}[{key}]")
    elif isinstance(value, list):
        yield from _outside(len(value), shape, path)
        for item in value:
            yield from _faults(item, shape.member, f"{path}[]")
    elif isinstance(value, str):
        yield from _of_text(value, shape, path)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield from _outside(value, shape, path)


def _of_text(value: str, shape: Shape, path: str) -> Iterator[str]:
    known, pattern = shape.metadata.get("enum"), shape.metadata.get("pattern")
    if known and value not in known:
        yield f"{path}: {value!r} is not one of {', '.join(known)}"
    # Java's classes, such as \p{L}, are not Python's.
    if pattern and r"\p" not in pattern and not re.search(pattern, value):
        yield f"{path}: {value!r} is not {pattern}"
    yield from _outside(len(value), shape, path)


def _outside(size: float, shape: Shape, path: str) -> Iterator[str]:
    low, high = shape.metadata.get("min"), shape.metadata.get("max")
    if (low is not None and size < low) or (high is not None and size > high):
        yield f"{path}: {size} is not from {low} to {high}"
