"""CloudWatch's metric math, as much of it as the alarms use: arithmetic, comparisons, FILL and IF.

A series is the values of a row of periods, None where there is none. What a missing value meets is missing, and
so is what is divided by zero. FILL of a series without any value has none either: nothing says that it would.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping, Sequence

Value = float | None
Series = Sequence[Value]

_ARITHMETIC: Mapping[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}
_COMPARISONS: Mapping[type[ast.cmpop], Callable[[float, float], bool]] = {
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}


def evaluate(expression: str, series: Mapping[str, Series], periods: int) -> Series:
    """The series that an expression makes of others."""
    return _of(ast.parse(expression, mode="eval").body, series, periods)


def _of(node: ast.expr, series: Mapping[str, Series], periods: int) -> Series:
    match node:
        case ast.Constant(value=int() | float() as number):
            return [float(number)] * periods
        case ast.Name(id=name):
            return series[name]
        case ast.BinOp(left=left, op=op, right=right):
            return _joined(_ARITHMETIC[type(op)], _of(left, series, periods), _of(right, series, periods))
        case ast.Compare(left=left, ops=[op], comparators=[right]):
            return _joined(_COMPARISONS[type(op)], _of(left, series, periods), _of(right, series, periods))
        case ast.Call(func=ast.Name(id=name), args=args):
            return _FUNCTIONS[name](*(_of(each, series, periods) for each in args))
        case _:
            raise ValueError(f"{ast.unparse(node)}: not metric math that is known here")


def _joined(function: Callable[[float, float], float], left: Series, right: Series) -> Series:
    return [_value(function, one, other) for one, other in zip(left, right, strict=True)]


def _value(function: Callable[[float, float], float], one: Value, other: Value) -> Value:
    if one is None or other is None:
        return None
    try:
        return float(function(one, other))
    except ZeroDivisionError:
        return None


def _fill(series: Series, filler: Series) -> Series:
    if all(value is None for value in series):
        return series
    return [other if value is None else value for value, other in zip(series, filler, strict=True)]


def _if(condition: Series, then: Series, otherwise: Series) -> Series:
    rows = zip(condition, then, otherwise, strict=True)
    return [None if asked is None else yes if asked else no for asked, yes, no in rows]


_FUNCTIONS: Mapping[str, Callable[..., Series]] = {"FILL": _fill, "IF": _if}
