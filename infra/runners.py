"""What the machines are: a launch template for each platform and role, roles that may do next to nothing, a log."""

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
from infra.machine_roles import MachineRole
from runner_agent.contract import wire
from runner_agent.contract.bundle import UserData

ROOT_DEVICE = "/dev/sda1"
"""Where Ubuntu's and Windows' images, and so ours, have their root."""


class Runners(pulumi.ComponentResource):
    """Launch templates, the instance profiles in them, and the log; `access` writes what the roles may do."""

    role: aws.iam.Role
    log_role: aws.iam.Role
    """Taken by each machine under its own name, to write its own log."""
    log: aws.cloudwatch.LogGroup
    templates: Mapping[str, aws.ec2.LaunchTemplate]
    """Platform to template."""
    own_roles: Mapping[str, aws.iam.Role]
    """The roles of the configurations whose machines have one of their own, by their names."""
    role_templates: Mapping[str, aws.ec2.LaunchTemplate]
    """`<platform>/<configuration>` to the template with such a role."""

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
        self.own_roles = {role.config: self._own_role(role, inside) for role in config.machine_roles}
        self.log_role = roles.for_machines(
            config,
            wiring.MACHINE_LOG,
            [self.role, *self.own_roles.values()],
            "Runner machines: each writes its own log stream",
            inside,
        )
        self._security_group = security_group
        self._user_data = api.url(wiring.CLAIM).apply(
            lambda url: _user_data(UserData(url, config.stack, config.claim_deadline_s))
        )
        profile = self._profile(wiring.MACHINE, self.role, inside)
        self.templates = {platform: self._template(platform, profile) for platform in sorted(config.images)}
        own = {name: self._profile(wiring.own_machine(name), role, inside) for name, role in self.own_roles.items()}
        self.role_templates = {
            f"{platform}/{name}": self._template(platform, profile, name)
            for platform in sorted(config.images)
            for name, profile in own.items()
        }
        if config.service_roles:
            # EC2 needs it before the first spot request; an account has it once, whoever asks.
            aws.iam.ServiceLinkedRole("spot", aws_service_name="spot.amazonaws.com", opts=inside)
        self.register_outputs({})

    def _own_role(self, wanted: MachineRole, inside: pulumi.ResourceOptions) -> aws.iam.Role:
        name = wiring.own_machine(wanted.config)
        role = roles.role(self._config, name, "ec2", f"Runner machines of the configuration {wanted.config}", inside)
        for policy in wanted.policies:
            label = "-".join((name, *policy.split(":")[4:]))
            aws.iam.RolePolicyAttachment(label, role=role.name, policy_arn=policy, opts=inside)
        return role

    def _profile(self, name: str, role: aws.iam.Role, inside: pulumi.ResourceOptions) -> aws.iam.InstanceProfile:
        full = wiring.role_name(self._config.stack, name)
        return aws.iam.InstanceProfile(name, name=full, path=roles.PATH, role=role.name, opts=inside)

    def _template(
        self, platform: str, profile: aws.iam.InstanceProfile, configuration: str = ""
    ) -> aws.ec2.LaunchTemplate:
        label = "-".join((*platform.split("/"), *filter(None, [configuration])))
        name = f"{self._config.stack}-{label}"
        tags = {wiring.TAG_STACK: self._config.stack, "Name": name}
        return aws.ec2.LaunchTemplate(
            label,
            name=name,
            description=f"Runner machines, {' '.join(filter(None, (platform, configuration)))}",
            # Launches ask for the default version, so a deployment reaches the next machine.
            update_default_version=True,
            image_id=self._config.images[platform],
            key_name=self._config.shell.ssh_key or None,
            iam_instance_profile=aws.ec2.LaunchTemplateIamInstanceProfileArgs(arn=profile.arn),
            vpc_security_group_ids=[self._security_group],
            user_data=self._user_data,
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
