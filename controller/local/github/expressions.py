"""The grammar of GitHub's `${{ }}` expressions: text to tree, and tree back to text."""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from typing import TypeAlias

Value: TypeAlias = "float | str | bool | list[Value] | dict[str, Value] | None"


class ExpressionError(Exception):
    """An expression that GitHub would refuse, with what is wrong about it."""


@dataclass(frozen=True, slots=True)
class Literal:
    """A value written down, or put in place of what was known."""

    value: Value


@dataclass(frozen=True, slots=True)
class Context:
    """A named value such as `github` or `needs`."""

    name: str


@dataclass(frozen=True, slots=True)
class Index:
    """`target.key` or `target[key]`."""

    target: Node
    key: Node


@dataclass(frozen=True, slots=True)
class Star:
    """`target.*`: every value of an object or item of an array."""

    target: Node


@dataclass(frozen=True, slots=True)
class Call:
    """A function with its arguments."""

    name: str
    arguments: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """`!operand`."""

    operand: Node


@dataclass(frozen=True, slots=True)
class Binary:
    """Two operands and the operator between them."""

    operator: str
    left: Node
    right: Node


Node: TypeAlias = Literal | Context | Index | Star | Call | Not | Binary

_TOKEN = re.compile(
    r"""\s*(?:
      (?P<string>'(?:[^']|'')*')
    | (?P<number>[+-]Infinity\b
        |[+-]?(?:0x[0-9a-fA-F]+|0o[0-7]+|(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?)(?![A-Za-z0-9_]))
    | (?P<name>[A-Za-z_][A-Za-z0-9_-]*)
    | (?P<operator>&&|\|\||==|!=|<=|>=|[<>!()\[\],.*])
    )""",
    re.VERBOSE,
)
_WORDS: dict[str, Value] = {"null": None, "true": True, "false": False, "NaN": math.nan, "Infinity": math.inf}
_BINDING = {"||": 1, "&&": 2, "==": 3, "!=": 3, "<": 4, "<=": 4, ">": 4, ">=": 4}


def parse(text: str) -> Node:
    """The tree of an expression (without its `${{ }}`)."""
    parser = _Parser(text)
    node = parser.binary(1)
    parser.end()
    return node


def number(text: str) -> float:
    """What GitHub makes of a number's text; NaN when it is none."""
    text = text.strip()
    if not text:
        return 0.0
    based = re.fullmatch(r"([+-]?)(0x[0-9a-fA-F]+|0o[0-7]+)", text)
    if based:
        return float(int(based[2], 0)) * (-1 if based[1] == "-" else 1)
    if re.fullmatch(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?|[+-]?Infinity", text):
        return float(text)
    return float("nan")


class _Parser:
    """Precedence climbing over the tokens of one expression."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = _tokens(text)
        self._next = 0

    def binary(self, least: int) -> Node:
        left = self._unary()
        while (operator := self._peek()) in _BINDING and _BINDING[operator] >= least:
            self._next += 1
            left = Binary(operator, left, self.binary(_BINDING[operator] + 1))
        return left

    def end(self) -> None:
        if self._next < len(self._tokens):
            raise ExpressionError(f"unexpected {self._peek()!r} in {self._text.strip()!r}")

    def _unary(self) -> Node:
        if self._peek() == "!":
            self._next += 1
            return Not(self._unary())
        return self._postfix(self._primary())

    def _primary(self) -> Node:
        kind, text = self._take()
        if text == "(":
            node = self.binary(1)
            self._expect(")")
            return node
        if kind == "string":
            return Literal(text[1:-1].replace("''", "'"))
        if kind == "number":
            return Literal(number(text))
        if kind == "name":
            return self._word(text)
        raise ExpressionError(f"unexpected {text!r} in {self._text.strip()!r}")

    def _word(self, text: str) -> Node:
        if self._peek() == "(":
            return Call(text.lower(), self._arguments())
        if text in _WORDS:
            return Literal(_WORDS[text])
        return Context(text.lower())

    def _arguments(self) -> tuple[Node, ...]:
        self._expect("(")
        arguments: list[Node] = []
        while self._peek() != ")":
            if arguments:
                self._expect(",")
            arguments.append(self.binary(1))
        self._expect(")")
        return tuple(arguments)

    def _postfix(self, node: Node) -> Node:
        while self._peek() in (".", "["):
            _, opening = self._take()
            node = self._member(node) if opening == "." else self._bracket(node)
        return node

    def _member(self, target: Node) -> Node:
        kind, text = self._take()
        if text == "*":
            return Star(target)
        if kind != "name":
            raise ExpressionError(f"a name must follow the dot in {self._text.strip()!r}, not {text!r}")
        return Index(target, Literal(text))

    def _bracket(self, target: Node) -> Node:
        if self._peek() == "*":
            self._take()
            self._expect("]")
            return Star(target)
        key = self.binary(1)
        self._expect("]")
        return Index(target, key)

    def _peek(self) -> str:
        return self._tokens[self._next][1] if self._next < len(self._tokens) else ""

    def _take(self) -> tuple[str, str]:
        if self._next >= len(self._tokens):
            raise ExpressionError(f"{self._text.strip()!r} ends too early")
        self._next += 1
        return self._tokens[self._next - 1]

    def _expect(self, text: str) -> None:
        if self._peek() != text:
            raise ExpressionError(f"{text!r} is missing in {self._text.strip()!r}")
        self._next += 1


def _tokens(text: str) -> list[tuple[str, str]]:
    tokens: list[tuple[str, str]] = []
    position = 0
    while text[position:].strip():
        match = _TOKEN.match(text, position)
        if match is None or match.lastgroup is None:
            raise ExpressionError(f"cannot read {text[position:].strip()!r}; strings take single quotes")
        tokens.append((match.lastgroup, match[match.lastgroup]))
        position = match.end()
    return tokens


def unparse(node: Node) -> str:  # noqa: PLR0911 one return for each kind of node
    """Text that parses to the same tree; literals that have no notation of their own go through fromJSON."""
    match node:
        case Literal(value):
            return _literal(value)
        case Context(name):
            return name
        case Index(target, Literal(str(key))) if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_-]*", key):
            return f"{_operand(target)}.{key}"
        case Index(target, key_node):
            return f"{_operand(target)}[{unparse(key_node)}]"
        case Star(target):
            return f"{_operand(target)}.*"
        case Call(name, arguments):
            return f"{name}({', '.join(map(unparse, arguments))})"
        case Not(operand):
            return f"!{_operand(operand)}"
        case Binary(operator, left, right):
            return f"{_operand(left)} {operator} {_operand(right)}"


def _operand(node: Node) -> str:
    return f"({unparse(node)})" if isinstance(node, Binary | Not) else unparse(node)


def _literal(value: Value) -> str:
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    if isinstance(value, list | dict):
        return f"fromJSON({_literal(json.dumps(value))})"
    if math.isnan(value) or math.isinf(value):
        return "NaN" if math.isnan(value) else ("-" if value < 0 else "") + "Infinity"
    return repr(int(value)) if value == int(value) else repr(value)
