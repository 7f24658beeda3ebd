"""Who may take a role: its trust policy, which must allow it besides the policies of the one who asks.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic_policy-eval-basics-single-account.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from controller.local.aws.iam import Policy, read
from controller.local.aws.iam_patterns import Unclear
from controller.local.aws.principals import ACCOUNT

_ACCOUNT = {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}


def read_trust(document: Mapping[str, Any]) -> Policy:
    """Read a trust policy; raises `Unclear` for one that trusts anybody but this account as a whole.

    One that named a role would be enough by itself, without a policy of that role: that is not judged here.
    """
    statements = document["Statement"]
    strangers = [each["Principal"] for each in statements if each["Principal"] != _ACCOUNT]
    if strangers:
        raise Unclear(f"a trust policy names {strangers[0]!r} instead of the account")
    bare = [{**{name: each[name] for name in each if name != "Principal"}, "Resource": "*"} for each in statements]
    return read({**document, "Statement": bare})
