"""The functions' environment: the controller's own `Settings`, filled with what the stack has made."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pulumi
import pulumi_aws as aws

from controller import wiring
from controller.documents import ROUTING
from controller.settings import Settings, parameter
from infra import github_settings
from infra.buckets import ARTIFACTS
from infra.config import StackConfig
from infra.messaging import Messaging
from infra.network import Network
from infra.runners import Runners
from infra.storage import SECRETS, Storage
from runner_agent.contract import wire


def settings(
    config: StackConfig, network: Network, storage: Storage, messaging: Messaging, runners: Runners
) -> pulumi.Output[Settings]:
    """What the stack tells its functions; a field of `Settings` that is missing here fails the deployment."""
    made = pulumi.Output.all(
        **{f"{name}_table": table.name for name, table in storage.tables.items()},
        **{f"{name}_queue_url": queue.url for name, queue in messaging.queues.items()},
        **{f"{name.replace('-', '_')}_secret_id": storage.secrets[name].id for name in SECRETS},
        launch_templates=_pairs({platform: template.id for platform, template in runners.templates.items()}),
        role_templates=_pairs({name: template.id for name, template in runners.role_templates.items()}),
        artifacts=_pairs({name: _place(storage, name) for name in config.keeps_artifacts}),
        subnets=_pairs(network.subnets),
        runner_cache_bucket=storage.buckets["cache"].bucket,
        archive_bucket=storage.buckets["archive"].bucket,
        log_group=runners.log.name,
        log_role=runners.log_role.arn,
    )
    return made.apply(lambda found: Settings(**decided(config), **found))


def publish(config: StackConfig, known: pulumi.Output[Settings], opts: pulumi.ResourceOptions) -> aws.ssm.Parameter:
    """Write the settings where the `spotrunner` command finds them; there is no secret among them."""
    return aws.ssm.Parameter(
        "settings",
        name=parameter(config.stack),
        type="String",
        # Free up to 4 KB; an environment of many regions may need more.
        tier="Intelligent-Tiering",
        insecure_value=known.apply(wire.dumps),
        description="What the spotrunner command must know of this stack",
        opts=opts,
    )


def decided(config: StackConfig) -> dict[str, Any]:
    """The fields that follow from the configuration alone."""
    return {
        "stack": config.stack,
        "region": config.place.region,
        "regions": ",".join(config.regions) if config.peers else "",
        "peer_queues": ",".join(f"{name}={url}" for name, url in peer_queues(config).items()),
        "app_id": config.app_id,
        "front_digests": config.front.digest,
        "github_api_url": config.github_api_url,
        **github_settings.settings(config.environment, config.more_apps, config.servers),
        "machine_roles": ",".join(f"{role.config}={' '.join(role.repositories)}" for role in config.machine_roles),
        "config_prefix": config.config_prefix,
        "routing_parameter": f"{config.config_prefix}{ROUTING}" if config.routing else "",
        "otlp_endpoint": config.otlp_endpoint,
        **config.settings,
    }


def peer_queues(config: StackConfig) -> dict[str, str]:
    """Where the doors of other regions listen: their stacks' names say it, so nobody has to ask them."""
    place = config.place
    return {
        f"{region}/{queue.name}": f"https://sqs.{region}.{place.domain}/{place.account}/"
        f"{config.environment}-{region}-{queue.name}"
        for region in config.peers
        for queue in (wiring.JOBS, wiring.REPORTS)
    }


def _place(storage: Storage, name: str) -> pulumi.Output[str]:
    """Where the jobs of a configuration keep what they like: its role reaches no further."""
    return pulumi.Output.concat("s3://", storage.buckets[ARTIFACTS].bucket, f"/{name}/")


def _pairs(values: Mapping[str, pulumi.Input[str]]) -> pulumi.Output[str]:
    """`a=1,b=2`, as `controller.settings.pairs` reads it."""
    return pulumi.Output.all(**values).apply(lambda known: ",".join(f"{name}={known[name]}" for name in sorted(known)))
