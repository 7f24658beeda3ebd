"""Keys of the stack's own: everything that lies still is under one, and whoever uses it may use its key."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from controller import key_policies, wiring
from tests.infra.deployed import Deployed, Resource


@pytest.fixture
def own(runs: Mapping[str, Deployed]) -> Deployed:
    return runs["private"]


def key(stack: Deployed, name: str) -> str:
    arn: str = stack.of("kms/key:Key")[name].made["arn"]
    return arn


def kms_statements(stack: Deployed, role: str) -> list[dict[str, Any]]:
    policy = stack.of("iam/rolePolicy:RolePolicy")[role].json("policy")
    return [one for one in policy["Statement"] if any(action.startswith("kms:") for action in one["Action"])]


def test_a_stack_content_with_awss_keys_has_none_and_asks_for_no_right_to_any(stack: Deployed) -> None:
    inputs = json.dumps([found.inputs for found in stack.resources])

    assert [str(found) for found in stack.resources if "kms" in found.type] == []
    assert "kms" not in inputs.lower()


def test_queues_logs_and_buckets_are_under_the_stacks_key(own: Deployed) -> None:
    queues = {one.inputs["kmsMasterKeyId"] for one in own.of("sqs/queue:Queue").values()}
    logs = {one.inputs["kmsKeyId"] for one in own.of("cloudwatch/logGroup:LogGroup").values()}
    rules = own.of("s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration")

    assert queues == logs == {key(own, "stack")}
    for bucket in rules.values():
        (rule,) = bucket.inputs["rules"]
        assert rule["applyServerSideEncryptionByDefault"] == {
            "sseAlgorithm": "aws:kms",
            "kmsMasterKeyId": key(own, "stack"),
        }
        assert rule["bucketKeyEnabled"] is True


def test_tables_and_secrets_are_under_the_environments_key(own: Deployed) -> None:
    tables = [one.inputs["serverSideEncryption"] for one in own.of("dynamodb/table:Table").values()]
    secrets = {one.inputs["kmsKeyId"] for one in own.of("secretsmanager/secret:Secret").values()}

    assert tables == [{"enabled": True, "kmsKeyArn": key(own, "shared")}] * len(tables)
    assert secrets == {key(own, "shared")}


def test_keys_are_turned_over_and_hard_to_lose(own: Deployed) -> None:
    for one in own.of("kms/key:Key").values():
        assert one.inputs["enableKeyRotation"] is True
        assert one.inputs["deletionWindowInDays"] == 30
        assert one.options["protect"]


def test_keys_are_found_by_names_that_any_stack_can_say(own: Deployed) -> None:
    names = {name: one.inputs["name"] for name, one in own.of("kms/alias:Alias").items()}

    assert names == {"stack": "alias/dev-us-east-1", "shared": "alias/dev"}


def test_eventbridge_may_write_under_the_key_what_this_stacks_rules_select(own: Deployed) -> None:
    policy = own.of("kms/key:Key")["stack"].json("policy")

    (rules,) = (one for one in policy["Statement"] if one["Principal"] == {"Service": "events.amazonaws.com"})

    written = {one.inputs["arn"].rpartition(":")[2] for one in own.of("cloudwatch/eventTarget:EventTarget").values()}
    assert written == {"dev-us-east-1-events"}
    assert rules["Action"] == ["kms:Decrypt", "kms:GenerateDataKey"]
    assert rules["Condition"] == {
        "ArnLike": {"aws:SourceArn": "arn:aws:events:us-east-1:123456789012:rule/dev-us-east-1-*"},
        "StringEquals": {"aws:SourceAccount": "123456789012"},
    }


def test_cloudwatch_may_keep_each_of_the_stacks_logs_under_the_key(own: Deployed) -> None:
    policy = own.of("kms/key:Key")["stack"].json("policy")
    (logs,) = (one for one in policy["Statement"] if one["Principal"] == {"Service": "logs.us-east-1.amazonaws.com"})
    patterns = logs["Condition"]["ArnLike"]["kms:EncryptionContext:aws:logs:arn"]
    groups = [one.made["arn"] for one in own.of("cloudwatch/logGroup:LogGroup").values()]

    covered = [arn for arn in groups if any(arn.startswith(pattern.rstrip("*")) for pattern in patterns)]

    assert covered == groups
    assert all("dev-us-east-1" in pattern for pattern in patterns)


def test_the_schedules_may_write_on_encrypted_queues(own: Deployed) -> None:
    assert kms_statements(own, "scheduler") == [
        key_policies.by_arn(["kms:Decrypt", "kms:GenerateDataKey"], "sqs", _PLACE, key(own, "stack"))
    ]


@pytest.mark.parametrize("function", wiring.FUNCTIONS, ids=lambda function: function.name)
def test_each_function_may_use_the_keys_of_what_it_uses_and_only_through_those_services(
    function: wiring.Function, own: Deployed
) -> None:
    services = {action.partition(":")[0] for grant in function.grants for action in grant.actions}
    # What is a peer's is nobody's in a stack alone.
    wanted = {f"{service}.us-east-1.amazonaws.com" for service in services & _ENCRYPTED}

    found = kms_statements(own, function.name)

    assert {one["Condition"]["StringEquals"]["kms:ViaService"] for one in found} == wanted
    for one in found:
        shared = one["Condition"]["StringEquals"]["kms:ViaService"].startswith(("dynamodb", "secretsmanager"))
        by_name = one["Condition"].get("ForAnyValue:StringEquals")
        assert by_name == ({"kms:ResourceAliases": ["alias/dev"]} if shared else None)
        assert one["Resource"] == (["arn:aws:kms:us-east-1:123456789012:key/*"] if shared else [key(own, "stack")])


_ENCRYPTED = {"dynamodb", "sqs", "secretsmanager", "s3"}
_PLACE = key_policies.Place("us-east-1", "123456789012")


def test_a_machine_may_report_and_read_the_cache_under_the_key(own: Deployed) -> None:
    via = {one["Condition"]["StringEquals"]["kms:ViaService"]: one["Action"] for one in kms_statements(own, "machine")}

    assert via == {
        "sqs.us-east-1.amazonaws.com": ["kms:Decrypt", "kms:GenerateDataKey"],
        "s3.us-east-1.amazonaws.com": ["kms:Decrypt"],
    }


def test_nothing_encrypted_is_left_under_another_key(own: Deployed) -> None:
    bare = [str(found) for found in own.resources if found.type in _LIE_STILL and "kms" not in _text(found)]

    assert bare == []


_LIE_STILL = {
    "aws:cloudwatch/logGroup:LogGroup",
    "aws:dynamodb/table:Table",
    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration",
    "aws:secretsmanager/secret:Secret",
    "aws:sqs/queue:Queue",
}


def _text(found: Resource) -> str:
    return json.dumps(found.inputs).lower()
