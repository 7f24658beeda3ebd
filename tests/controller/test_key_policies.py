from __future__ import annotations

import pytest

from controller import key_policies, wiring
from controller.region import Place
from controller.wiring import Grant

PLACE = Place("us-east-1", "123456789012")
KEY = "arn:aws:kms:us-east-1:123456789012:key/one"

GRANTS = [grant for function in wiring.FUNCTIONS for grant in function.grants] + [*wiring.MACHINE_GRANTS]
ENCRYPTED = ("dynamodb:", "sqs:", "secretsmanager:", "s3:")


def rights(*grants: Grant, peers: tuple[str, ...] = ()) -> list[key_policies.Statement]:
    return key_policies.rights(grants, "dev-us-east-1", KEY, PLACE, peers)


@pytest.mark.parametrize(
    "action", sorted({action for grant in GRANTS for action in grant.actions if action.startswith(ENCRYPTED)})
)
def test_of_each_action_on_what_may_be_encrypted_it_is_known_what_it_needs_of_the_key(action: str) -> None:
    assert (action in key_policies.DEPENDENT) != (action in key_policies.KEYLESS)


def test_who_sends_to_a_queue_makes_data_keys_and_who_receives_only_opens_them() -> None:
    sender = rights(Grant(("sqs:SendMessage",), "queue:jobs", ""))
    reader = rights(Grant(("sqs:ReceiveMessage", "sqs:DeleteMessage"), "queue:jobs", ""))

    assert [one["Action"] for one in sender] == [["kms:Decrypt", "kms:GenerateDataKey"]]
    assert [one["Action"] for one in reader] == [["kms:Decrypt"]]
    assert sender[0]["Resource"] == [KEY]


def test_another_regions_queue_is_under_that_regions_key_known_by_its_name() -> None:
    (found,) = rights(Grant(("sqs:SendMessage",), "peer-queue:jobs", ""), peers=("eu-west-1",))

    assert found["Resource"] == ["arn:aws:kms:eu-west-1:123456789012:key/*"]
    assert found["Condition"] == {
        "StringEquals": {"kms:ViaService": "sqs.eu-west-1.amazonaws.com"},
        "ForAnyValue:StringEquals": {"kms:ResourceAliases": ["alias/dev-eu-west-1"]},
    }


def test_another_regions_table_is_under_the_environments_key_there() -> None:
    (found,) = rights(Grant(("dynamodb:GetItem",), "peer-lease", ""), peers=("eu-west-1",))

    assert found["Condition"]["ForAnyValue:StringEquals"] == {"kms:ResourceAliases": ["alias/dev"]}
    assert found["Condition"]["StringEquals"] == {"kms:ViaService": "dynamodb.eu-west-1.amazonaws.com"}


def test_a_stack_alone_needs_nobodys_key_but_its_own() -> None:
    assert rights(Grant(("sqs:SendMessage",), "peer-queue:jobs", "")) == []


def test_what_touches_nothing_encrypted_needs_no_key() -> None:
    assert rights(Grant(("ec2:DescribeInstances",), "every-instance", "")) == []
