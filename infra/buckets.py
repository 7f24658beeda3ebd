"""The stack's buckets: private, encrypted, reached through TLS only, versioned, and tidied by themselves."""

from __future__ import annotations

import json
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from controller import policies
from infra.config import StackConfig
from infra.keys import Keys

ARTIFACTS = "artifacts"

_KEEP_OLD_DAYS = 30
"""How long what was overwritten or deleted can be brought back."""
_CACHE_DAYS = 180
"""Longer than GitHub lets a runner release work; one that is still wanted is stored again by the next machine."""


@dataclass(frozen=True, slots=True)
class Contents:
    """What a bucket is for."""

    name: str
    days: int
    """How long each object is kept."""


def every(config: StackConfig) -> tuple[Contents, ...]:
    """The runner cache, what is kept of ended jobs and reports, and where asked for, what jobs keep themselves."""
    always = Contents("cache", _CACHE_DAYS), Contents("archive", config.archive_days)
    return (*always, Contents(ARTIFACTS, config.artifact_days)) if config.keeps_artifacts else always


def bucket_name(config: StackConfig, contents: str, region: str) -> str:
    """Names of buckets are the world's, so the account is in them."""
    return f"{config.environment}-{region}-{contents}-{config.place.account}"


class Bucket:
    """One bucket with everything around it; `bucket` is the thing itself."""

    def __init__(self, config: StackConfig, keys: Keys, contents: Contents, kept: pulumi.ResourceOptions) -> None:
        self._config, self._keys, self._contents = config, keys, contents
        name = bucket_name(config, contents.name, config.place.region)
        # A bucket with something in it can not be deleted: where destroying is allowed, it is emptied first.
        self.bucket = aws.s3.Bucket(contents.name, bucket=name, force_destroy=not config.protect, opts=kept)
        # Not under the bucket: what is protected protects its children, and these must stay changeable.
        self._inside = pulumi.ResourceOptions(parent=kept.parent)
        self._close()
        self._encrypt()
        self.versioning = aws.s3.BucketVersioning(
            contents.name,
            bucket=self.bucket.id,
            versioning_configuration=aws.s3.BucketVersioningVersioningConfigurationArgs(status="Enabled"),
            opts=self._inside,
        )
        self._tidy()

    def _close(self) -> None:
        label, bucket = self._contents.name, self.bucket
        private = aws.s3.BucketPublicAccessBlock(
            label,
            bucket=bucket.id,
            block_public_acls=True,
            block_public_policy=True,
            ignore_public_acls=True,
            restrict_public_buckets=True,
            opts=self._inside,
        )
        aws.s3.BucketOwnershipControls(
            label,
            bucket=bucket.id,
            rule=aws.s3.BucketOwnershipControlsRuleArgs(object_ownership="BucketOwnerEnforced"),
            opts=self._inside,
        )
        aws.s3.BucketPolicy(
            label,
            bucket=bucket.id,
            policy=bucket.arn.apply(lambda arn: json.dumps(policies.tls_only("s3", [arn, f"{arn}/*"]))),
            # S3 refuses two changes of a bucket's access at the same moment.
            opts=pulumi.ResourceOptions(parent=self._inside.parent, depends_on=[private]),
        )

    def _encrypt(self) -> None:
        default = aws.s3.BucketServerSideEncryptionConfigurationRuleApplyServerSideEncryptionByDefaultArgs
        key = self._keys.stack
        rule = aws.s3.BucketServerSideEncryptionConfigurationRuleArgs(
            apply_server_side_encryption_by_default=default(sse_algorithm="AES256")
            if key is None
            else default(sse_algorithm="aws:kms", kms_master_key_id=key),
            # One call to KMS for many objects instead of one for each.
            bucket_key_enabled=None if key is None else True,
        )
        aws.s3.BucketServerSideEncryptionConfiguration(
            self._contents.name, bucket=self.bucket.id, rules=[rule], opts=self._inside
        )

    def _tidy(self) -> None:
        rule = aws.s3.BucketLifecycleConfigurationRuleArgs(
            id="tidy",
            status="Enabled",
            filter=aws.s3.BucketLifecycleConfigurationRuleFilterArgs(prefix=""),
            expiration=aws.s3.BucketLifecycleConfigurationRuleExpirationArgs(days=self._contents.days),
            noncurrent_version_expiration=aws.s3.BucketLifecycleConfigurationRuleNoncurrentVersionExpirationArgs(
                noncurrent_days=_KEEP_OLD_DAYS
            ),
            abort_incomplete_multipart_upload=aws.s3.BucketLifecycleConfigurationRuleAbortIncompleteMultipartUploadArgs(
                days_after_initiation=1
            ),
        )
        aws.s3.BucketLifecycleConfiguration(
            self._contents.name,
            bucket=self.bucket.id,
            rules=[rule],
            opts=pulumi.ResourceOptions(parent=self._inside.parent, depends_on=[self.versioning]),
        )
