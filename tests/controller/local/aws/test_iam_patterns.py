from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.local.aws.iam_patterns import Unclear, Unresolved, pattern

WHO = {"aws:userid": ("AROA:i-1",), "aws:principaltag/team": ("blue*",), "aws:tagkeys": ("a", "b")}


def stands_for(source: str, text: str) -> bool:
    """The oracle: one character after another, in the way one would explain it."""
    if not source:
        return not text
    if source[0] == "*":
        return stands_for(source[1:], text) or (bool(text) and stands_for(source, text[1:]))
    return bool(text) and source[0] in ("?", text[0]) and stands_for(source[1:], text[1:])


@given(st.text(alphabet="ab:.*?$[\n", max_size=7), st.text(alphabet="ab:.*?$[\n", max_size=7))
def test_wildcards_stand_for_what_the_oracle_says(source: str, text: str) -> None:
    fits = pattern(source).fits(text, {})

    assert fits == stands_for(source, text)


@given(st.text(alphabet="ab*?", max_size=6), st.text(alphabet="ab", max_size=6))
def test_within_one_segment_an_arn_is_compared_like_any_text(source: str, text: str) -> None:
    fits = pattern(source).fits_arn(text, {})

    assert fits == stands_for(source, text)


@given(st.text(max_size=20).filter(lambda text: "${" not in text))
def test_without_wildcards_every_text_stands_for_itself_alone(text: str) -> None:
    exact = pattern(text, wild=False)

    assert exact.fits(text, {})
    assert not exact.fits(f"{text}x", {})


@pytest.mark.parametrize(
    ("source", "arn", "fits"),
    [
        ("arn:aws:s3:::amzn-s3-demo-bucket/*/test/*", "arn:aws:s3:::amzn-s3-demo-bucket/1/test/x.jpg", True),
        ("arn:aws:s3:::amzn-s3-demo-bucket/*/test/*", "arn:aws:s3:::amzn-s3-demo-bucket/1/2/3/test/x", True),
        ("arn:aws:s3:::amzn-s3-demo-bucket/*/test/*", "arn:aws:s3:::amzn-s3-demo-bucket/test/x", False),
        ("arn:aws:iam::123456789012:user/accounting/*", "arn:aws:iam::123456789012:user/accounting/bob", True),
        ("arn:aws:iam::123456789012:user/accounting/*", "arn:aws:iam::123456789012:user/Accounting/bob", False),
        ("arn:aws:sqs:us-west-2:123456789012:queue?", "arn:aws:sqs:us-west-2:123456789012:queue1", True),
        ("arn:aws:sqs:us-west-2:123456789012:queue?", "arn:aws:sqs:us-west-2:123456789012:queue", False),
        ("arn:aws:logs:*", "arn:aws:logs:us-east-1:123456789012:log-group:a:log-stream:b", True),
        ("*", "*", True),
    ],
)
def test_arns_fit_as_the_page_on_resources_says(source: str, arn: str, fits: bool) -> None:  # noqa: FBT001 - a case
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_resource.html."""
    assert pattern(source).fits_arn(arn, {}) is fits


def test_a_wildcard_inside_a_segment_that_would_have_to_reach_over_a_colon_is_not_judged() -> None:
    inside = pattern("arn:aws:sqs:*-1:queue")

    with pytest.raises(Unclear, match="only where a wildcard inside a segment stands for a colon"):
        inside.fits_arn("arn:aws:sqs:us-east-1:other-1:queue", {})


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("${aws:userid}/*", "AROA:i-1/x"),
        ("${AWS:UserId}", "AROA:i-1"),
        ("${aws:PrincipalTag/team}", "blue*"),
        ("${aws:PrincipalTag/cost, 'none'}", "none"),
        ("a${*}b${?}c${$}{d", "a*b?c${d"),
    ],
)
def test_variables_stand_for_what_the_call_tells(source: str, text: str) -> None:
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html."""
    assert pattern(source).fits(text, WHO)


def test_a_wildcard_in_a_variables_value_is_text() -> None:
    assert not pattern("${aws:PrincipalTag/team}").fits("bluebell", WHO)


def test_policies_before_2012_have_no_variables() -> None:
    old = pattern("${aws:userid}", variables=False)

    assert old.fits("${aws:userid}", WHO)
    assert not old.fits("AROA:i-1", WHO)


def test_a_variable_without_a_value_is_told_apart() -> None:
    with pytest.raises(Unresolved, match="aws:username"):
        pattern("${aws:username}").fits("bob", WHO)


@pytest.mark.parametrize("source", ["${aws:userid", "${}", "${a b}", "${aws:userid, none}", "${aws:TagKeys}"])
def test_a_text_that_is_not_understood_is_an_error(source: str) -> None:
    with pytest.raises(Unclear):
        pattern(source).fits("a", WHO)
