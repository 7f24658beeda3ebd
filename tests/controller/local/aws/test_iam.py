"""The examples of the IAM user guide, and what must never become an allow."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.local.aws.iam import Access, Decision, decide, read
from controller.local.aws.iam_patterns import Unclear

ALLOWED, IMPLICIT, EXPLICIT = Decision.ALLOWED, Decision.IMPLICITLY_DENIED, Decision.EXPLICITLY_DENIED


def document(*statements: dict[str, Any]) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": list(statements)}


def allow(actions: str | list[str] = "*", resources: str | list[str] = "*", **more: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    return {"Effect": "Allow", "Action": actions, "Resource": resources, **more}


def deny(actions: str | list[str] = "*", resources: str | list[str] = "*", **more: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    return {**allow(actions, resources, **more), "Effect": "Deny"}


def verdict(access: Access, *statements: dict[str, Any]) -> Decision:
    return decide([read(document(*statements))], access)


BUCKET = "arn:aws:s3:::amzn-s3-demo-bucket"

JOHN = [
    allow(["s3:List*"], BUCKET, Sid="list"),
    allow(["s3:GetObject", "s3:PutObject"], f"{BUCKET}/${{aws:username}}/*"),
]
"""https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html, in short."""

START_STOP = [
    allow("ec2:DescribeInstances"),
    allow(
        ["ec2:StartInstances", "ec2:StopInstances"],
        "arn:aws:ec2:*:*:instance/*",
        Condition={"StringEquals": {"ec2:ResourceTag/Owner": "${aws:username}"}},
    ),
]
"""https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_examples_ec2_tag-owner.html."""

OUTSIDE_REGIONS = {
    "Sid": "DenyAllOutsideRequestedRegions",
    "Effect": "Deny",
    "NotAction": ["cloudfront:*", "iam:*", "organizations:*", "route53:*", "support:*"],
    "Resource": "*",
    "Condition": {"StringNotEquals": {"aws:RequestedRegion": ["eu-central-1", "eu-west-1"]}},
}
"""https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_examples_aws_deny-requested-region.html."""

NOT_THIS_BUCKET = {
    "Effect": "Deny",
    "Action": "s3:*",
    "NotResource": [BUCKET, f"{BUCKET}/*"],
}
"""https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_notresource.html."""

TAGGED_AT_LAUNCH = [
    allow(
        "ec2:RunInstances",
        "arn:aws:ec2:*:*:instance/*",
        Condition={
            "StringEquals": {"aws:RequestTag/environment": "production"},
            "ForAllValues:StringEquals": {"aws:TagKeys": ["environment"]},
        },
    ),
    allow("ec2:CreateTags", "*", Condition={"StringEquals": {"ec2:CreateAction": "RunInstances"}}),
]
"""https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ExamplePolicies_EC2.html, tagging on creation."""

MACHINE = "arn:aws:ec2:us-east-1:123456789012:instance/i-1"


def tagged(*tags: str) -> dict[str, tuple[str, ...]]:
    each = dict(tag.split("=") for tag in tags)
    return {"aws:tagkeys": tuple(each), **{f"aws:requesttag/{key}": (value,) for key, value in each.items()}}


@pytest.mark.parametrize(
    ("statements", "access", "expected"),
    [
        (JOHN, Access("s3:GetObject", f"{BUCKET}/John/a", {"aws:username": ("John",)}), ALLOWED),
        (JOHN, Access("s3:GetObject", f"{BUCKET}/Mary/a", {"aws:username": ("John",)}), IMPLICIT),
        (JOHN, Access("s3:GetObject", f"{BUCKET}/John/a"), IMPLICIT),
        (JOHN, Access("S3:listBucket", BUCKET), ALLOWED),
        (JOHN, Access("s3:ListBucket", f"{BUCKET}-2"), IMPLICIT),
        (
            START_STOP,
            Access("ec2:StopInstances", MACHINE, {"ec2:resourcetag/owner": ("a",), "aws:username": ("a",)}),
            ALLOWED,
        ),
        (
            START_STOP,
            Access("ec2:StopInstances", MACHINE, {"ec2:resourcetag/owner": ("b",), "aws:username": ("a",)}),
            IMPLICIT,
        ),
        (START_STOP, Access("ec2:StopInstances", MACHINE, {"aws:username": ("a",)}), IMPLICIT),
        (START_STOP, Access("ec2:DescribeInstances", "*"), ALLOWED),
        ([allow(), OUTSIDE_REGIONS], Access("ec2:X", "*", {"aws:requestedregion": ("us-east-1",)}), EXPLICIT),
        ([allow(), OUTSIDE_REGIONS], Access("ec2:X", "*", {"aws:requestedregion": ("eu-west-1",)}), ALLOWED),
        ([allow(), OUTSIDE_REGIONS], Access("IAM:X", "*", {"aws:requestedregion": ("us-east-1",)}), ALLOWED),
        ([allow(), NOT_THIS_BUCKET], Access("s3:GetObject", f"{BUCKET}/a"), ALLOWED),
        ([allow(), NOT_THIS_BUCKET], Access("s3:GetObject", f"{BUCKET}-2/a"), EXPLICIT),
        (TAGGED_AT_LAUNCH, Access("ec2:RunInstances", MACHINE, tagged("environment=production")), ALLOWED),
        (TAGGED_AT_LAUNCH, Access("ec2:RunInstances", MACHINE, tagged("environment=production", "a=b")), IMPLICIT),
        (TAGGED_AT_LAUNCH, Access("ec2:RunInstances", MACHINE, tagged("environment=test")), IMPLICIT),
        (TAGGED_AT_LAUNCH, Access("ec2:RunInstances", MACHINE), IMPLICIT),
        (TAGGED_AT_LAUNCH, Access("ec2:CreateTags", MACHINE, {"ec2:createaction": ("RunInstances",)}), ALLOWED),
        (TAGGED_AT_LAUNCH, Access("ec2:CreateTags", MACHINE), IMPLICIT),
    ],
)
def test_the_guides_examples_do_what_the_guide_says(
    statements: list[dict[str, Any]], access: Access, expected: Decision
) -> None:
    assert verdict(access, *statements) is expected


ACCESSES = st.builds(
    Access,
    st.sampled_from(["s3:GetObject", "s3:PutObject", "sqs:SendMessage"]),
    st.sampled_from([f"{BUCKET}/a", f"{BUCKET}/b", "arn:aws:sqs:us-east-1:1:a"]),
)
ANY_STATEMENT = st.builds(
    lambda make, action, resource: make(action, resource),
    st.sampled_from([allow, deny]),
    st.sampled_from(["*", "s3:*", "S3:getobject", "sqs:Send*", "s3:?utObject"]),
    st.sampled_from(["*", f"{BUCKET}/*", f"{BUCKET}/a", "arn:aws:sqs:*:*:a"]),
)


@given(st.lists(ANY_STATEMENT, max_size=5), ACCESSES)
def test_an_explicit_denial_wins_over_any_allow(statements: list[dict[str, Any]], access: Access) -> None:
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html."""
    assert verdict(access, *statements, deny(access.action, access.resource)) is EXPLICIT


@given(st.lists(ANY_STATEMENT, max_size=5), ACCESSES)
def test_the_order_and_the_cut_into_policies_do_not_matter(statements: list[dict[str, Any]], access: Access) -> None:
    together = verdict(access, *statements)

    apart = decide([read(document(each)) for each in reversed(statements)], access)

    assert apart is together


@given(ACCESSES)
def test_what_nobody_allows_is_denied(access: Access) -> None:
    assert decide([], access) is IMPLICIT
    assert verdict(access) is IMPLICIT


@pytest.mark.parametrize(
    "found",
    [
        {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*"}]},
        {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Resource": "*"}]},
        document({**allow(), "NotAction": "s3:*"}),
        document({**allow(), "Principal": "*"}),
        document({**allow(), "Effect": "allow"}),
        document(allow("GetObject")),
        document(allow("s3:")),
        document(allow([])),
        document(allow({"a": "b"})),  # type: ignore[arg-type]  # what is tested
        document(allow(resources="queue")),
        document(allow(resources="arn:aws:s3:::${aws:username")),
        document(allow(Condition={"StringEqual": {"aws:userid": "a"}})),
        {"Version": "2026-01-01", "Statement": []},
        {**document(), "Statements": []},
    ],
)
def test_a_document_that_is_not_understood_is_an_error(found: dict[str, Any]) -> None:
    with pytest.raises(Unclear):
        read(found)


def test_a_single_statement_needs_no_list() -> None:
    policy = read({"Version": "2012-10-17", "Statement": allow("s3:GetObject")})

    assert decide([policy], Access("s3:GetObject", "*")) is ALLOWED


def test_in_a_document_without_a_version_variables_are_text() -> None:
    policy = read({"Statement": [allow("s3:GetObject", f"{BUCKET}/${{aws:username}}")]})

    assert decide([policy], Access("s3:GetObject", f"{BUCKET}/John", {"aws:username": ("John",)})) is IMPLICIT


def test_a_denial_that_names_nobody_is_an_error() -> None:
    with pytest.raises(Unclear, match="aws:username, which has no value"):
        verdict(Access("s3:GetObject", f"{BUCKET}/a"), allow(), deny("s3:*", f"{BUCKET}/${{aws:username}}"))


def test_a_policy_tells_every_key_that_it_asks_for() -> None:
    policy = read(
        document(
            allow("s3:*", f"{BUCKET}/${{aws:UserName}}/*"),
            allow(Condition={"StringLike": {"aws:PrincipalTag/Team": "${aws:userid, 'x'}${*}"}}),
        )
    )

    assert policy.keys == {"aws:username", "aws:principaltag/team", "aws:userid"}
