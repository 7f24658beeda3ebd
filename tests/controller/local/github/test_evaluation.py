from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.local.github.evaluation import Scope, as_number, as_text, compare, evaluate, truthy
from controller.local.github.expressions import ExpressionError, Value, parse

SCOPE = Scope(
    {
        "github": {"ref": "refs/heads/main", "event": {"issue": {"labels": [{"name": "bug"}, {"name": "p1"}]}}},
        "needs": {"build": {"result": "success"}, "test": {"result": "failure"}},
        "matrix": {"n": 3, "list": [1, 2]},
        "fruits": {"items": [{"name": "apple"}, {"name": "orange"}, {"quantity": 1}]},
    }
)
SCALARS = st.one_of(st.none(), st.booleans(), st.integers(-1000, 1000), st.floats(allow_nan=False), st.text(max_size=6))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-99, 99) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # GitHub's documentation, functions
        ("contains('Hello world', 'llo')", True),
        ("contains('Hello world', 'LLO')", True),
        ("contains(github.event.issue.labels.*.name, 'bug')", True),
        ("contains(fromJSON('[\"push\", \"pull_request\"]'), 'push')", True),
        ("contains(fromJSON('[1, 2]'), '2')", True),
        ("startsWith('Hello world', 'He')", True),
        ("endsWith('Hello world', 'ld')", True),
        ("format('Hello {0} {1} {2}', 'Mona', 'the', 'Octocat')", "Hello Mona the Octocat"),
        ("format('{{Hello {0} {1} {2}!}}', 'Mona', 'the', 'Octocat')", "{Hello Mona the Octocat!}"),
        ("join(github.event.issue.labels.*.name, ', ')", "bug, p1"),
        ("join(matrix.list)", "1,2"),
        ("toJSON('x')", '"x"'),
        ("fromJSON('{\"a\": [1]}').a[0]", 1),
        ("join(fruits.items.*.name)", "apple,orange"),
        ("contains(needs.*.result, 'failure')", True),
        # and its operators
        ("github.ref == 'REFS/HEADS/MAIN'", True),
        ("github.nothing", None),
        ("github.event.issue.labels[1].name", "p1"),
        ("github['ref']", "refs/heads/main"),
        ("matrix.list[7]", None),
        ("github.ref == 'x' && 'yes' || 'no'", "no"),
        ("'' || 'default'", "default"),
        ("'a' && 'b'", "b"),
        ("!''", True),
        ("null == 0", True),
        ("null == ''", True),
        ("true == 1", True),
        ("'1' == 1", True),
        ("'0x10' == 16", True),
        ("'abc' == 0", False),
        ("'abc' != 0", True),
        ("fromJSON('[]') == fromJSON('[]')", False),
        ("NaN == NaN", False),
        ("'b' > 'A'", True),
        ("'10' > 9", True),
        ("'x' > 9", False),
        ("'x' <= 9", False),
        ("2 <= 2", True),
    ],
)
def test_expressions_are_worth_what_github_documents(text: str, expected: Value) -> None:
    value = evaluate(parse(text), SCOPE)

    assert value == expected
    assert isinstance(value, bool) == isinstance(expected, bool)


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, ""), (True, "true"), (1.0, "1"), (0.1, "0.1"), (1e21, "1E+21"), (-0.0, "0"), ([], "Array"), ({}, "Object")],
)
def test_values_print_as_in_github(value: Value, text: str) -> None:
    assert as_text(value) == text


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (False, False),
        (0, False),
        (-0.0, False),
        ("", False),
        (None, False),
        (math.nan, False),
        ("0", True),
        ([], True),
        ({}, True),
        (0.1, True),
    ],
)
def test_only_the_documented_values_are_falsy(value: Value, expected: bool) -> None:  # noqa: FBT001 a table's column
    assert truthy(value) is expected


@pytest.mark.parametrize(
    "text",
    ["secrets.TOKEN", "nope()", "contains('a')", "format('{1}', 'a')", "format('{', 'a')", "fromJSON('{')"],
)
def test_a_mistake_is_told_in_one_line(text: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        evaluate(parse(text), SCOPE)

    assert "\n" not in str(caught.value)


@given(SCALARS, SCALARS)
def test_equality_is_symmetric_and_has_an_opposite(left: Value, right: Value) -> None:
    assert compare("==", left, right) == compare("==", right, left)
    assert compare("==", left, right) != compare("!=", left, right)


@given(SCALARS, SCALARS)
def test_less_is_the_mirror_of_greater(left: Value, right: Value) -> None:
    assert compare("<", left, right) == compare(">", right, left)
    assert compare("<=", left, right) == compare(">=", right, left)


@given(JSON)
def test_json_survives_the_round_trip(value: Value) -> None:
    text = evaluate(parse("toJSON(github)"), Scope({"github": value}))

    assert json.loads(str(text)) == value


@given(st.text())
def test_text_that_is_no_number_compares_to_no_number(text: str) -> None:
    number = as_number(text)

    assert math.isnan(number) or text.strip() == "" or any(each in text for each in "0123456789I")
