"""The documents an operator writes, read whole: runner configurations and the routing rules.

Every fault is named at once, each by its field, so that one look mends a document.
"""

from __future__ import annotations

import functools
import json
import re
import typing
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, fields

from controller.domain.fleet_config import RunnerConfig
from controller.domain.labels import LARGEST_DISK
from controller.domain.rules import Rules
from controller.domain.warm_pools import LARGEST_POOL
from runner_agent.contract import wire

CONFIG_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")
"""No slash: a label must not lead to a document beside the configurations."""
ROUTING = "_routing"
"""The routing document's name among the configurations; no label can spell it."""

NO_FIELD = "there is no such field"
_STRANGERS = {
    "enterprise": (
        "GitHub lets no App register runners of an enterprise, only a person's classic token; set organization to "
        "true, and install the App in each of its organisations"
    ),
}
"""Fields that somebody may well look for, and why there are none."""

_RANGES = ("cpu", "ram")
_FIVE_DAYS = 5 * 86_400
_MOST_LABELS = 100


class BadDocument(wire.Malformed):
    """A document that can not be used; `faults` holds a line for each field that is wrong."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("; ".join(faults))
        self.faults = tuple(faults)


def runner_config(name: str, text: str) -> RunnerConfig:
    """The configuration in a document; raises `BadDocument` naming every field that does not fit."""
    data = {**_object(text), "name": name}
    hints = _hints()
    faults = [f"{key}: {_STRANGERS.get(key, NO_FIELD)}" for key in sorted(data.keys() - hints.keys())]
    values: dict[str, object] = {}
    for field in fields(RunnerConfig):
        try:
            if field.name in data:
                values[field.name] = wire.decode(hints[field.name], _plain(field.name, data[field.name]), field.name)
            elif field.default is MISSING and field.default_factory is MISSING:
                faults.append(f"{field.name}: missing")
        except wire.Malformed as bad:
            faults.append(str(bad))
    faults += [fault for key, value in values.items() for fault in _limits(key, value)]
    faults += _together(values)
    if faults:
        raise BadDocument(faults)
    return RunnerConfig(**values)  # type: ignore[arg-type]  # each value was decoded by its own field's type


def rules(text: str) -> Rules:
    """The routing document; raises `BadDocument` naming every part that does not fit."""
    data = _object(text)
    hints = typing.get_type_hints(Rules)
    faults = [f"{key}: there is no such field" for key in sorted(data.keys() - hints.keys())]
    values: dict[str, object] = {}
    for key in data.keys() & hints.keys():
        faults += [f"{path}: there is no such field" for path in _strangers(hints[key], data[key], key)]
        try:
            values[key] = wire.decode(hints[key], data[key], key)
        except wire.Malformed as bad:
            faults.append(str(bad))
    try:
        found = Rules(**values)  # type: ignore[arg-type]  # each value was decoded by its own field's type
    except ValueError as bad:
        faults.append(str(bad))
    if faults:
        raise BadDocument(faults)
    return found


@functools.cache
def _hints() -> Mapping[str, type]:
    return typing.get_type_hints(RunnerConfig)


def _object(text: str) -> Mapping[str, object]:
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as bad:
        raise BadDocument([f"document: not JSON ({bad})"]) from bad
    if not isinstance(data, dict):
        raise BadDocument(["document: expected an object"])
    return data


def _strangers(kind: object, data: object, path: str) -> Iterator[str]:
    """Fields inside a part that no type has: a rule with a slip in its spelling must not be half a rule."""
    arguments = [one for one in typing.get_args(kind) if one is not Ellipsis]
    if isinstance(data, list | tuple) and arguments:
        for number, item in enumerate(data):
            yield from _strangers(arguments[0], item, f"{path}[{number}]")
    elif isinstance(data, Mapping) and len(arguments) > 1:
        for key, item in data.items():
            yield from _strangers(arguments[1], item, f"{path}.{key}")
    elif isinstance(data, Mapping) and hasattr(kind, "__dataclass_fields__"):
        hints = typing.get_type_hints(kind)
        for key, item in data.items():
            if key in hints:
                yield from _strangers(hints[key], item, f"{path}.{key}")
            else:
                yield f"{path}.{key}"


def _plain(field: str, value: object) -> object:
    """`4`, `"4"` and `"4+8"` as the range they mean; anything else is left to the decoder."""
    if field not in _RANGES or isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        return {"low": value, "high": value}
    if isinstance(value, str):
        low, plus, high = value.partition("+")
        return {"low": _size(field, low), "high": _size(field, high if plus else low)}
    return value


def _size(field: str, text: str) -> float:
    if not re.fullmatch(r"\d{1,6}(\.\d{1,3})?", text.strip(), re.ASCII):
        raise wire.Malformed(f"{field}: {text!r} is not a number")
    return float(text)


def _limits(field: str, value: object) -> Iterator[str]:
    """What the type alone does not say."""
    if field in BETWEEN and isinstance(value, int | float):
        low, high = BETWEEN[field]
        if not low <= value <= high:
            yield f"{field}: {value:g} is not between {low:g} and {high:g}"
    if field in SPELLED:
        spelled, what = SPELLED[field]
        for word in _words(value):
            if not re.fullmatch(spelled, word):
                yield f"{field}: {word!r} is not {what}"
    if field in _RANGES and getattr(value, "high", 1) <= 0:
        yield f"{field}: is an empty range"
    if field == "extra_labels" and isinstance(value, tuple) and len(value) > _MOST_LABELS:
        yield f"{field}: more than {_MOST_LABELS}"


def _together(values: Mapping[str, object]) -> Iterator[str]:
    image, images = values.get("image"), values.get("images", {})
    if image and isinstance(images, Mapping) and image not in images:
        yield f"image: {image!r} is not one of images"
    if values.get("runner_group") and not values.get("organization"):
        yield "runner_group: only an organisation has groups; set organization to true"


def _words(value: object) -> tuple[str, ...]:
    if isinstance(value, Mapping):
        return tuple(str(word) for word in value.values())
    if isinstance(value, tuple):
        return tuple(str(word) for word in value)
    return (str(value),)


BETWEEN = {
    "disk": (1, LARGEST_DISK),
    "runner_group_id": (1, 2**53),
    "claim_deadline_s": (1, _FIVE_DAYS),
    "job_limit_s": (1, _FIVE_DAYS),
    "on_demand_after": (1, 100),
    "elsewhere_after_s": (0, 86_400),
    "most_jobs": (1, 1_000_000),
    "pool": (0, LARGEST_POOL),
    "priority": (-1_000, 1_000),
}
SPELLED = {
    "name": (CONFIG_NAME.pattern, "a name"),
    "families": (r"[a-z0-9*-]+(\.[a-z0-9*-]+)?", "one like c7g, c7* or c7g.large"),
    "widen": (r"[a-z0-9*-]+(\.[a-z0-9*-]+)?", "one like c7g, c7* or c7g.large"),
    "images": (r"ami-[0-9a-z]+", "the id of an AMI"),
    "root_device": (r"/dev/[a-z0-9/]+", "one like /dev/sda1"),
    "extra_labels": (r"[^,\s][^,]{0,255}", "a label"),
    "runner_group": (r"|\S(.{0,62}\S)?", "the name of a runner group"),
}
