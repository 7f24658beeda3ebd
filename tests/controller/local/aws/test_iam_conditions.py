"""The tables and examples of the IAM user guide's pages on conditions."""

from __future__ import annotations

from typing import Any

import pytest

from controller.local.aws.iam_conditions import conditions
from controller.local.aws.iam_patterns import Context, Unclear, Unresolved


def holds(block: dict[str, Any], context: Context) -> bool:
    return all(condition.holds(context) for condition in conditions(block, variables=True))


def told(key: str, *values: str) -> Context:
    return {key: values} if values else {}


JOB = "aws:principaltag/job-category"


@pytest.mark.parametrize(
    ("operator", "wanted", "value", "expected"),
    [
        ("StringEquals", "iamuser-admin", "iamuser-admin", True),
        ("StringEquals", "iamuser-admin", "IamUser-Admin", False),
        ("StringEquals", "iamuser-*", "iamuser-admin", False),
        ("StringEquals", ["a", "b"], "b", True),
        ("StringEquals", "a", None, False),
        ("StringNotEquals", "iamuser-admin", "iamuser-admin", False),
        ("StringNotEquals", ["a", "b"], "b", False),
        ("StringNotEquals", ["a", "b"], "c", True),
        ("StringNotEquals", "a", None, True),
        ("StringEqualsIgnoreCase", "iamuser-admin", "IAMUser-Admin", True),
        ("StringNotEqualsIgnoreCase", "iamuser-admin", "IAMUser-Admin", False),
        ("StringLike", "iamuser*", "iamuser-admin", True),
        ("StringLike", "t?", "t2", True),
        ("StringLike", "t?", "t", False),
        ("StringNotLike", "iamuser*", "iamuser-admin", False),
        ("StringEqualsIfExists", "a", None, True),
        ("StringEqualsIfExists", "a", "b", False),
        ("StringNotEqualsIfExists", "a", None, True),
        ("NumericLessThanEquals", "10", "10", True),
        ("NumericLessThanEquals", 10, "11", False),
        ("NumericLessThan", "10", "9.5", True),
        ("NumericGreaterThan", "10", "10", False),
        ("NumericGreaterThanEquals", "10", "10", True),
        ("NumericEquals", "10", "10.0", True),
        ("NumericNotEquals", "10", "11", True),
        ("NumericEquals", "10", None, False),
        ("Bool", "true", "true", True),
        ("Bool", True, "False", False),
        ("Bool", "true", None, False),
        ("BoolIfExists", "true", None, True),
        ("Null", "true", None, True),
        ("Null", "true", "anything", False),
        ("Null", "false", "anything", True),
        ("Null", "false", None, False),
    ],
)
def test_operators_compare_as_their_page_says(
    operator: str,
    wanted: object,
    value: str | None,
    expected: bool,  # noqa: FBT001 - a case
) -> None:
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html."""
    context = told(JOB, *([] if value is None else [value]))

    assert holds({operator: {"aws:PrincipalTag/job-category": wanted}}, context) is expected


@pytest.mark.parametrize(
    ("operator", "wanted", "expected"),
    [
        ("ArnEquals", "arn:aws:sns:us-east-1:123456789012:TOPIC-ID", True),
        ("ArnLike", "arn:aws:sns:*:*:TOPIC-*", True),
        ("ArnEquals", "arn:aws:sns:*:123456789012:TOPIC-ID", True),
        ("ArnLike", "arn:aws:sns:us-east-1:*", "incomplete"),
        ("ArnLike", "arn:aws:*:TOPIC-ID:x:y", False),
        ("ArnNotLike", "arn:aws:sns:*:*:TOPIC-*", False),
        ("ArnNotEquals", "arn:aws:sns:us-east-1:123456789012:OTHER", True),
        ("ArnLike", "arn:aws:sns:us-east-1:${aws:PrincipalAccount}:*", True),
    ],
)
def test_each_segment_of_an_arn_is_compared_by_itself(operator: str, wanted: str, expected: bool | str) -> None:  # noqa: FBT001 - a case
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html."""
    context = {
        "aws:sourcearn": ("arn:aws:sns:us-east-1:123456789012:TOPIC-ID",),
        "aws:principalaccount": ("123456789012",),
    }

    if expected == "incomplete":
        with pytest.raises(Unclear, match="is not an ARN"):
            holds({operator: {"aws:SourceArn": wanted}}, context)
    else:
        assert holds({operator: {"aws:SourceArn": wanted}}, context) is expected


@pytest.mark.parametrize(
    ("operator", "keys", "expected"),
    [
        ("ForAllValues:StringEquals", ["environment", "costcenter"], True),
        ("ForAllValues:StringEquals", ["environment"], True),
        ("ForAllValues:StringEquals", ["environment", "owner"], False),
        ("ForAllValues:StringEquals", [], True),
        ("ForAnyValue:StringEquals", ["environment", "owner"], True),
        ("ForAnyValue:StringEquals", ["owner"], False),
        ("ForAnyValue:StringEquals", [], False),
        ("ForAnyValue:StringEqualsIfExists", [], False),
        ("ForAllValues:StringLike", ["environment", "cost-a"], False),
        ("ForAllValues:StringNotEquals", ["owner", "team"], True),
        ("ForAllValues:StringNotEquals", ["owner", "environment"], False),
        ("ForAnyValue:StringNotEquals", ["owner", "environment"], True),
        ("ForAnyValue:StringNotEquals", [], False),
    ],
)
def test_sets_are_compared_value_by_value(operator: str, keys: list[str], expected: bool) -> None:  # noqa: FBT001 - a case
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-single-vs-multi-valued-context-keys.html."""
    context = told("aws:tagkeys", *keys)

    assert holds({operator: {"aws:TagKeys": ["environment", "costcenter"]}}, context) is expected


@pytest.mark.parametrize(
    ("context", "expected"),
    [
        ({"aws:principaltag/department": ("finance",), "aws:principaltag/role": ("audit",)}, True),
        ({"aws:principaltag/department": ("hr",), "aws:principaltag/role": ("audit",)}, True),
        ({"aws:principaltag/department": ("finance",)}, False),
        ({"aws:principaltag/department": ("legal",), "aws:principaltag/role": ("audit",)}, False),
    ],
)
def test_keys_are_all_needed_and_one_value_of_each_is_enough(context: Context, expected: bool) -> None:  # noqa: FBT001 - a case
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-logic-multiple-context-keys-or-values.html."""
    block = {
        "StringEquals": {
            "aws:PrincipalTag/department": ["finance", "hr", "${aws:PrincipalTag/other, 'legacy'}"],
            "AWS:principalTag/ROLE": "audit",
        }
    }

    assert holds(block, context) is expected


@pytest.mark.parametrize(
    "block",
    [
        {"DateGreaterThan": {"aws:CurrentTime": "2026-01-01T00:00:00Z"}},
        {"IpAddress": {"aws:SourceIp": "203.0.113.0/24"}},
        {"stringequals": {"a": "b"}},
        {"ForSomeValues:StringEquals": {"a": "b"}},
        {"NullIfExists": {"a": "true"}},
        {"ForAnyValue:Null": {"a": "true"}},
        {"Null": {"a": "perhaps"}},
        {"Bool": {"a": "yes"}},
        {"NumericEquals": {"a": "ten"}},
        {"ArnLike": {"a": "*"}},
        {"StringEquals": {"a": []}},
        {"StringEquals": {"a": {"b": "c"}}},
        {"StringEquals": "a"},
        "StringEquals",
    ],
)
def test_what_is_not_understood_is_an_error(block: Any) -> None:  # noqa: ANN401 - JSON
    with pytest.raises(Unclear):
        list(conditions(block, variables=True))


def test_a_key_with_several_values_needs_a_set_operator() -> None:
    with pytest.raises(Unclear, match="aws:tagkeys has several values"):
        holds({"StringEquals": {"aws:TagKeys": "a"}}, told("aws:tagkeys", "a", "b"))


def test_a_variable_without_a_value_is_told_apart_from_one_that_does_not_fit() -> None:
    with pytest.raises(Unresolved):
        holds({"StringNotEquals": {"aws:userid": "${aws:username}"}}, told("aws:userid", "a"))
