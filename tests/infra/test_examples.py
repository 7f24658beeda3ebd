"""What holds for every example stack, whichever settings it differs by."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from controller import schema, wiring
from controller.settings import PREFIX, Settings, pairs
from tests.infra.conftest import STACKS
from tests.infra.deployed import ROOT, Deployed, Resource, example

ALONE = "dev-us-east-1"
OWNER, OTHER = "prod-us-east-1", "prod-eu-west-1"

every_stack = pytest.mark.parametrize("name", STACKS)


def place(name: str) -> tuple[str, str, str]:
    """Environment, region and account of a stack."""
    settings = example(name)
    region = settings["aws:region"]
    return name.removesuffix(f"-{region}"), region, settings["spotrunner:account"]


def variables(found: Deployed) -> Mapping[str, str]:
    """The environment that all functions share."""
    every = [one.inputs["environment"]["variables"] for one in found.of("lambda/function:Function").values()]
    assert all(one == every[0] for one in every)
    first: Mapping[str, str] = every[0]
    return first


def statements(found: Deployed, role: str) -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = found.of("iam/rolePolicy:RolePolicy")[role].json("policy")["Statement"]
    return listed


def resources_of(found: Deployed, role: str, action: str) -> set[str]:
    """Everything that a role may do an action on."""
    return {arn for one in statements(found, role) if action in one["Action"] for arn in one["Resource"]}


@every_stack
def test_a_stack_lives_in_its_own_region_and_account(name: str, examples: Mapping[str, Deployed]) -> None:
    _, region, account = place(name)

    (provider,) = (one for one in examples[name].resources if one.type == "pulumi:providers:aws")

    assert provider.inputs["region"] == region
    assert json.loads(provider.inputs["allowedAccountIds"]) == [account]


@every_stack
def test_everything_is_named_after_its_stack_and_what_regions_share_after_their_environment(
    name: str, examples: Mapping[str, Deployed]
) -> None:
    environment, _, _ = place(name)
    tables = examples[name].of("dynamodb/table:Table")
    secrets = examples[name].of("secretsmanager/secret:Secret")
    shared = [*tables.values(), *secrets.values()]

    stranger = {
        str(one): one.inputs["name"]
        for one in examples[name].resources
        if one.type.startswith("aws:") and name not in one.inputs.get("name", name) and one not in shared
    }

    # The stage of an HTTP API that is served without a path has this name and no other.
    stage = stranger.pop("aws:apigatewayv2/stage:Stage live")
    assert stage == "$default"
    assert set(stranger.values()) <= {f"alias/{environment}"}
    assert all(one.inputs["name"] == f"{environment}-{one.name}" for one in shared)


@every_stack
def test_every_function_has_a_handler_a_log_and_rights_without_gaps(
    name: str, examples: Mapping[str, Deployed]
) -> None:
    functions = examples[name].of("lambda/function:Function")

    assert {one.inputs["handler"] for one in functions.values()} == {one.handler for one in wiring.FUNCTIONS}
    for one in functions.values():
        document = json.dumps(statements(examples[name], one.name))
        assert "None" not in document
        assert "<not known yet>" not in document
        assert all(found["Resource"] for found in statements(examples[name], one.name))


@every_stack
def test_no_setting_is_explained_twice(name: str) -> None:
    comments = [line.strip() for line in _text(name).splitlines() if line.strip().startswith("#")]
    dev = [line.strip() for line in _text(ALONE).splitlines()]

    assert name == ALONE or not set(comments) & set(dev)
    assert len(set(comments)) == len(comments)


def test_the_stack_that_owns_the_tables_makes_them_with_a_protected_replica_in_each_other_region(
    examples: Mapping[str, Deployed],
) -> None:
    tables = examples[OWNER].of("dynamodb/table:Table")

    assert set(tables) == {table.name for table in schema.TABLES}
    for table in tables.values():
        assert _kept(table) == (True, True, True)
        assert table.inputs["streamEnabled"]
        assert table.inputs["streamViewType"] == "NEW_AND_OLD_IMAGES"
        (replica,) = table.inputs["replicas"]
        assert replica == {
            "regionName": "eu-west-1",
            "kmsKeyArn": examples[OWNER].of("kms/replicaKey:ReplicaKey")["shared-eu-west-1"].made["arn"],
            "pointInTimeRecovery": True,
            "deletionProtectionEnabled": True,
            "propagateTags": True,
            "consistencyMode": "EVENTUAL",
        }


def test_a_stack_that_does_not_own_the_tables_makes_none_and_uses_its_own_regions_replicas(
    examples: Mapping[str, Deployed],
) -> None:
    found = examples[OTHER]

    assert not found.of("dynamodb/table:Table")
    assert "arn:aws:dynamodb:eu-west-1:210987654321:table/prod-jobs" in resources_of(
        found, "dispatch", "dynamodb:PutItem"
    )
    assert variables(found)[f"{PREFIX}JOBS_TABLE"] == variables(examples[OWNER])[f"{PREFIX}JOBS_TABLE"]


@pytest.mark.parametrize(("name", "peer"), [(OWNER, "eu-west-1"), (OTHER, "us-east-1")])
def test_the_regions_of_an_environment_know_each_others_doors_and_may_reach_no_more_than_them(
    name: str, peer: str, examples: Mapping[str, Deployed]
) -> None:
    found = examples[name]
    settings = Settings.read(variables(found))

    abroad = {
        role: sorted(
            {
                f"{action} {arn}"
                for one in statements(found, role)
                for action in one["Action"]
                for arn in one["Resource"]
                if f":{peer}:" in arn and not action.startswith("kms:")
            }
        )
        for role in (*(function.name for function in wiring.FUNCTIONS), "machine")
    }

    assert settings.regions == "us-east-1,eu-west-1"
    assert pairs(settings.peer_queues) == {
        f"{peer}/{queue}": f"https://sqs.{peer}.amazonaws.com/210987654321/prod-{peer}-{queue}"
        for queue in ("jobs", "reports")
    }
    assert {role: rights for role, rights in abroad.items() if rights} == {
        "dispatch": [f"sqs:SendMessage arn:aws:sqs:{peer}:210987654321:prod-{peer}-jobs"],
        "reports": [f"sqs:SendMessage arn:aws:sqs:{peer}:210987654321:prod-{peer}-reports"],
        "housekeeping": [
            f"dynamodb:GetItem arn:aws:dynamodb:{peer}:210987654321:table/prod-memory",
            f"sqs:SendMessage arn:aws:sqs:{peer}:210987654321:prod-{peer}-jobs",
        ],
    }


def test_a_stack_alone_has_no_replica_no_stream_and_no_peer(examples: Mapping[str, Deployed]) -> None:
    settings = Settings.read(variables(examples[ALONE]))

    for table in examples[ALONE].of("dynamodb/table:Table").values():
        assert not table.inputs.get("replicas")
        assert not table.inputs.get("streamEnabled")
    assert (settings.regions, settings.peer_queues) == ("", "")


def test_two_regions_of_an_environment_differ_only_in_what_lies_in_them() -> None:
    one, other = example(OWNER), example(OTHER)

    differing = {key for key in one.keys() | other.keys() if one.get(key) != other.get(key)}

    assert differing == {"aws:region", "spotrunner:images", "spotrunner:vpcCidr"}


def _kept(table: Resource) -> tuple[bool, bool, bool]:
    protection = table.inputs["pointInTimeRecovery"]["enabled"], table.inputs["deletionProtectionEnabled"]
    return (*protection, bool(table.options["protect"]))


def _text(name: str) -> str:
    return Path(ROOT / "stacks" / f"Pulumi.{name}.yaml").read_text()


@pytest.mark.parametrize(("name", "peer"), [(OWNER, "eu-west-1"), (OTHER, "us-east-1")])
def test_the_caches_of_an_environment_copy_new_runners_to_each_other_under_each_others_keys(
    name: str, peer: str, examples: Mapping[str, Deployed]
) -> None:
    (rule,) = examples[name].one("s3/bucketReplicationConfig:BucketReplicationConfig").inputs["rules"]
    there = f"arn:aws:s3:::prod-{peer}-cache-210987654321"

    assert rule["destination"] == {
        "bucket": there,
        "encryptionConfiguration": {"replicaKmsKeyId": f"arn:aws:kms:{peer}:210987654321:alias/prod-{peer}"},
    }
    assert rule["filter"] == {"prefix": "runners/"}
    assert rule["sourceSelectionCriteria"] == {"sseKmsEncryptedObjects": {"status": "Enabled"}}
    assert resources_of(examples[name], "replication", "s3:ReplicateObject") == {f"{there}/runners/*"}
    assert resources_of(examples[name], "replication", "kms:Encrypt") == {f"arn:aws:kms:{peer}:210987654321:key/*"}


def test_secrets_are_copied_to_each_other_region_under_the_key_that_lies_there(
    examples: Mapping[str, Deployed],
) -> None:
    key = examples[OWNER].of("kms/replicaKey:ReplicaKey")["shared-eu-west-1"].made["arn"]

    for secret in examples[OWNER].of("secretsmanager/secret:Secret").values():
        assert secret.inputs["replicas"] == [{"region": "eu-west-1", "kmsKeyId": key}]
    assert not examples[OTHER].of("secretsmanager/secret:Secret")


def test_a_stack_that_does_not_own_the_secrets_asks_for_its_own_regions_copies(
    examples: Mapping[str, Deployed],
) -> None:
    settings = Settings.read(variables(examples[OTHER]))

    assert (settings.webhook_secret_id, settings.app_key_secret_id) == ("prod-webhook", "prod-app-key")
    assert resources_of(examples[OTHER], "webhook", "secretsmanager:GetSecretValue") == {
        "arn:aws:secretsmanager:eu-west-1:210987654321:secret:prod-webhook-??????"
    }


def test_the_environments_key_is_one_key_in_each_of_its_regions(examples: Mapping[str, Deployed]) -> None:
    primary = examples[OWNER].of("kms/key:Key")["shared"]
    replica = examples[OWNER].of("kms/replicaKey:ReplicaKey")["shared-eu-west-1"]
    aliases = examples[OWNER].of("kms/alias:Alias")

    assert primary.inputs["multiRegion"] is True
    assert (replica.inputs["primaryKeyArn"], replica.inputs["region"]) == (primary.made["arn"], "eu-west-1")
    assert {aliases[name].inputs["name"] for name in ("shared", "shared-eu-west-1")} == {"alias/prod"}
    assert examples[OTHER].of("kms/key:Key").keys() == {"stack"}
