"""Sessions as boto3 asks for them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from controller.local.aws.calls import Call
from controller.local.aws.principals import ACCOUNT, Principal, PrincipalKind
from controller.local.aws.sts import Sts
from controller.local.aws.web import Reply
from tests.controller.local.aws.rig import Front, nothing_else

ROLE = f"arn:aws:iam::{ACCOUNT}:role/stack-machine-log"
MACHINE = Principal(PrincipalKind.INSTANCE, "i-1", "stack-machine", "i-1")
TAGS = [{"Key": "machine", "Value": "i-1"}]


@pytest.fixture
def sts(front: Callable[..., Front]) -> Front:
    opened = front()
    opened.gate.services["sts"] = Sts(opened.credentials, nothing_else).answer
    return opened


def take(opened: Front, **more: object) -> Any:  # noqa: ANN401 - boto3's answer
    asked = {"RoleArn": ROLE, "RoleSessionName": "i-1", "Tags": TAGS, **more}
    return opened.client("sts", MACHINE).assume_role(**asked)


def test_a_session_is_the_taken_role_under_the_name_and_the_tags_that_were_asked_for(sts: Front) -> None:
    answer = take(sts)

    issued = sts.credentials.find(answer["Credentials"]["AccessKeyId"])
    assert issued is not None
    assert issued.principal == Principal(
        PrincipalKind.SESSION, "i-1", "stack-machine-log", "i-1", (("machine", "i-1"),)
    )
    assert issued.keys.secret_key == answer["Credentials"]["SecretAccessKey"]
    assert answer["AssumedRoleUser"]["Arn"] == f"arn:aws:sts::{ACCOUNT}:assumed-role/stack-machine-log/i-1"


def test_a_session_lasts_an_hour(sts: Front) -> None:
    answer = take(sts)

    left = answer["Credentials"]["Expiration"] - datetime.now(UTC)
    assert timedelta(minutes=59) < left <= timedelta(hours=1)


def test_a_role_that_takes_a_role_gets_no_longer_one(sts: Front) -> None:
    with pytest.raises(ClientError, match="gets an hour") as caught:
        take(sts, DurationSeconds=3601)

    assert caught.value.response["Error"]["Code"] == "ValidationError"


def test_whatever_else_is_asked_of_sts_is_the_stores(sts: Front) -> None:
    heard: list[str] = []

    def store(call: Call) -> Reply:
        heard.append(call.action)
        return nothing_else(call)

    sts.gate.services["sts"] = Sts(sts.credentials, store).answer

    with pytest.raises(ClientError):
        sts.client("sts", MACHINE).get_caller_identity()

    assert heard == ["GetCallerIdentity"]
