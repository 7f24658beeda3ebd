"""What a stack remembers: the tables, the buckets, the secrets and the runner configurations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from controller import schema
from infra import github_settings, runner_configs
from infra.buckets import Bucket, every
from infra.config import StackConfig
from infra.keys import Keys
from infra.replication import replicate

SECRETS = {
    "webhook": "The secret that GitHub signs webhook deliveries with; several, one to a line, while one is replaced",
    "app-key": "The GitHub App's private key, PEM",
}
"""Their values never pass through Pulumi: the operator puts them in, so no state file holds them."""

_KEEP_OLD_DAYS = 30


@dataclass(frozen=True, slots=True)
class FoundSecret:
    """A secret of the environment as it is called in this region."""

    id: pulumi.Input[str]
    """What it is asked for by."""
    arn: pulumi.Input[str]


@dataclass(frozen=True, slots=True)
class FoundTable:
    """A table of the environment as it is called in this region."""

    name: pulumi.Input[str]
    arn: pulumi.Input[str]


class Storage(pulumi.ComponentResource):
    """Everything here outlives a careless `pulumi destroy` while the stack is protected."""

    tables: Mapping[str, FoundTable]
    buckets: Mapping[str, aws.s3.Bucket]
    secrets: Mapping[str, FoundSecret]
    keys: Keys

    def __init__(self, config: StackConfig, keys: Keys, opts: pulumi.ResourceOptions) -> None:
        super().__init__("spotrunner:infra:Storage", "storage", None, opts)
        inside = pulumi.ResourceOptions(parent=self)
        kept = pulumi.ResourceOptions(parent=self, protect=config.protect)
        self.keys = keys
        owns = config.owns_shared
        self.tables = {
            table.name: _made(config, keys, table, kept) if owns else _found(config, table) for table in schema.TABLES
        }
        texts = {**SECRETS, **github_settings.secrets(config.more_apps, config.servers)}
        self.secrets = {
            name: _secret(config, keys, name, text, kept) if owns else _replica_of_secret(config, name)
            for name, text in texts.items()
        }
        made = {contents.name: Bucket(config, keys, contents, kept) for contents in every(config)}
        self.buckets = {name: found.bucket for name, found in made.items()}
        if config.replicate_cache:
            replicate(config, keys, made["cache"], inside)
        for runner in runner_configs.DEFAULTS:
            if runner.platform in config.images:
                aws.ssm.Parameter(
                    runner.name,
                    name=f"{config.config_prefix}{runner.name}",
                    type="String",
                    insecure_value=runner_configs.text(runner),
                    description=f"What the label spotrunner/{runner.name} stands for",
                    opts=inside,
                )
        self.register_outputs({})


def _found(config: StackConfig, table: schema.Table) -> FoundTable:
    """The replica that the stack which owns the tables has made in this region."""
    name = schema.physical(config.environment, table)
    return FoundTable(name, config.place.arn("dynamodb", f"table/{name}"))


def _made(config: StackConfig, keys: Keys, table: schema.Table, kept: pulumi.ResourceOptions) -> FoundTable:
    made = _table(config, keys, table, kept)
    return FoundTable(made.name, made.arn)


def _replica(config: StackConfig, keys: Keys, region: str) -> aws.dynamodb.TableReplicaArgs:
    # What protects a table is each replica's own matter: without a word here it would have neither.
    return aws.dynamodb.TableReplicaArgs(
        region_name=region,
        kms_key_arn=keys.shared.get(region),
        point_in_time_recovery=True,
        deletion_protection_enabled=config.protect,
        propagate_tags=True,
        consistency_mode="EVENTUAL",
    )


def _table(config: StackConfig, keys: Keys, table: schema.Table, kept: pulumi.ResourceOptions) -> aws.dynamodb.Table:
    key = keys.shared.get(config.place.region)
    return aws.dynamodb.Table(
        table.name,
        name=schema.physical(config.environment, table),
        replicas=[_replica(config, keys, region) for region in config.peers],
        # What a replica is fed by; without replicas nobody reads it.
        stream_enabled=bool(config.peers),
        stream_view_type="NEW_AND_OLD_IMAGES" if config.peers else None,
        billing_mode="PAY_PER_REQUEST",
        hash_key=table.partition,
        attributes=[
            aws.dynamodb.TableAttributeArgs(name=name, type="N" if name in schema.NUMERIC_SORTS else "S")
            for name in _keys(table)
        ],
        global_secondary_indexes=[_index(index) for index in table.indexes],
        ttl=aws.dynamodb.TableTtlArgs(attribute_name=table.expires, enabled=True),
        point_in_time_recovery=aws.dynamodb.TablePointInTimeRecoveryArgs(enabled=True),
        deletion_protection_enabled=config.protect,
        # DynamoDB encrypts every table; its own key is free and asks for no right to KMS.
        server_side_encryption=None
        if key is None
        else aws.dynamodb.TableServerSideEncryptionArgs(enabled=True, kms_key_arn=key),
        opts=kept,
    )


def _keys(table: schema.Table) -> list[str]:
    of_indexes = (key for index in table.indexes for key in (index.partition, index.sort))
    return list(dict.fromkeys((table.partition, *of_indexes)))


def _index(index: schema.Index) -> aws.dynamodb.TableGlobalSecondaryIndexArgs:
    key = aws.dynamodb.TableGlobalSecondaryIndexKeySchemaArgs
    return aws.dynamodb.TableGlobalSecondaryIndexArgs(
        name=index.name,
        key_schemas=[
            key(attribute_name=index.partition, key_type="HASH"),
            key(attribute_name=index.sort, key_type="RANGE"),
        ],
        projection_type="ALL" if index.whole else "KEYS_ONLY",
    )


def _secret(config: StackConfig, keys: Keys, name: str, text: str, kept: pulumi.ResourceOptions) -> FoundSecret:
    made = aws.secretsmanager.Secret(
        name,
        name=f"{config.environment}-{name}",
        description=text,
        recovery_window_in_days=_KEEP_OLD_DAYS,
        kms_key_id=keys.shared.get(config.place.region),
        replicas=[
            aws.secretsmanager.SecretReplicaArgs(region=region, kms_key_id=keys.shared.get(region))
            for region in config.peers
        ],
        opts=kept,
    )
    return FoundSecret(made.arn, made.arn)


def _replica_of_secret(config: StackConfig, name: str) -> FoundSecret:
    """As the stack that owns it has it copied here; of its ARN only the six characters at the end are not known."""
    called = f"{config.environment}-{name}"
    return FoundSecret(called, config.place.arn("secretsmanager", f"secret:{called}-??????"))
