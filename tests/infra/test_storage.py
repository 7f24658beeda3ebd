"""Buckets and their copies in other regions; tables and secrets stand in test_program and test_examples."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from controller import policies
from tests.infra.deployed import Deployed

BUCKETS = {"cache": 180, "archive": 365}
every_bucket = pytest.mark.parametrize("name", BUCKETS)


def around(stack: Deployed, kind: str, name: str) -> Mapping[str, object]:
    """What a bucket's satellite of a kind says."""
    title = f"{kind[0].upper()}{kind[1:]}"
    return stack.of(f"s3/{kind}:{title}")[name].inputs


def test_a_stack_has_a_cache_and_an_archive(stack: Deployed) -> None:
    named = {name: bucket.inputs["bucket"] for name, bucket in stack.of("s3/bucket:Bucket").items()}

    assert named == stack.outputs["buckets"] == {name: f"dev-us-east-1-{name}-123456789012" for name in BUCKETS}


@every_bucket
def test_a_bucket_is_encrypted_private_and_reached_through_tls_only(name: str, stack: Deployed) -> None:
    (rule,) = around(stack, "bucketServerSideEncryptionConfiguration", name)["rules"]  # type: ignore[misc]
    private = dict(around(stack, "bucketPublicAccessBlock", name))
    policy = stack.of("s3/bucketPolicy:BucketPolicy")[name].json("policy")

    assert rule["applyServerSideEncryptionByDefault"]["sseAlgorithm"] == "AES256"
    assert {private[key] for key in private if key != "bucket"} == {True}
    assert len(private) == 5
    assert around(stack, "bucketOwnershipControls", name)["rule"] == {"objectOwnership": "BucketOwnerEnforced"}
    bucket = f"arn:aws:s3:::dev-us-east-1-{name}-123456789012"
    assert policy == policies.tls_only("s3", [bucket, f"{bucket}/*"])


@every_bucket
def test_what_is_overwritten_can_be_brought_back_and_what_is_old_leaves(name: str, stack: Deployed) -> None:
    versioning = around(stack, "bucketVersioning", name)["versioningConfiguration"]
    (rule,) = around(stack, "bucketLifecycleConfiguration", name)["rules"]  # type: ignore[misc]

    assert versioning == {"status": "Enabled"}
    assert rule["status"] == "Enabled"
    assert rule["expiration"] == {"days": BUCKETS[name]}
    assert rule["noncurrentVersionExpiration"] == {"noncurrentDays": 30}
    assert rule["abortIncompleteMultipartUpload"] == {"daysAfterInitiation": 1}


def test_a_stack_that_does_not_copy_its_cache_has_no_role_for_it(stack: Deployed) -> None:
    assert not stack.of("s3/bucketReplicationConfig:BucketReplicationConfig")
    assert "replication" not in stack.of("iam/role:Role")


@pytest.mark.parametrize(("name", "is_emptied"), [("up", False), ("given network", True)])
def test_a_bucket_is_emptied_by_a_destroy_only_where_the_stack_may_be_destroyed(
    name: str, runs: Mapping[str, Deployed], *, is_emptied: bool
) -> None:
    emptied = {bucket.inputs["forceDestroy"] for bucket in runs[name].of("s3/bucket:Bucket").values()}

    assert emptied == {is_emptied}
