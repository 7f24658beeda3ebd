"""What an expression is worth: GitHub's coercions, operators and functions."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from controller.local.github.expressions import (
    Binary,
    Call,
    Context,
    ExpressionError,
    Index,
    Literal,
    Node,
    Not,
    Star,
    Value,
    number,
)

Function = Callable[[Sequence[Value]], Value]


class Picked(list[Value]):
    """What `.*` picked: a further `.name` applies to each item."""


@dataclass(frozen=True, slots=True)
class Scope:
    """The contexts and status functions an expression may use where it stands."""

    contexts: Mapping[str, Value] = field(default_factory=dict)
    functions: Mapping[str, Function] = field(default_factory=dict)


def evaluate(node: Node, scope: Scope) -> Value:  # noqa: PLR0911 one return for each kind of node
    """The value of a tree within a scope."""
    match node:
        case Literal(value):
            return value
        case Context(name):
            if name not in scope.contexts:
                raise ExpressionError(f"{name!r} is not known here; known are {', '.join(sorted(scope.contexts))}")
            return scope.contexts[name]
        case Index(target, key):
            return _index(evaluate(target, scope), evaluate(key, scope))
        case Star(target):
            return _pick_all(evaluate(target, scope))
        case Call(name, arguments):
            return call(name, [evaluate(argument, scope) for argument in arguments], scope)
        case Not(operand):
            return not truthy(evaluate(operand, scope))
        case Binary("&&" | "||" as operator, left, right):
            value = evaluate(left, scope)
            return evaluate(right, scope) if truthy(value) == (operator == "&&") else value
        case Binary(operator, left, right):
            return compare(operator, evaluate(left, scope), evaluate(right, scope))


def call(name: str, arguments: Sequence[Value], scope: Scope) -> Value:
    """The value of one function call."""
    if name in scope.functions:
        return scope.functions[name](arguments)
    if name not in _FUNCTIONS:
        raise ExpressionError(f"there is no function {name!r} here")
    function, least, most = _FUNCTIONS[name]
    if not least <= len(arguments) <= most:
        raise ExpressionError(f"{name}() does not take {len(arguments)} arguments")
    return function(*arguments)


def truthy(value: Value) -> bool:
    """False for false, 0, -0, NaN, the empty string and null; true for all else."""
    if isinstance(value, float) and math.isnan(value):
        return False
    return True if isinstance(value, list | dict) else bool(value)


def as_number(value: Value) -> float:
    """GitHub's cast for comparisons between types."""
    if value is None:
        return 0.0
    if isinstance(value, str):
        return number(value)
    return float("nan") if isinstance(value, list | dict) else float(value)


def as_text(value: Value) -> str:
    """What an expression prints within a string."""
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case str():
            return value
        case list():
            return "Array"
        case dict():
            return "Object"
        case _:
            return _number_text(value)


def compare(operator: str, left: Value, right: Value) -> bool:
    """Loose comparison: strings ignore case, different types meet as numbers, NaN equals nothing."""
    if operator in ("==", "!="):
        return _equal(left, right) == (operator == "==")
    if isinstance(left, str) and isinstance(right, str):
        return _ordered(operator, left.upper(), right.upper())
    return _ordered(operator, as_number(left), as_number(right))


def _ordered(operator: str, left: str | float, right: str | float) -> bool:
    pair = (left, right) if operator in ("<", "<=") else (right, left)
    match pair:
        case (str(low), str(high)):
            return low <= high if "=" in operator else low < high
        case (float(low), float(high)):
            return low <= high if "=" in operator else low < high
    return False


def _equal(left: Value, right: Value) -> bool:
    if isinstance(left, str) and isinstance(right, str):
        return left.upper() == right.upper()
    if isinstance(left, list | dict) or isinstance(right, list | dict):
        return left is right
    return as_number(left) == as_number(right)


def _index(target: Value, key: Value) -> Value:
    if isinstance(target, Picked):
        return Picked(item for item in (_index(each, key) for each in target) if item is not None)
    if isinstance(target, dict) and isinstance(key, str):
        return next((value for name, value in target.items() if name.lower() == key.lower()), None)
    if isinstance(target, list):
        position = as_number(key)
        return target[int(position)] if 0 <= position < len(target) else None
    return None


def _pick_all(target: Value) -> Picked:
    if isinstance(target, Picked):
        return Picked(item for each in target for item in _pick_all(each))
    if isinstance(target, dict):
        return Picked(target.values())
    return Picked(target) if isinstance(target, list) else Picked()


def _number_text(value: float) -> str:
    if math.isnan(value) or math.isinf(value):
        return "NaN" if math.isnan(value) else ("-" if value < 0 else "") + "Infinity"
    text = f"{value:.15G}"
    return "0" if text == "-0" else re.sub(r"E([+-])0*(\d\d)", r"E\1\2", text)


def _contains(search: Value = None, item: Value = None) -> bool:
    if isinstance(search, list):
        return any(_equal(each, item) for each in search)
    if isinstance(search, dict) or isinstance(item, list | dict):
        return False
    return as_text(item).lower() in as_text(search).lower()


def _starts_with(text: Value = None, start: Value = None) -> bool:
    return as_text(text).lower().startswith(as_text(start).lower())


def _ends_with(text: Value = None, end: Value = None) -> bool:
    return as_text(text).lower().endswith(as_text(end).lower())


def _format(pattern: Value = None, *values: Value) -> str:
    def replaced(match: re.Match[str]) -> str:
        if match[0] in ("{{", "}}"):
            return match[0][0]
        if match[1] is None or int(match[1]) >= len(values):
            raise ExpressionError(f"format() has no argument for {match[0]!r} in {pattern!r}")
        return as_text(values[int(match[1])])

    return re.sub(r"\{\{|\}\}|\{(\d+)\}|[{}]", replaced, as_text(pattern))


def _join(items: Value = None, separator: Value = ",") -> str:
    if isinstance(items, list):
        return as_text(separator).join(as_text(item) for item in items)
    return "" if isinstance(items, dict) else as_text(items)


def _to_json(value: Value = None) -> str:
    return json.dumps(_whole(value), indent=2, ensure_ascii=False)


def _whole(value: Value) -> Value:
    """Numbers without a fraction print without one, as in JavaScript."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, list):
        return [_whole(item) for item in value]
    return {name: _whole(item) for name, item in value.items()} if isinstance(value, dict) else value


def _from_json(text: Value = None) -> Value:
    try:
        value: Value = json.loads(as_text(text))
    except ValueError as error:
        raise ExpressionError(f"fromJSON() got no JSON: {as_text(text)[:60]!r}") from error
    return value


_FUNCTIONS: dict[str, tuple[Callable[..., Value], int, int]] = {
    "contains": (_contains, 2, 2),
    "startswith": (_starts_with, 2, 2),
    "endswith": (_ends_with, 2, 2),
    "format": (_format, 1, 255),
    "join": (_join, 1, 2),
    "tojson": (_to_json, 1, 1),
    "fromjson": (_from_json, 1, 1),
}
FUNCTION_NAMES = frozenset(_FUNCTIONS)
