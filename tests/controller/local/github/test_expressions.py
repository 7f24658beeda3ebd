from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

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
    parse,
    unparse,
)

NAMES = st.sampled_from(["github", "needs", "matrix", "steps"])
LITERALS = st.one_of(
    st.none(), st.booleans(), st.integers(-(10**9), 10**9).map(float), st.floats(allow_nan=False), st.text(max_size=8)
).map(Literal)
NODES: st.SearchStrategy[Node] = st.recursive(
    LITERALS | NAMES.map(Context),
    lambda inner: st.one_of(
        st.builds(Binary, st.sampled_from(["&&", "||", "==", "!=", "<", "<=", ">", ">="]), inner, inner),
        st.builds(Not, inner),
        st.builds(Index, NAMES.map(Context), st.sampled_from(["a", "result", "b-c"]).map(Literal)),
        st.builds(Index, NAMES.map(Context), inner),
        st.builds(Star, NAMES.map(Context)),
        st.builds(Call, st.sampled_from(["contains", "format"]), st.lists(inner, max_size=3).map(tuple)),
    ),
    max_leaves=8,
)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("null", None),
        ("false", False),
        ("711", 711),
        ("-9.2", -9.2),
        ("0xff", 255),
        ("0o17", 15),
        ("-2.99e-2", -0.0299),
        ("Infinity", math.inf),
        ("-Infinity", -math.inf),
        ("'Mona the Octocat'", "Mona the Octocat"),
        ("'It''s open source!'", "It's open source!"),
    ],
)
def test_literals_are_read_as_github_documents_them(text: str, value: object) -> None:
    node = parse(text)

    assert node == Literal(value)  # type: ignore[arg-type]


def test_not_a_number_has_a_name_of_its_own() -> None:
    node = parse("NaN")

    assert isinstance(node, Literal)
    assert isinstance(node.value, float)
    assert math.isnan(node.value)


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("a || b && c", "a || (b && c)"),
        ("a == b && c != d", "(a == b) && (c != d)"),
        ("a < b == c", "(a < b) == c"),
        ("!a && b", "(!a) && b"),
        ("github.event['ref']", "github.event.ref"),
        ("needs.*.result", "needs[*].result"),
        ("GitHub.Ref", "github.Ref"),
        ("contains ( a , b )", "contains(a,b)"),
    ],
)
def test_operators_bind_as_in_github(text: str, same: str) -> None:
    assert parse(text) == parse(same)


@pytest.mark.parametrize(
    "text", ["", "a b", "(a", "a.", "a[", "'open", '"double"', "a == ", "f(a,", "1 +", "a..b", "3x", "f(a b)"]
)
def test_what_github_refuses_is_refused_with_one_line(text: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        parse(text)

    assert "\n" not in str(caught.value)


@given(NODES)
def test_a_tree_survives_being_written_and_read(node: Node) -> None:
    assert parse(unparse(node)) == node
