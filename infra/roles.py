"""A role of the stack: taken by one AWS service or by its machines, never able to do more than the boundary allows."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pulumi
import pulumi_aws as aws

from controller import policies
from infra.config import StackConfig

PATH = "/spotrunner/"


def role(config: StackConfig, name: str, service: str, description: str, opts: pulumi.ResourceOptions) -> aws.iam.Role:
    """A role without any right yet."""
    return _role(config, name, json.dumps(policies.trust(service, config.place)), description, opts)


def for_machines(
    config: StackConfig, name: str, machines: Sequence[aws.iam.Role], description: str, opts: pulumi.ResourceOptions
) -> aws.iam.Role:
    """A role that each machine takes under its own name, without any right yet."""
    known = pulumi.Output.all(*[machine.arn for machine in machines])
    trust = known.apply(lambda arns: json.dumps(policies.trust_machines(arns, config.place)))
    return _role(config, name, trust, description, opts)


def _role(
    config: StackConfig, name: str, trust: pulumi.Input[str], description: str, opts: pulumi.ResourceOptions
) -> aws.iam.Role:
    return aws.iam.Role(
        name,
        name=f"{config.stack}-{name}",
        path=PATH,
        description=description,
        assume_role_policy=trust,
        permissions_boundary=config.boundary or None,
        opts=opts,
    )
