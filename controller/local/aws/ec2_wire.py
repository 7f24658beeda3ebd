"""EC2's query protocol: numbered parameters to nested data, and nested data to its XML."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from xml.sax.saxutils import escape

from controller.local.aws.web import Reply, typed

_NAMESPACE = "http://ec2.amazonaws.com/doc/2016-11-15/"


def nested(form: Mapping[str, list[str]]) -> dict[str, Any]:
    """`Tag.1.Key=a` as `{"Tag": [{"Key": "a"}]}`."""
    tree: dict[str, Any] = {}
    for name, values in form.items():
        *path, last = name.split(".")
        place = tree
        for part in path:
            place = place.setdefault(part, {})
        place[last] = values[0]
    return {name: _lists(value) for name, value in tree.items()}


def _lists(tree: Any) -> Any:  # noqa: ANN401 - the wire's own nesting
    if not isinstance(tree, dict):
        return tree
    if tree and all(key.isdigit() for key in tree):
        return [_lists(tree[key]) for key in sorted(tree, key=int)]
    return {key: _lists(value) for key, value in tree.items()}


def answer(action: str, fields: Mapping[str, object]) -> Reply:
    """The XML answer of an action; lists become `item` elements."""
    body = _xml({"requestId": str(uuid.uuid4()), **fields})
    text = f'<?xml version="1.0" encoding="UTF-8"?>\n<{action}Response xmlns="{_NAMESPACE}">{body}</{action}Response>'
    return typed(200, text, "text/xml;charset=UTF-8")


def instant(seconds: float) -> str:
    """A time as EC2 prints it."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def _xml(value: object) -> str:
    if isinstance(value, Mapping):
        return "".join(f"<{key}>{_xml(item)}</{key}>" for key, item in value.items() if item is not None)
    if isinstance(value, list | tuple):
        return "".join(f"<item>{_xml(item)}</item>" for item in value)
    if isinstance(value, bool):
        return str(value).lower()
    return escape(str(value))
