"""What a stack remembers: the tables, the runner cache, the archive, the secrets and the runner configurations."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from controller import policies, schema
from infra import github_settings, runner_configs
from infra.config import StackConfig

SECRETS = {
    "webhook": "The secret that GitHub signs webhook deliveries with; several, one to a line, while one is replaced",
    "app-key": "The GitHub App's private key, PEM",
}
"""Their values never pass through Pulumi: the operator puts them in, so no state file holds them."""

_KEEP_OLD_DAYS = 30


@dataclass(frozen=True, slots=True)
class FoundTable:
    """A table of the environment as it is called in this region."""

    name: pulumi.Input[str]
    arn: pulumi.Input[str]


class Storage(pulumi.ComponentResource):
    """Everything here outlives a careless `pulumi destroy` while the stack is protected."""

    tables: Mapping[str, FoundTable]
    cache: aws.s3.Bucket
    archive: aws.s3.Bucket
    secrets: Mapping[str, aws.secretsmanager.Secret]

    def __init__(self, config: StackConfig, opts: pulumi.ResourceOptions) -> None:
        super().__init__("spotrunner:infra:Storage", "storage", None, opts)
        inside = pulumi.ResourceOptions(parent=self)
        kept = pulumi.ResourceOptions(parent=self, protect=config.protect)
        owns = config.tables == config.place.region
        self.tables = {
            table.name: _made(config, table, kept) if owns else _found(config, table) for table in schema.TABLES
        }
        self.cache = _bucket("cache", config, kept)
        self.archive = _bucket("archive", config, kept)
        texts = {**SECRETS, **github_settings.secrets(config.more_apps, config.servers)}
        self.secrets = {name: _secret(config, name, text, kept) for name, text in texts.items()}
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


def _made(config: StackConfig, table: schema.Table, kept: pulumi.ResourceOptions) -> FoundTable:
    made = _table(config, table, kept)
    return FoundTable(made.name, made.arn)


def _replica(config: StackConfig, region: str) -> aws.dynamodb.TableReplicaArgs:
    # What protects a table is each replica's own matter: without a word here it would have neither.
    return aws.dynamodb.TableReplicaArgs(
        region_name=region,
        point_in_time_recovery=True,
        deletion_protection_enabled=config.protect,
        propagate_tags=True,
        consistency_mode="EVENTUAL",
    )


def _table(config: StackConfig, table: schema.Table, kept: pulumi.ResourceOptions) -> aws.dynamodb.Table:
    # DynamoDB encrypts every table; its own key is free and asks for no right to KMS.
    return aws.dynamodb.Table(
        table.name,
        name=schema.physical(config.environment, table),
        replicas=[_replica(config, region) for region in config.peers],
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


def _bucket(name: str, config: StackConfig, kept: pulumi.ResourceOptions) -> aws.s3.Bucket:
    bucket = aws.s3.Bucket(name, bucket=f"{config.stack}-{name}-{config.place.account}", opts=kept)
    # Not under the bucket: what is protected protects its children, and these must stay changeable.
    inside = pulumi.ResourceOptions(parent=kept.parent)
    private = aws.s3.BucketPublicAccessBlock(
        name,
        bucket=bucket.id,
        block_public_acls=True,
        block_public_policy=True,
        ignore_public_acls=True,
        restrict_public_buckets=True,
        opts=inside,
    )
    aws.s3.BucketOwnershipControls(
        name,
        bucket=bucket.id,
        rule=aws.s3.BucketOwnershipControlsRuleArgs(object_ownership="BucketOwnerEnforced"),
        opts=inside,
    )
    _encrypt(name, bucket, inside)
    _tidy(name, bucket, inside)
    aws.s3.BucketPolicy(
        name,
        bucket=bucket.id,
        policy=bucket.arn.apply(lambda arn: json.dumps(policies.tls_only("s3", [arn, f"{arn}/*"]))),
        # S3 refuses two changes of a bucket's access at the same moment.
        opts=pulumi.ResourceOptions(parent=kept.parent, depends_on=[private]),
    )
    return bucket


def _encrypt(name: str, bucket: aws.s3.Bucket, inside: pulumi.ResourceOptions) -> None:
    default = aws.s3.BucketServerSideEncryptionConfigurationRuleApplyServerSideEncryptionByDefaultArgs(
        sse_algorithm="AES256"
    )
    aws.s3.BucketServerSideEncryptionConfiguration(
        name,
        bucket=bucket.id,
        rules=[aws.s3.BucketServerSideEncryptionConfigurationRuleArgs(apply_server_side_encryption_by_default=default)],
        opts=inside,
    )


def _tidy(name: str, bucket: aws.s3.Bucket, inside: pulumi.ResourceOptions) -> None:
    versioning = aws.s3.BucketVersioning(
        name,
        bucket=bucket.id,
        versioning_configuration=aws.s3.BucketVersioningVersioningConfigurationArgs(status="Enabled"),
        opts=inside,
    )
    rule = aws.s3.BucketLifecycleConfigurationRuleArgs(
        id="tidy",
        status="Enabled",
        filter=aws.s3.BucketLifecycleConfigurationRuleFilterArgs(prefix=""),
        noncurrent_version_expiration=aws.s3.BucketLifecycleConfigurationRuleNoncurrentVersionExpirationArgs(
            noncurrent_days=_KEEP_OLD_DAYS
        ),
        abort_incomplete_multipart_upload=aws.s3.BucketLifecycleConfigurationRuleAbortIncompleteMultipartUploadArgs(
            days_after_initiation=1
        ),
    )
    aws.s3.BucketLifecycleConfiguration(
        name,
        bucket=bucket.id,
        rules=[rule],
        opts=pulumi.ResourceOptions(parent=inside.parent, depends_on=[versioning]),
    )


def _secret(config: StackConfig, name: str, text: str, kept: pulumi.ResourceOptions) -> aws.secretsmanager.Secret:
    return aws.secretsmanager.Secret(
        name,
        name=f"{config.stack}-{name}",
        description=text,
        recovery_window_in_days=_KEEP_OLD_DAYS,
        opts=kept,
    )
