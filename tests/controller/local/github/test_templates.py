from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.local.github.evaluation import Scope
from controller.local.github.expressions import ExpressionError, Value, parse, unparse
from controller.local.github.templates import condition, fold, fold_text, fold_tree, holds, resolve, resolve_tree

KNOWN = Scope({"matrix": {"os": "arm", "n": 2, "deep": {"a": 1}}, "github": {"ref": "main"}})
PARTIAL = frozenset({"github"})
STATUS = {"success": lambda _: True, "failure": lambda _: False, "always": lambda _: True, "cancelled": lambda _: False}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", "plain"),
        ("${{ matrix.n }}", 2),
        ("n is ${{ matrix.n }}!", "n is 2!"),
        ("${{ matrix.os }}-${{ matrix.n }}", "arm-2"),
        ("${{ '}}' }}", "}}"),
        ("${{ matrix.none }}", None),
    ],
)
def test_a_lone_expression_keeps_its_type_and_others_are_printed(text: str, expected: Value) -> None:
    assert resolve(text, KNOWN) == expected


def test_every_string_of_a_document_is_resolved() -> None:
    tree: Value = {"a": ["${{ matrix.os }}", {"b": "x${{ matrix.n }}"}], "c": 3}

    resolved = resolve_tree(tree, KNOWN)

    assert resolved == {"a": ["arm", {"b": "x2"}], "c": 3}


def test_an_expression_that_does_not_end_is_told() -> None:
    with pytest.raises(ExpressionError, match="missing"):
        resolve("${{ matrix.n", KNOWN)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("matrix.os == 'arm'", True),
        ("${{ matrix.os == 'arm' }}", True),
        ("${{ matrix.os }} == 'x86'", True),  # GitHub's well-known trap: text is true
        ("false", False),
        ("always() && false", False),
        ("failure()", False),
        ("!cancelled()", True),
    ],
)
def test_conditions_hold_as_in_github(text: str, expected: bool) -> None:  # noqa: FBT001 a table's column
    scope = Scope(KNOWN.contexts, STATUS)

    assert holds(condition(text), scope) is expected


@pytest.mark.parametrize(
    ("text", "runs_after_failure"),
    [("true", False), ("always()", True), ("failure() || matrix.n == 9", True), ("!success()", True)],
)
def test_success_is_understood_unless_a_status_is_asked_for(
    text: str,
    runs_after_failure: bool,  # noqa: FBT001 a table's column
) -> None:
    failed = {**STATUS, "success": lambda _: False, "failure": lambda _: True}

    assert holds(condition(text), Scope(KNOWN.contexts, failed)) is runs_after_failure


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("echo ${{ matrix.os }}", "echo arm"),
        ("${{ steps.a.outputs.b }}", "${{ steps.a.outputs.b }}"),
        ("${{ matrix.n == 2 && steps.a.outcome }}", "${{ true && steps.a.outcome }}"),
        ("${{ github.ref }} ${{ github.workspace }}", "main ${{ github.workspace }}"),
        ("${{ format('{0}', matrix.deep) }}", "Object"),
        ("${{ toJSON(github) }}", "${{ tojson(github) }}"),
        ("${{ always() }}", "${{ always() }}"),
        ("${{ contains(matrix.deep, env.X) }}", "${{ contains(fromJSON('{\"a\": 1}'), env.X) }}"),
    ],
)
def test_only_what_is_not_known_stays_an_expression(text: str, expected: str) -> None:
    assert fold_text(text, KNOWN, PARTIAL) == expected


def test_a_value_that_looks_like_an_expression_is_not_evaluated_twice() -> None:
    scope = Scope({"needs": {"a": {"outputs": {"x": "${{ secrets.TOKEN }}"}}}})

    folded = fold_text("${{ needs.a.outputs.x }}", scope)

    assert resolve(folded, Scope()) == "${{ secrets.TOKEN }}"


def test_a_known_lone_value_keeps_its_type() -> None:
    assert fold_tree({"timeout-minutes": "${{ matrix.n }}"}, KNOWN) == {"timeout-minutes": 2}


@given(st.sampled_from(["a", "b"]), st.integers(0, 3), st.booleans())
def test_folding_changes_no_value(name: str, number: int, flag: bool) -> None:  # noqa: FBT001 hypothesis draws it
    node = parse("matrix.x == steps.y || contains(matrix.list, steps.y) && format('{0}{1}', matrix.x, steps.n)")
    early: dict[str, Value] = {"matrix": {"x": name, "list": [name, "c"]}}
    late: dict[str, Value] = {"steps": {"y": "a" if flag else "c", "n": number}}

    folded = fold(node, Scope(early))

    whole, rest = Scope({**early, **late}, STATUS), Scope(late, STATUS)
    assert holds(parse(unparse(folded)), rest) == holds(node, whole)
