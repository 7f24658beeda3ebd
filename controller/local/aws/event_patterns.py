"""EventBridge's event patterns: whether an event is one that a rule asks for.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from ipaddress import ip_address, ip_network
from typing import Any

_OR = "$or"
_MOST = 5e9
"""EventBridge compares numbers between minus and plus five billion."""
_COMPARISONS: Mapping[str, Callable[[float, float], bool]] = {
    "=": lambda value, bound: value == bound,
    "<": lambda value, bound: value < bound,
    "<=": lambda value, bound: value <= bound,
    ">": lambda value, bound: value > bound,
    ">=": lambda value, bound: value >= bound,
}


class InvalidEventPattern(ValueError):
    """EventBridge would not take this pattern."""


def matches(pattern: Mapping[str, Any], event: Mapping[str, Any]) -> bool:
    """Whether an event has everything that the pattern asks for; raises `InvalidEventPattern`."""
    if not pattern:
        raise InvalidEventPattern("a pattern asks for at least one field")
    # Every field is looked at, so that a bad pattern is refused whatever the event is.
    fits = [_field(name, wanted, event) for name, wanted in pattern.items()]
    return all(fits)


def _field(name: str, wanted: object, event: Mapping[str, Any]) -> bool:
    if name == _OR and isinstance(wanted, list) and all(isinstance(each, Mapping) for each in wanted):
        ways = [matches(each, event) for each in wanted]
        return any(ways)
    found = event.get(name, ...)
    if isinstance(wanted, Mapping):
        return _below(wanted, found)
    if not isinstance(wanted, list) or not wanted:
        raise InvalidEventPattern(f"{name}: a field is matched against a list of values, not {wanted!r}")
    leaves = _leaves(found)
    found_by = [_is_one(matcher, leaves) for matcher in wanted]
    return any(found_by)


def _below(wanted: Mapping[str, Any], found: object) -> bool:
    """A pattern one level down; of several objects in an array, one must have it all."""
    objects = found if isinstance(found, list) else [found]
    # What is not there can still be asked to be absent.
    return any(matches(wanted, each if isinstance(each, Mapping) else {}) for each in objects or [{}])


def _leaves(found: object) -> list[Any]:
    """The values that a field has; an object is none."""
    values = found if isinstance(found, list) else [found]
    return [value for value in values if value is not ... and not isinstance(value, Mapping)]


def _is_one(matcher: object, leaves: Sequence[Any]) -> bool:
    if not isinstance(matcher, Mapping):
        return any(_same(matcher, leaf) for leaf in leaves)
    if len(matcher) != 1:
        raise InvalidEventPattern(f"one comparison at a time, not {dict(matcher)!r}")
    ((operator, operand),) = matcher.items()
    if operator == "exists":
        return bool(leaves) is _flag(operand)
    if operator == "anything-but":
        compare = _anything_but(operand)
    elif operator in _OPERATORS:
        compare = _OPERATORS[operator](operand)
    else:
        raise InvalidEventPattern(f"there is no comparison {operator!r}")
    return any(compare(leaf) for leaf in leaves)


def _flag(operand: object) -> bool:
    if not isinstance(operand, bool):
        raise InvalidEventPattern(f"exists is true or false, not {operand!r}")
    return operand


def _same(one: object, other: object) -> bool:
    """Equal as JSON prints them: 1 is neither true nor 1.0."""
    return json.dumps(one) == json.dumps(other)


Comparison = Callable[[object], bool]


def _text(operand: object, operator: str) -> str:
    if not isinstance(operand, str):
        raise InvalidEventPattern(f"{operator} compares with text, not with {operand!r}")
    return operand


def _start_or_end(operator: str, fits: Callable[[str, str], bool]) -> Callable[[object], Comparison]:
    def comparison(operand: object) -> Comparison:
        if isinstance(operand, Mapping) and operand.keys() == {"equals-ignore-case"}:
            part = _text(operand["equals-ignore-case"], operator).lower()
            return lambda value: isinstance(value, str) and fits(value.lower(), part)
        whole = _text(operand, operator)
        return lambda value: isinstance(value, str) and fits(value, whole)

    return comparison


def _ignoring_case(operand: object) -> Comparison:
    wanted = _text(operand, "equals-ignore-case").lower()
    return lambda value: isinstance(value, str) and value.lower() == wanted


def _wildcard(operand: object) -> Comparison:
    text = _text(operand, "wildcard")
    if "**" in text.replace("\\\\", "").replace("\\*", ""):
        raise InvalidEventPattern(f"wildcard {text!r} has two stars in a row")
    parts: list[str] = re.findall(r"\\[*\\]|.", text, re.DOTALL)
    pattern = re.compile("".join(".*" if part == "*" else re.escape(part[-1]) for part in parts), re.DOTALL)
    return lambda value: isinstance(value, str) and pattern.fullmatch(value) is not None


def _cidr(operand: object) -> Comparison:
    try:
        block = ip_network(_text(operand, "cidr"), strict=False)
    except ValueError as bad:
        raise InvalidEventPattern(f"cidr {operand!r} is no block of addresses") from bad

    def inside(value: object) -> bool:
        try:
            return isinstance(value, str) and ip_address(value) in block
        except ValueError:
            return False

    return inside


def _numeric(operand: object) -> Comparison:
    if not isinstance(operand, list) or len(operand) not in {2, 4}:
        raise InvalidEventPattern(f"numeric wants one or two comparisons with numbers, not {operand!r}")
    bounds = list(zip(operand[::2], operand[1::2], strict=True))
    if any(sign not in _COMPARISONS or not _is_number(bound) or abs(bound) > _MOST for sign, bound in bounds):
        raise InvalidEventPattern(f"numeric can not compare by {operand!r}")
    return lambda value: (
        isinstance(value, int | float)
        and _is_number(value)
        and all(_COMPARISONS[s](value, bound) for s, bound in bounds)
    )


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


_OPERATORS: Mapping[str, Callable[[object], Comparison]] = {
    "prefix": _start_or_end("prefix", str.startswith),
    "suffix": _start_or_end("suffix", str.endswith),
    "equals-ignore-case": _ignoring_case,
    "wildcard": _wildcard,
    "cidr": _cidr,
    "numeric": _numeric,
}
_REVERSIBLE = frozenset({"prefix", "suffix", "equals-ignore-case", "wildcard"})


def _anything_but(operand: object) -> Comparison:
    """Neither any of these values, nor what any of these comparisons fits."""
    if not isinstance(operand, Mapping):
        values = operand if isinstance(operand, list) else [operand]
        return lambda value: not any(_same(each, value) for each in values)
    if len(operand) != 1 or not operand.keys() <= _REVERSIBLE:
        raise InvalidEventPattern(f"anything-but can not turn {dict(operand)!r} around")
    ((operator, wanted),) = operand.items()
    unwanted = [_OPERATORS[operator](each) for each in (wanted if isinstance(wanted, list) else [wanted])]
    return lambda value: not any(fits(value) for fits in unwanted)
