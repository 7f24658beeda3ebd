"""A changed setting changes what it says and nothing else: what an operator reads in a preview before saying yes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from controller import schema, wiring
from tests.infra.deployed import Deployed, Resource, Runs, Wanted

MESSAGE_DOORS = [function.name for function in wiring.FUNCTIONS]

FOR_OPERATORS = "ssm/parameter:Parameter settings: insecureValue"
EVERY_FUNCTION = {f"lambda/function:Function {name}: environment" for name in MESSAGE_DOORS}
TEMPLATES = [f"ec2/launchTemplate:LaunchTemplate {name}" for name in ("linux-arm64", "linux-x64")]

LOGS = (*MESSAGE_DOORS, "access", "runners")
QUEUES = [name for queue in wiring.QUEUES for name in (queue.name, f"{queue.name}-dead")]
ROLES = [*MESSAGE_DOORS, "machine", "scheduler"]
ENCRYPTION = "s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration"
OWN_KEYS = {
    *(f"+ kms/{kind} {name}" for kind in ("key:Key", "alias:Alias") for name in ("stack", "shared")),
    *(f"cloudwatch/logGroup:LogGroup {name}: kmsKeyId" for name in LOGS),
    *(f"dynamodb/table:Table {table.name}: serverSideEncryption" for table in schema.TABLES),
    *(f"secretsmanager/secret:Secret {name}: kmsKeyId" for name in ("webhook", "app-key")),
    *(f"{ENCRYPTION} {name}: rules" for name in ("cache", "archive")),
    *(f"iam/rolePolicy:RolePolicy {name}: policy" for name in ROLES),
    *(
        f"sqs/queue:Queue {name}: {key}"
        for name in QUEUES
        for key in ("kmsMasterKeyId", "kmsDataKeyReusePeriodSeconds", "sqsManagedSseEnabled")
    ),
}
"""What lies still, and who touches it; nothing else knows of keys."""

CHANGES: Mapping[str, tuple[object, set[str]]] = {
    "diskGib": (80, {f"{template}: blockDeviceMappings" for template in TEMPLATES}),
    "diskThroughput": (500, {f"{template}: blockDeviceMappings" for template in TEMPLATES}),
    "logDays": (
        90,
        {f"cloudwatch/logGroup:LogGroup {name}: retentionInDays" for name in LOGS},
    ),
    "monthlyBudget": (500, {"budgets/budget:Budget monthly: limitAmount"}),
    "alertEmails": (
        "on-call@example.com, boss@example.com",
        {"+ sns/topicSubscription:TopicSubscription boss@example.com"},
    ),
    "otlpEndpoint": ("https://otel.example.com", EVERY_FUNCTION | {FOR_OPERATORS}),
    "settings": (
        {"claim_deadline_s": 240, "job_limit_s": 21600},
        EVERY_FUNCTION | {FOR_OPERATORS} | {f"{template}: userData" for template in TEMPLATES},
    ),
    "sessionManager": (False, {"iam/rolePolicy:RolePolicy machine: policy"}),
    "serviceRoles": (True, {"+ iam/serviceLinkedRole:ServiceLinkedRole spot"}),
    "flowLogs": (
        True,
        {
            "+ cloudwatch/logGroup:LogGroup flow",
            "+ ec2/flowLog:FlowLog flow",
            "+ iam/role:Role flow",
            "+ iam/rolePolicy:RolePolicy flow",
        },
    ),
    "machineRoles": (
        {"deploy": {"repositories": "octo/deployer", "policies": "arn:aws:iam::123456789012:policy/deploy"}},
        {
            *(f"+ ec2/launchTemplate:LaunchTemplate {name}-deploy" for name in ("linux-arm64", "linux-x64")),
            "+ iam/role:Role runner-deploy",
            "+ iam/rolePolicy:RolePolicy runner-deploy",
            "+ iam/rolePolicyAttachment:RolePolicyAttachment runner-deploy-123456789012-policy/deploy",
            "+ iam/instanceProfile:InstanceProfile runner-deploy",
            "iam/role:Role machine-log: assumeRolePolicy",
            *(f"iam/rolePolicy:RolePolicy {name}: policy" for name in ("dispatch", "housekeeping")),
            *EVERY_FUNCTION,
            FOR_OPERATORS,
        },
    ),
    "archiveDays": (30, {"s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration archive: rules"}),
    "reservedConcurrency": (
        {"claim": 5},
        {"lambda/function:Function claim: reservedConcurrentExecutions"},
    ),
    "encryption": ("own", OWN_KEYS),
    "images": (
        {"linux/x64": "ami-0123456789abcdef0", "linux/arm64": "ami-0aaaaaaaaaaaaaaaa"},
        {
            "ec2/launchTemplate:LaunchTemplate linux-arm64: imageId",
            *(f"iam/rolePolicy:RolePolicy {name}: policy" for name in ("dispatch", "housekeeping")),
        },
    ),
}
"""Setting, its new value, and every input of a resource that follows; `+` marks a new resource."""


@pytest.fixture(scope="module")
def changed(settings: Mapping[str, Any]) -> Mapping[str, Deployed]:
    wanted = [Wanted({**settings, f"spotrunner:{name}": value}) for name, (value, _) in CHANGES.items()]
    return dict(zip(CHANGES, Runs.start(*wanted).end(), strict=True))


@pytest.mark.parametrize("setting", CHANGES)
def test_a_changed_setting_changes_exactly_this(setting: str, stack: Deployed, changed: Mapping[str, Deployed]) -> None:
    _, expected = CHANGES[setting]

    assert differences(stack, changed[setting]) == expected


def differences(before: Deployed, after: Deployed) -> set[str]:
    old, new = ({str(found): found for found in run.resources} for run in (before, after))
    added = {f"+ {name}" for name in new.keys() - old.keys()}
    removed = {f"- {name}" for name in old.keys() - new.keys()}
    kept = (changed for name in old.keys() & new.keys() for changed in _inputs(old[name], new[name]))
    return {line.replace("aws:", "", 1) for line in (*added, *removed, *kept)}


def _inputs(old: Resource, new: Resource) -> list[str]:
    names = sorted(old.inputs.keys() | new.inputs.keys())
    return [f"{old}: {name}" for name in names if old.inputs.get(name) != new.inputs.get(name)]
