"""What the machines are: a launch template for each platform, a role that can do next to nothing, and their log."""

from __future__ import annotations

import base64
from collections.abc import Mapping

import pulumi
import pulumi_aws as aws

from controller import wiring
from infra import roles
from infra.config import StackConfig
from infra.http_api import HttpApi
from infra.keys import Keys
from runner_agent.contract import wire
from runner_agent.contract.bundle import UserData

ROOT_DEVICE = "/dev/sda1"
"""Where Ubuntu's and Windows' images, and so ours, have their root."""


class Runners(pulumi.ComponentResource):
    """Launch templates, the instance profile in them, and the log; all rights come from `controller.wiring`."""

    role: aws.iam.Role
    log_role: aws.iam.Role
    """Taken by each machine under its own name, to write its own log."""
    log: aws.cloudwatch.LogGroup
    templates: Mapping[str, aws.ec2.LaunchTemplate]
    """Platform to template."""

    def __init__(
        self,
        config: StackConfig,
        keys: Keys,
        security_group: pulumi.Input[str],
        api: HttpApi,
        opts: pulumi.ResourceOptions,
    ) -> None:
        super().__init__("spotrunner:infra:Runners", "runners", None, opts)
        self._config = config
        inside = pulumi.ResourceOptions(parent=self)
        self.role = roles.role(
            config, wiring.MACHINE, "ec2", "Runner machines: claim, report, read the runner cache", inside
        )
        self.log = aws.cloudwatch.LogGroup(
            "runners",
            name=wiring.runner_log(config.stack),
            retention_in_days=config.log_days,
            kms_key_id=keys.stack,
            opts=inside,
        )
        self.log_role = roles.for_machines(
            config, wiring.MACHINE_LOG, self.role, "Runner machines: each writes its own log stream", inside
        )
        profile = aws.iam.InstanceProfile(
            wiring.MACHINE, name=f"{config.stack}-{wiring.MACHINE}", path=roles.PATH, role=self.role.name, opts=inside
        )
        user_data = api.url(wiring.CLAIM).apply(
            lambda url: _user_data(UserData(url, config.stack, config.claim_deadline_s))
        )
        self.templates = {
            platform: self._template(platform, profile.arn, security_group, user_data)
            for platform in sorted(config.images)
        }
        if config.service_roles:
            # EC2 needs it before the first spot request; an account has it once, whoever asks.
            aws.iam.ServiceLinkedRole("spot", aws_service_name="spot.amazonaws.com", opts=inside)
        self.register_outputs({})

    def _template(
        self,
        platform: str,
        profile: pulumi.Input[str],
        security_group: pulumi.Input[str],
        user_data: pulumi.Input[str],
    ) -> aws.ec2.LaunchTemplate:
        name = f"{self._config.stack}-{platform.replace('/', '-')}"
        tags = {wiring.TAG_STACK: self._config.stack, "Name": name}
        return aws.ec2.LaunchTemplate(
            platform.replace("/", "-"),
            name=name,
            description=f"Runner machines, {platform}",
            # Launches ask for the default version, so a deployment reaches the next machine.
            update_default_version=True,
            image_id=self._config.images[platform],
            key_name=self._config.shell.ssh_key or None,
            iam_instance_profile=aws.ec2.LaunchTemplateIamInstanceProfileArgs(arn=profile),
            vpc_security_group_ids=[security_group],
            user_data=user_data,
            # A machine ends itself by powering off, without a right to anything in EC2.
            instance_initiated_shutdown_behavior="terminate",
            metadata_options=aws.ec2.LaunchTemplateMetadataOptionsArgs(
                http_endpoint="enabled",
                http_tokens="required",
                http_put_response_hop_limit=1,
                instance_metadata_tags="enabled",
            ),
            block_device_mappings=[_disk(self._config)],
            tag_specifications=[
                aws.ec2.LaunchTemplateTagSpecificationArgs(resource_type=kind, tags=tags)
                for kind in ("instance", "volume", "network-interface")
            ],
            opts=pulumi.ResourceOptions(parent=self),
        )


def _disk(config: StackConfig) -> aws.ec2.LaunchTemplateBlockDeviceMappingArgs:
    return aws.ec2.LaunchTemplateBlockDeviceMappingArgs(
        device_name=ROOT_DEVICE,
        ebs=aws.ec2.LaunchTemplateBlockDeviceMappingEbsArgs(
            volume_type="gp3",
            volume_size=config.disk_gib,
            throughput=config.disk_throughput,
            volume_initialization_rate=config.disk_initialization or None,
            encrypted="true",
            delete_on_termination="true",
        ),
    )


def _user_data(data: UserData) -> str:
    return base64.b64encode(wire.dumps(data).encode()).decode()
