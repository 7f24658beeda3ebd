"""The KMS keys of a stack that wants its own: one for itself, and one that its environment's regions share."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pulumi
import pulumi_aws as aws

from controller import key_policies, policies
from controller.region import Place
from infra.config import Encryption, StackConfig

_SECOND_THOUGHTS_DAYS = 30
"""What a deleted key encrypted is lost, so AWS waits as long as it can."""


class Keys(pulumi.ComponentResource):
    """Where a stack is content with AWS's keys there are none here, and every user says nothing of keys."""

    stack: pulumi.Output[str] | None = None
    """ARN of the key for the queues, buckets and logs of this stack."""
    shared: Mapping[str, pulumi.Output[str]]
    """Region to ARN of the environment's key there, in the stack that makes it; replicas of one key."""

    def __init__(self, config: StackConfig, opts: pulumi.ResourceOptions) -> None:
        super().__init__("spotrunner:infra:Keys", "keys", None, opts)
        self._config = config
        self._kept = pulumi.ResourceOptions(parent=self, protect=config.protect)
        self.shared = {}
        if config.encryption is Encryption.OWN:
            self.stack = self._own()
            self.shared = self._environments() if config.owns_shared else {}
        self.register_outputs({})

    def _own(self) -> pulumi.Output[str]:
        name, place = self._config.stack, self._config.place
        allowed = (key_policies.owner(place), key_policies.for_logs(name, place), key_policies.for_rules(name, place))
        key = aws.kms.Key(
            "stack",
            description=f"Queues, buckets and logs of {name}",
            enable_key_rotation=True,
            deletion_window_in_days=_SECOND_THOUGHTS_DAYS,
            policy=json.dumps(policies.only(*allowed)),
            opts=self._kept,
        )
        self._call("stack", name, key.key_id, place.region)
        return key.arn

    def _environments(self) -> dict[str, pulumi.Output[str]]:
        """A key with a replica in each other region: a table's replica needs one that lies beside it."""
        name, here = self._config.environment, self._config.place
        primary = aws.kms.Key(
            "shared",
            description=f"Tables and secrets of {name}",
            enable_key_rotation=True,
            deletion_window_in_days=_SECOND_THOUGHTS_DAYS,
            multi_region=True,
            policy=self._shared_policy(here),
            opts=self._kept,
        )
        self._call("shared", name, primary.key_id, here.region)
        return {here.region: primary.arn, **{region: self._replica(primary, region) for region in self._config.peers}}

    def _replica(self, primary: aws.kms.Key, region: str) -> pulumi.Output[str]:
        replica = aws.kms.ReplicaKey(
            f"shared-{region}",
            primary_key_arn=primary.arn,
            region=region,
            description=f"Tables and secrets of {self._config.environment}",
            deletion_window_in_days=_SECOND_THOUGHTS_DAYS,
            policy=self._shared_policy(Place(region, self._config.place.account)),
            opts=self._kept,
        )
        self._call(f"shared-{region}", self._config.environment, replica.key_id, region)
        return replica.arn

    def _shared_policy(self, place: Place) -> str:
        # DynamoDB and Secrets Manager use it with the rights of whoever calls them.
        return json.dumps(policies.only(key_policies.owner(place)))

    def _call(self, label: str, name: str, key_id: pulumi.Input[str], region: str) -> None:
        # The other regions' stacks, and roles that use their keys, know them by these names alone.
        aws.kms.Alias(
            label,
            name=key_policies.alias(name),
            target_key_id=key_id,
            region=region,
            opts=pulumi.ResourceOptions(parent=self),
        )
