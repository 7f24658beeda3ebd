"""Who may do what: the grants of `controller.wiring` written on the roles, with this stack's own names in them."""

from __future__ import annotations

import json
from collections.abc import Iterable

import pulumi
import pulumi_aws as aws

from controller import policies, wiring
from infra.buckets import ARTIFACTS
from infra.config import StackConfig
from infra.http_api import HttpApi
from infra.messaging import Messaging
from infra.network import Network
from infra.runners import Runners
from infra.storage import Storage


def names(
    config: StackConfig, network: Network, storage: Storage, messaging: Messaging, api: HttpApi, runners: Runners
) -> pulumi.Output[policies.Names]:
    """The ARNs of everything a grant can name."""
    place = config.place
    known = pulumi.Output.all(
        tables={name: table.arn for name, table in storage.tables.items()},
        queues={name: queue.arn for name, queue in messaging.queues.items()},
        secrets={name: secret.arn for name, secret in storage.secrets.items()},
        templates=[template.arn for template in (*runners.templates.values(), *runners.role_templates.values())],
        subnets=[pulumi.Output.concat(place.arn("ec2", "subnet/"), subnet) for subnet in network.subnets.values()],
        security_group=pulumi.Output.concat(place.arn("ec2", "security-group/"), network.security_group),
        runner_role=runners.role.arn,
        own_roles=[role.arn for role in runners.own_roles.values()],
        cache=storage.buckets["cache"].arn,
        archive=storage.buckets["archive"].arn,
        claim_route=api.arn(wiring.CLAIM),
        artifacts=storage.buckets[ARTIFACTS].arn if config.keeps_artifacts else "",
        log_role=runners.log_role.arn,
        runner_log=runners.log.arn,
        key=storage.keys.stack or "",
    )
    return known.apply(
        lambda found: policies.Names(
            place=place,
            stack=config.stack,
            config_prefix=config.config_prefix,
            peers=config.peers,
            images=sorted(set(config.images.values())),
            key_pair=config.shell.ssh_key,
            **found,
        )
    )


def allow_machines(config: StackConfig, runners: Runners, known: pulumi.Output[policies.Names]) -> None:
    """Write what machines may do on their roles: the same on each, and on a configuration's own what it has beside."""
    inside = pulumi.ResourceOptions(parent=runners)
    shell = [pulumi.Output.from_input(one) for one in policies.session(config.place)]
    always = shell if config.shell.session_manager else []
    allow(wiring.MACHINE, runners.role, wiring.MACHINE_GRANTS, known, *always, opts=inside)
    for name, role in runners.own_roles.items():
        artifacts = wiring.artifact_grants(name) if name in config.keeps_artifacts else ()
        allow(wiring.own_machine(name), role, (*wiring.MACHINE_GRANTS, *artifacts), known, *always, opts=inside)
    allow(wiring.MACHINE_LOG, runners.log_role, wiring.LOG_GRANTS, known, opts=inside)


def allow(
    name: str,
    role: aws.iam.Role,
    grants: Iterable[wiring.Grant],
    known: pulumi.Output[policies.Names],
    *more: pulumi.Output[policies.Statement],
    opts: pulumi.ResourceOptions,
) -> aws.iam.RolePolicy:
    """Write exactly these grants, and the given statements, on a role."""
    granted = tuple(grants)
    policy = pulumi.Output.all(known, *more).apply(
        lambda found: json.dumps(policies.document(granted, found[0], *found[1:]))
    )
    return aws.iam.RolePolicy(name, role=role.name, policy=policy, opts=opts)
