"""Text with `${{ }}` in it: evaluated whole by the scheduler, or in part for a runner that knows the rest."""

from __future__ import annotations

import re
from collections.abc import Iterator

from controller.local.github.evaluation import (
    FUNCTION_NAMES,
    Scope,
    as_text,
    evaluate,
    truthy,
)
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
    parse,
    unparse,
)

STATUS_FUNCTIONS = frozenset({"success", "failure", "always", "cancelled"})
_INSIDE = re.compile(r"\$\{\{((?:'(?:[^']|'')*'|[^'])*?)\}\}", re.DOTALL)


def resolve(text: str, scope: Scope) -> Value:
    """A lone expression keeps its type; within other text it is printed."""
    parts = list(_parts(text))
    if len(parts) == 1 and not isinstance(parts[0], str):
        return evaluate(parts[0], scope)
    return "".join(part if isinstance(part, str) else as_text(evaluate(part, scope)) for part in parts)


def resolve_tree(tree: Value, scope: Scope) -> Value:
    """`resolve` for every string of a document."""
    if isinstance(tree, str):
        return resolve(tree, scope)
    if isinstance(tree, list):
        return [resolve_tree(item, scope) for item in tree]
    if isinstance(tree, dict):
        return {as_text(resolve(name, scope)): resolve_tree(item, scope) for name, item in tree.items()}
    return tree


def condition(text: str) -> Node:
    """The tree of an `if:`, where `${{ }}` may be left out and success() is understood when no status is asked for."""
    parts = list(_parts(text))
    if not any(isinstance(part, Node) for part in parts):
        node = parse(text)
    elif len(parts) == 1 and isinstance(parts[0], Node):
        node = parts[0]
    else:
        node = _printing(parts)
    return node if asks_for_status(node) else Binary("&&", Call("success", ()), node)


def _printing(parts: list[str | Node]) -> Node:
    """As GitHub takes `${{ a }} == b`: printed to one string, which is true because it is not empty."""
    nodes = [part for part in parts if not isinstance(part, str)]
    numbers = iter(range(len(nodes)))
    pattern = "".join(
        part.replace("{", "{{").replace("}", "}}") if isinstance(part, str) else f"{{{next(numbers)}}}"
        for part in parts
    )
    return Call("format", (Literal(pattern), *nodes))


def holds(node: Node, scope: Scope) -> bool:
    """Whether a condition's tree is met."""
    return truthy(evaluate(node, scope))


def asks_for_status(node: Node) -> bool:
    """Whether success(), failure(), always() or cancelled() stands anywhere in the tree."""
    return any(isinstance(each, Call) and each.name in STATUS_FUNCTIONS for each in walk(node))


def walk(node: Node) -> Iterator[Node]:
    """The node and all below it."""
    yield node
    for child in _children(node):
        yield from walk(child)


def expressions_in(tree: Value) -> Iterator[Node]:
    """Every expression of a document, parsed."""
    if isinstance(tree, str):
        yield from (part for part in _parts(tree) if not isinstance(part, str))
    elif isinstance(tree, list):
        for item in tree:
            yield from expressions_in(item)
    elif isinstance(tree, dict):
        for name, item in tree.items():
            yield from expressions_in(name)
            yield from expressions_in(item)


def fold(node: Node, scope: Scope, partial: frozenset[str] = frozenset()) -> Node:
    """The tree with everything the scope knows put in; of a `partial` context only the keys it holds are known."""
    match node:
        case Index(Context(name), Literal(str(key))) if name in partial:
            context = scope.contexts.get(name)
            known = isinstance(context, dict) and key.lower() in {each.lower() for each in context}
            return Literal(evaluate(node, scope)) if known else node
        case Context(name):
            known = name in scope.contexts and name not in partial
            return Literal(scope.contexts[name]) if known else node
        case Call(name, _) if name not in FUNCTION_NAMES:
            return _with(node, [fold(child, scope, partial) for child in _children(node)])
    folded = _with(node, [fold(child, scope, partial) for child in _children(node)])
    if all(isinstance(child, Literal) for child in _children(folded)):
        return Literal(evaluate(folded, scope))
    return folded


def fold_text(text: str, scope: Scope, partial: frozenset[str] = frozenset()) -> str:
    """Text in which only what the scope does not know is still an expression."""
    return "".join(part if isinstance(part, str) else _printed(fold(part, scope, partial)) for part in _parts(text))


def fold_tree(tree: Value, scope: Scope, partial: frozenset[str] = frozenset()) -> Value:
    """`fold_text` for every string of a document; a lone expression that is known keeps its type."""
    if isinstance(tree, str):
        parts = list(_parts(tree))
        lone = fold(parts[0], scope, partial) if len(parts) == 1 and not isinstance(parts[0], str) else None
        if isinstance(lone, Literal) and isinstance(lone.value, bool | float | int):
            return lone.value
        return fold_text(tree, scope, partial)
    if isinstance(tree, list):
        return [fold_tree(item, scope, partial) for item in tree]
    if isinstance(tree, dict):
        return {fold_text(name, scope, partial): fold_tree(item, scope, partial) for name, item in tree.items()}
    return tree


def _printed(node: Node) -> str:
    if isinstance(node, Literal):
        text = as_text(node.value)
        if "${{" not in text:
            return text
        # A value that looks like an expression must reach the step as it is.
        node = Literal(text)
    return "${{ " + unparse(node) + " }}"


def _parts(text: str) -> Iterator[str | Node]:
    position = 0
    for match in _INSIDE.finditer(text):
        if match.start() > position:
            yield text[position : match.start()]
        yield parse(match[1])
        position = match.end()
    if "${{" in text[position:]:
        raise ExpressionError(f"a '}}}}' is missing after {text[position:].strip()[:60]!r}")
    if position < len(text):
        yield text[position:]


def _children(node: Node) -> tuple[Node, ...]:
    match node:
        case Index(target, key):
            return (target, key)
        case Star(target):
            return (target,)
        case Call(_, arguments):
            return arguments
        case Not(operand):
            return (operand,)
        case Binary(_, left, right):
            return (left, right)
        case _:
            return ()


def _with(node: Node, children: list[Node]) -> Node:
    match node:
        case Index():
            return Index(*children)
        case Star():
            return Star(*children)
        case Call(name, _):
            return Call(name, tuple(children))
        case Not():
            return Not(*children)
        case Binary(operator, _, _):
            return Binary(operator, *children)
        case _:
            return node


def names_context(node: Node, name: str) -> bool:
    """Whether the tree mentions a context."""
    return any(isinstance(each, Context) and each.name == name for each in walk(node))
