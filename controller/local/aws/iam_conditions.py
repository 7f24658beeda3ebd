"""The conditions in a policy, as the IAM user guide tells them.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-single-vs-multi-valued-context-keys.html
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from controller.local.aws.iam_patterns import Context, Pattern, Unclear, pattern

Test = Callable[[str, Context], bool]
"""Whether one value of a call is the one value that the policy names."""

_ARN_SEGMENTS = 6
_OPERATOR = re.compile(r"(?:(ForAllValues|ForAnyValue):)?([A-Za-z]+?)(IfExists)?")


class Quantifier(StrEnum):
    """How many of a key's values must pass."""

    ONE = ""
    ALL = "ForAllValues"
    ANY = "ForAnyValue"


@dataclass(frozen=True, slots=True)
class Condition:
    """One key of one operator, with all the values that the policy names."""

    key: str
    quantifier: Quantifier
    tests: tuple[Test, ...]
    negated: bool
    if_exists: bool

    def holds(self, context: Context) -> bool:
        """Whether a call meets it."""
        values = context.get(self.key, ())
        if self.quantifier is Quantifier.ALL:
            return all(self._passes(value, context) for value in values)
        if self.quantifier is Quantifier.ANY:
            return any(self._passes(value, context) for value in values)
        if len(values) > 1:
            raise Unclear(f"{self.key} has several values: a condition on it needs ForAllValues or ForAnyValue")
        return self._passes(values[0], context) if values else self.negated or self.if_exists

    def _passes(self, value: str, context: Context) -> bool:
        return any(test(value, context) for test in self.tests) != self.negated


@dataclass(frozen=True, slots=True)
class Absence:
    """`Null`: whether the key is there at all."""

    key: str
    absent: bool

    def holds(self, context: Context) -> bool:
        """Whether a call meets it."""
        return (not context.get(self.key)) == self.absent


AnyCondition = Condition | Absence


def conditions(block: Any, *, variables: bool) -> Iterator[AnyCondition]:  # noqa: ANN401 - JSON
    """Read a `Condition` element; all of it must hold."""
    for name, wanted in _pairs(block):
        quantifier, kind, if_exists = _operator(name)
        for key, value in _pairs(wanted):
            values = _texts(value, f"{name} {key}")
            if kind == "Null":
                yield _absence(key, values, plain=quantifier is Quantifier.ONE and not if_exists)
            else:
                make, negated = _OPERATORS[kind]
                tests = tuple(make(text, variables) for text in values)
                yield Condition(key.lower(), quantifier, tests, negated, if_exists)


def _operator(name: str) -> tuple[Quantifier, str, bool]:
    found = _OPERATOR.fullmatch(name)
    if found is None or found[2] not in {*_OPERATORS, "Null"}:
        raise Unclear(f"the condition operator {name} is not known here")
    return Quantifier(found[1] or ""), found[2], bool(found[3])


def _absence(key: str, values: list[str], *, plain: bool) -> Absence:
    if len(values) != 1 or not plain:
        raise Unclear(f"Null {key}: one of true and false, without a prefix or a suffix")
    return Absence(key.lower(), _truth(values[0]))


def _equal(text: str, variables: bool) -> Test:  # noqa: FBT001 - every maker's shape
    return pattern(text, wild=False, variables=variables).fits


def _equal_in_any_case(text: str, variables: bool) -> Test:  # noqa: FBT001 - as above
    return pattern(text, wild=False, variables=variables, ignore_case=True).fits


def _like(text: str, variables: bool) -> Test:  # noqa: FBT001 - as above
    return pattern(text, variables=variables).fits


def _arn(text: str, variables: bool) -> Test:  # noqa: FBT001 - as above
    """Each of the six segments is compared by itself, and each may have wildcards."""
    segments = [pattern(part, variables=variables) for part in _segments(text)]
    if len(segments) != _ARN_SEGMENTS:
        raise Unclear(f"{text} is not an ARN")

    def test(value: str, context: Context) -> bool:
        parts = value.split(":", _ARN_SEGMENTS - 1)
        return len(parts) == _ARN_SEGMENTS and _all_fit(segments, parts, context)

    return test


def _segments(text: str) -> list[str]:
    """Cut at colons, but not at those inside a variable."""
    return [part.replace("\0", ":") for part in _shielded(text).split(":", _ARN_SEGMENTS - 1)]


def _shielded(text: str) -> str:
    return re.sub(r"\$\{[^}]*\}", lambda found: found[0].replace(":", "\0"), text)


def _all_fit(segments: list[Pattern], parts: list[str], context: Context) -> bool:
    return all(segment.fits(part, context) for segment, part in zip(segments, parts, strict=True))


def _bool(text: str, variables: bool) -> Test:  # noqa: ARG001, FBT001 - every maker's shape
    wanted = _truth(text)
    return lambda value, _: _truth(value) is wanted


def _truth(text: str) -> bool:
    if text.lower() not in {"true", "false"}:
        raise Unclear(f"{text!r} is neither true nor false")
    return text.lower() == "true"


def _number(compare: Callable[[float, float], bool]) -> Callable[[str, bool], Test]:
    def make(text: str, variables: bool) -> Test:  # noqa: ARG001, FBT001 - every maker's shape
        wanted = _float(text)
        return lambda value, _: compare(_float(value), wanted)

    return make


def _float(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise Unclear(f"{text!r} is not a number") from None


_OPERATORS: Mapping[str, tuple[Callable[[str, bool], Test], bool]] = {
    "StringEquals": (_equal, False),
    "StringNotEquals": (_equal, True),
    "StringEqualsIgnoreCase": (_equal_in_any_case, False),
    "StringNotEqualsIgnoreCase": (_equal_in_any_case, True),
    "StringLike": (_like, False),
    "StringNotLike": (_like, True),
    "ArnEquals": (_arn, False),
    "ArnNotEquals": (_arn, True),
    "ArnLike": (_arn, False),
    "ArnNotLike": (_arn, True),
    "Bool": (_bool, False),
    "NumericEquals": (_number(operator.eq), False),
    "NumericNotEquals": (_number(operator.eq), True),
    "NumericLessThan": (_number(operator.lt), False),
    "NumericLessThanEquals": (_number(operator.le), False),
    "NumericGreaterThan": (_number(operator.gt), False),
    "NumericGreaterThanEquals": (_number(operator.ge), False),
}
"""How a value is compared, and whether the operator asks for the opposite."""


def _pairs(block: Any) -> Iterator[tuple[str, Any]]:  # noqa: ANN401 - JSON
    if not isinstance(block, Mapping):
        raise Unclear(f"a condition is an object, not {block!r}")
    yield from block.items()


def _texts(value: Any, where: str) -> list[str]:  # noqa: ANN401 - JSON
    """A single value or several; JSON's own true and 10 are the texts that they look like."""
    values = value if isinstance(value, list) else [value]
    if not values:
        raise Unclear(f"{where}: no value")
    if wrong := [one for one in values if not isinstance(one, str | bool | int | float)]:
        raise Unclear(f"{where}: {wrong[0]!r} is not a value")
    return [str(one).lower() if isinstance(one, bool) else str(one) for one in values]
