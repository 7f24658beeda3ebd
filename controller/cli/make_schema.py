"""Makes the JSON Schemas of the documents an operator writes: `python -m controller.cli.make_schema`."""

from __future__ import annotations

import dataclasses
import enum
import inspect
import json
import re
import sys
import types
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from controller import documents
from controller.domain.fleet_config import RunnerConfig, Span
from controller.domain.rules import Rules

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "schema"
SIZE = {
    "description": 'A number, or a range like "4+16".',
    "anyOf": [
        {"type": "number", "exclusiveMinimum": 0},
        {"type": "string", "pattern": r"^\s*\d{1,6}(\.\d{1,3})?\s*(\+\s*\d{1,6}(\.\d{1,3})?\s*)?$"},
        {
            "type": "object",
            "properties": {"low": {"type": "number"}, "high": {"type": "number"}},
            "required": ["low", "high"],
            "additionalProperties": False,
        },
    ],
}
_SCALARS = {str: "string", int: "integer", float: "number", bool: "boolean"}


def schemas() -> dict[str, str]:
    """File name to text."""
    config = {**_object(RunnerConfig), "title": "A runner configuration"}
    # Its name is the parameter's or the file's, whatever the document says.
    config["required"] = [name for name in config["required"] if name != "name"]
    return {
        "runner-config.schema.json": _text(config),
        "routing.schema.json": _text({**_object(Rules), "title": "The routing document of a stack"}),
    }


def _text(schema: Mapping[str, Any]) -> str:
    return json.dumps({"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}, indent=2) + "\n"


def _object(kind: type) -> dict[str, Any]:
    hints = typing.get_type_hints(kind)
    fields = dataclasses.fields(kind)
    missing = dataclasses.MISSING
    required = [field.name for field in fields if field.default is missing and field.default_factory is missing]
    said = _said(kind)
    properties = {
        field.name: _described(_schema(hints[field.name], field.name), said.get(field.name, "")) for field in fields
    }
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def _described(schema: dict[str, Any], words: str) -> dict[str, Any]:
    return {**schema, "description": words} if words else schema


def _schema(kind: Any, name: str) -> dict[str, Any]:  # noqa: ANN401, PLR0911 - any type there is; one line for each
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in {typing.Union, types.UnionType}:
        inner = _schema(next(one for one in arguments if one is not type(None)), name)
        return {"anyOf": [inner, {"type": "null"}]}
    if kind is Span:
        return dict(SIZE)
    if origin in {tuple, frozenset}:
        return {"type": "array", "items": _schema(arguments[0], name)}
    if origin is Mapping:
        return {"type": "object", "additionalProperties": _schema(arguments[1], name)}
    if dataclasses.is_dataclass(kind) and isinstance(kind, type):
        return _object(kind)
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        return {"enum": [one.value for one in kind]}
    return {"type": _SCALARS[kind], **_limits(name, kind)}


def _limits(name: str, kind: type) -> dict[str, Any]:
    if name in documents.BETWEEN and kind is not str:
        low, high = documents.BETWEEN[name]
        return {"minimum": low, "maximum": high}
    if name in documents.SPELLED and kind is str:
        return {"pattern": f"^(?:{documents.SPELLED[name][0]})$"}
    return {}


def _said(kind: type) -> dict[str, str]:
    """What the source says of each field in the text below it."""
    found = re.findall(r'^    (\w+): [^\n]*\n    """(.*?)"""', inspect.getsource(kind), re.MULTILINE | re.DOTALL)
    return {name: " ".join(words.split()) for name, words in found}


def main() -> int:
    """Write the schemas where the documentation keeps them."""
    FOLDER.mkdir(exist_ok=True)
    for name, text in schemas().items():
        (FOLDER / name).write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
