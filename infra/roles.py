"""A role of the stack: taken by one AWS service, never able to do more than the operator's boundary allows."""

from __future__ import annotations

import json

import pulumi
import pulumi_aws as aws

from controller import policies
from infra.config import StackConfig

PATH = "/spotrunner/"


def role(config: StackConfig, name: str, service: str, description: str, opts: pulumi.ResourceOptions) -> aws.iam.Role:
    """A role without any right yet."""
    return aws.iam.Role(
        name,
        name=f"{config.stack}-{name}",
        path=PATH,
        description=description,
        assume_role_policy=json.dumps(policies.trust(service, config.place)),
        permissions_boundary=config.boundary or None,
        opts=opts,
    )
