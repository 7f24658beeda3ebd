"""The runner cache of one region copied to the environment's others, so that a download from GitHub serves them all."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pulumi
import pulumi_aws as aws

from controller import key_policies, policies, wiring
from controller.region import Place
from infra import buckets, roles
from infra.buckets import Bucket
from infra.config import StackConfig
from infra.keys import Keys

_ROLE = "replication"
_ENCRYPT = ("kms:Encrypt", "kms:GenerateDataKey")

_ENCRYPTED_TOO = aws.s3.BucketReplicationConfigRuleSourceSelectionCriteriaArgs(
    sse_kms_encrypted_objects=aws.s3.BucketReplicationConfigRuleSourceSelectionCriteriaSseKmsEncryptedObjectsArgs(
        status="Enabled"
    )
)


def replicate(config: StackConfig, keys: Keys, source: Bucket, inside: pulumi.ResourceOptions) -> None:
    """Copy what is new in the cache to its like in each other region, which must be there already.

    A copy is never copied on, so regions may do this to each other.
    """
    role = roles.role(config, _ROLE, "s3", "S3 copies the runner cache to the environment's other regions", inside)
    targets = {region: f"arn:{config.place.partition}:s3:::{_there(config, region)}" for region in config.peers}
    allowed = pulumi.Output.all(source.bucket.arn, keys.stack).apply(
        lambda known: json.dumps(_policy(config, known[0], known[1], sorted(targets.values())))
    )
    rights = aws.iam.RolePolicy(_ROLE, role=role.name, policy=allowed, opts=inside)
    aws.s3.BucketReplicationConfig(
        "cache",
        bucket=source.bucket.id,
        role=role.arn,
        rules=[_rule(config, keys, place, region, target) for place, (region, target) in enumerate(targets.items())],
        opts=pulumi.ResourceOptions(parent=inside.parent, depends_on=[rights, source.versioning]),
    )


def _there(config: StackConfig, region: str) -> str:
    return buckets.bucket_name(config, "cache", region)


def _rule(
    config: StackConfig, keys: Keys, priority: int, region: str, target: str
) -> aws.s3.BucketReplicationConfigRuleArgs:
    encrypted = keys.stack is not None
    return aws.s3.BucketReplicationConfigRuleArgs(
        id=region,
        priority=priority,
        status="Enabled",
        filter=aws.s3.BucketReplicationConfigRuleFilterArgs(prefix=wiring.ARCHIVES),
        delete_marker_replication=aws.s3.BucketReplicationConfigRuleDeleteMarkerReplicationArgs(status="Disabled"),
        destination=aws.s3.BucketReplicationConfigRuleDestinationArgs(
            bucket=target, encryption_configuration=_key_of(config, region) if encrypted else None
        ),
        # Without this S3 leaves out whatever lies under a key of KMS.
        source_selection_criteria=_ENCRYPTED_TOO if encrypted else None,
    )


def _key_of(
    config: StackConfig, region: str
) -> aws.s3.BucketReplicationConfigRuleDestinationEncryptionConfigurationArgs:
    there = Place(region, config.place.account)
    return aws.s3.BucketReplicationConfigRuleDestinationEncryptionConfigurationArgs(
        replica_kms_key_id=there.arn("kms", key_policies.alias(f"{config.environment}-{region}"))
    )


def _policy(config: StackConfig, source: str, key: str | None, targets: Sequence[str]) -> policies.Document:
    copying = policies.copying(source, targets)
    if key is None:
        return policies.only(*copying)
    there = [
        key_policies.by_alias(_ENCRYPT, "s3", Place(region, config.place.account), f"{config.environment}-{region}")
        for region in config.peers
    ]
    return policies.only(*copying, key_policies.by_arn(("kms:Decrypt",), "s3", config.place, key), *there)
