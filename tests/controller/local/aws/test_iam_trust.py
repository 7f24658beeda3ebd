from __future__ import annotations

import pytest

from controller.local.aws.iam import Access, Decision, decide
from controller.local.aws.iam_patterns import Unclear
from controller.local.aws.iam_trust import read_trust
from controller.local.aws.principals import ACCOUNT

ROLE = f"arn:aws:iam::{ACCOUNT}:role/r"


def trust(principal: object) -> dict[str, object]:
    statement = {
        "Effect": "Allow",
        "Principal": principal,
        "Action": "sts:AssumeRole",
        "Condition": {"StringEquals": {"aws:RequestTag/machine": "i-1"}},
    }
    return {"Version": "2012-10-17", "Statement": [statement]}


def test_the_account_is_trusted_under_the_conditions_that_stand_there() -> None:
    policy = read_trust(trust({"AWS": f"arn:aws:iam::{ACCOUNT}:root"}))

    fits = decide([policy], Access("sts:AssumeRole", ROLE, {"aws:requesttag/machine": ("i-1",)}))
    fails = decide([policy], Access("sts:AssumeRole", ROLE, {"aws:requesttag/machine": ("i-2",)}))
    other = decide([policy], Access("sts:TagSession", ROLE, {"aws:requesttag/machine": ("i-1",)}))

    assert (fits, fails, other) == (Decision.ALLOWED, Decision.IMPLICITLY_DENIED, Decision.IMPLICITLY_DENIED)


@pytest.mark.parametrize("principal", ["*", {"AWS": "arn:aws:iam::999999999999:root"}, {"AWS": ROLE}, {"Service": "x"}])
def test_whoever_else_is_trusted_is_an_error_and_no_allow(principal: object) -> None:
    with pytest.raises(Unclear, match="instead of the account"):
        read_trust(trust(principal))
