"""Deploys the stack into the local cloud, over the AWS API and from the contracts that infrastructure deploys."""

from __future__ import annotations

import json
import math
from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from controller import schema, wiring
from controller.local.aws.rights_ec2 import role_arn
from controller.settings import Settings, parameter
from runner_agent.contract import wire
from runner_agent.contract.bundle import UserData

Client = Callable[[str], Any]

ZONES = "abc"
PLATFORMS = {"linux/x64": "ami-0local0linux0x64", "linux/arm64": "ami-0local0linux0arm"}
MIN_VISIBILITY_S = 5


@dataclass(frozen=True, slots=True)
class GitHubApp:
    """The GitHub App that the stack speaks as."""

    api_url: str
    app_id: str
    key_pem: str = field(repr=False)
    webhook_secret: str = field(repr=False)
    further_keys: Mapping[int, str] = field(default_factory=dict, repr=False)
    """The keys of further Apps of the same server, by the Apps' ids."""


@dataclass(frozen=True, slots=True)
class OwnRole:
    """What the machines of one configuration may do beside what all machines may."""

    repositories: Sequence[str]
    """Patterns of those whose jobs it is for."""
    documents: Sequence[Mapping[str, Any]] = ()
    """Policies of the account's own."""
    artifacts: bool = False
    """Whether its jobs have a place in the artifacts bucket."""


@dataclass(frozen=True, slots=True)
class Stack:
    """What is to be deployed."""

    name: str
    region: str
    github: GitHubApp
    configs: Mapping[str, str]
    """Runner configurations: name to JSON."""
    queues: Sequence[wiring.Queue]
    speed: float
    claim_url: str
    otlp_endpoint: str
    further: Mapping[str, GitHubApp] = field(default_factory=dict)
    """Further GitHub servers, by the names that the stack gives them."""
    own_roles: Mapping[str, OwnRole] = field(default_factory=dict)
    """By the names of their configurations."""
    makes_tables: bool = True
    """Whether the environment's tables are not there yet."""

    @property
    def keeps_artifacts(self) -> list[str]:
        """The configurations whose jobs keep some."""
        return [name for name, role in self.own_roles.items() if role.artifacts]

    @property
    def environment(self) -> str:
        """The stack's name without its region."""
        return self.name.removesuffix(f"-{self.region}")


def deploy(stack: Stack, client: Client, settings: Mapping[str, Any]) -> Settings:
    """Create everything; the settings that a function of this stack is given, some replaced by the caller's."""
    if stack.makes_tables:
        for table in schema.TABLES:
            _table(client("dynamodb"), stack.environment, table)
    urls = {queue.name: _queue(client("sqs"), stack, queue) for queue in stack.queues}
    bucket = cache_bucket(stack.name)
    archive = archive_bucket(stack.name)
    for name in (bucket, archive, *([artifacts_bucket(stack.name)] if stack.keeps_artifacts else [])):
        client("s3").create_bucket(Bucket=name, **_elsewhere(stack.region))
    log = wiring.runner_log(stack.name)
    client("logs").create_log_group(logGroupName=log)
    vpc = client("ec2").create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    prefix = f"/spotrunner/{stack.name}/runner-configs/"
    for name, config in stack.configs.items():
        client("ssm").put_parameter(Name=prefix + name, Value=config, Type="String")
    values: dict[str, Any] = {
        "stack": stack.name,
        "region": stack.region,
        **{f"{table.name}_table": schema.physical(stack.environment, table) for table in schema.TABLES},
        **{f"{queue.name}_queue_url": urls.get(queue.name, "") for queue in wiring.QUEUES},
        "webhook_secret_id": _secret(client, f"{stack.name}-webhook", stack.github.webhook_secret),
        "app_key_secret_id": _secret(client, f"{stack.name}-app-key", stack.github.key_pem),
        "app_id": stack.github.app_id,
        "github_api_url": stack.github.api_url,
        **_further(stack, client),
        "config_prefix": prefix,
        "subnets": _pairs(_subnets(client("ec2"), vpc, stack.region)),
        "runner_cache_bucket": bucket,
        "archive_bucket": archive,
        "otlp_endpoint": stack.otlp_endpoint,
        "log_group": log,
        "log_role": role_arn(wiring.role_name(stack.name, wiring.MACHINE_LOG)),
        **settings,
    }
    deadline = values.get("claim_deadline_s", Settings.__dataclass_fields__["claim_deadline_s"].default)
    user_data = UserData(stack.claim_url, stack.name, float(deadline))
    group = _group(client("ec2"), vpc, stack.name)
    made = Settings(**{**_templates(client("ec2"), stack, user_data, group), **_own_roles(stack), **values})
    client("ssm").put_parameter(Name=parameter(stack.name), Value=wire.dumps(made), Type="String")
    return made


def cache_bucket(stack: str) -> str:
    """The bucket that machines get the runner's archive from."""
    return f"{stack}-runner-cache"


def archive_bucket(stack: str) -> str:
    """The bucket that old jobs, reports and parked messages go into."""
    return f"{stack}-archive"


def artifacts_bucket(stack: str) -> str:
    """The bucket in which jobs keep what they like."""
    return f"{stack}-artifacts"


def _elsewhere(region: str) -> dict[str, Any]:
    """S3 wants every region named but its first."""
    return {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}


def _table(dynamodb: Any, environment: str, table: schema.Table) -> None:  # noqa: ANN401 - a boto3 client
    keys = {table.partition: "S"}
    for index in table.indexes:
        keys |= {index.partition: "S", index.sort: "N" if index.sort in schema.NUMERIC_SORTS else "S"}
    name = schema.physical(environment, table)
    indexes = [
        {
            "IndexName": index.name,
            "KeySchema": _keys(index.partition, index.sort),
            "Projection": {"ProjectionType": "ALL" if index.whole else "KEYS_ONLY"},
        }
        for index in table.indexes
    ]
    dynamodb.create_table(
        TableName=name,
        KeySchema=_keys(table.partition),
        AttributeDefinitions=[{"AttributeName": key, "AttributeType": kind} for key, kind in keys.items()],
        BillingMode="PAY_PER_REQUEST",
        **({"GlobalSecondaryIndexes": indexes} if indexes else {}),
    )
    ttl = {"Enabled": True, "AttributeName": table.expires}
    dynamodb.update_time_to_live(TableName=name, TimeToLiveSpecification=ttl)


def _keys(partition: str, sort: str = "") -> list[dict[str, str]]:
    keys = [{"AttributeName": partition, "KeyType": "HASH"}]
    return [*keys, {"AttributeName": sort, "KeyType": "RANGE"}] if sort else keys


def _queue(sqs: Any, stack: Stack, queue: wiring.Queue) -> str:  # noqa: ANN401 - a boto3 client
    """The queue with its dead-letter queue; where time is faster, messages come back sooner."""
    name = f"{stack.name}-{queue.name}"
    dead = sqs.create_queue(QueueName=f"{name}{wiring.DEAD}")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    visibility = max(MIN_VISIBILITY_S, math.ceil(queue.visibility_s / stack.speed))
    attributes = {
        "VisibilityTimeout": str(min(queue.visibility_s, visibility)),
        "MessageRetentionPeriod": str(queue.retention_s),
        "RedrivePolicy": json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": queue.max_receives}),
    }
    return str(sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"])


def _further(stack: Stack, client: Client) -> dict[str, str]:
    """The settings about Apps and GitHub servers beside the first."""
    secrets, keys = {}, {}
    for app_id, key_pem in stack.github.further_keys.items():
        keys[f"/{app_id}"] = _secret(client, f"{stack.name}-{app_id}-app-key", key_pem)
    for name, app in stack.further.items():
        secrets[name] = _secret(client, f"{stack.name}-{name}-webhook", app.webhook_secret)
        keys[f"{name}/{app.app_id}"] = _secret(client, f"{stack.name}-{name}-{app.app_id}-app-key", app.key_pem)
    return {
        "github_servers": _pairs({name: app.api_url for name, app in stack.further.items()}),
        "further_webhook_secret_id": _pairs(secrets),
        "further_apps": _pairs(keys),
    }


def _secret(client: Client, name: str, text: str) -> str:
    return str(client("secretsmanager").create_secret(Name=name, SecretString=text)["ARN"])


def _group(ec2: Any, vpc: str, stack: str) -> str:  # noqa: ANN401 - a boto3 client
    name = f"{stack}-runners"
    return str(ec2.create_security_group(GroupName=name, Description="Runner machines", VpcId=vpc)["GroupId"])


def _subnets(ec2: Any, vpc: str, region: str) -> dict[str, str]:  # noqa: ANN401 - a boto3 client
    found = {}
    for number, letter in enumerate(ZONES):
        zone = f"{region}{letter}"
        subnet = ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.0.{number * 64}.0/18", AvailabilityZone=zone)
        found[zone] = str(subnet["Subnet"]["SubnetId"])
    return found


def _own_roles(stack: Stack) -> dict[str, str]:
    """The settings about configurations whose machines have a role of their own."""
    places = {name: f"s3://{artifacts_bucket(stack.name)}/{name}/" for name in stack.keeps_artifacts}
    repositories = {name: " ".join(role.repositories) for name, role in stack.own_roles.items()}
    return {"machine_roles": _pairs(repositories), "artifacts": _pairs(places)}


def _templates(ec2: Any, stack: Stack, user_data: UserData, group: str) -> dict[str, str]:  # noqa: ANN401 - a boto3 client
    """A template for each platform, and one for each platform and role of its own."""

    def made(platform: str, kind: str) -> str:
        return _template(ec2, wiring.role_name(stack.name, kind), platform, user_data, group)

    own = {
        f"{platform}/{name}": made(platform, wiring.own_machine(name))
        for platform in PLATFORMS
        for name in stack.own_roles
    }
    common = {platform: made(platform, wiring.MACHINE) for platform in PLATFORMS}
    return {"launch_templates": _pairs(common), "role_templates": _pairs(own)}


def _template(ec2: Any, role: str, platform: str, user_data: UserData, group: str) -> str:  # noqa: ANN401 - a boto3 client
    data = {
        "ImageId": PLATFORMS[platform],
        "IamInstanceProfile": {"Name": role},
        "SecurityGroupIds": [group],
        "InstanceInitiatedShutdownBehavior": "terminate",
        "MetadataOptions": {"HttpTokens": "required", "InstanceMetadataTags": "enabled"},
        "UserData": b64encode(wire.dumps(user_data).encode()).decode(),
    }
    name = f"{role}-{platform.replace('/', '-')}"
    return str(
        ec2.create_launch_template(LaunchTemplateName=name, LaunchTemplateData=data)["LaunchTemplate"][
            "LaunchTemplateId"
        ]
    )


def _pairs(values: Mapping[str, str]) -> str:
    return ",".join(f"{key}={value}" for key, value in values.items())
