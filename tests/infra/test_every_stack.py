"""What must hold for every resource of every stack: each example, and what no example has."""

from __future__ import annotations

import importlib
import json
import re
from collections.abc import Iterator, Mapping
from graphlib import TopologicalSorter
from typing import Any

import pytest

from controller import policies, wiring
from controller.settings import Settings
from infra import alarms, config
from tests.infra.conftest import FRONT_SECRET, STACKS
from tests.infra.deployed import Deployed, Resource

VARIANTS = ("given network", "private", "one gateway")
"""Runs of the first example with settings that none of the examples has."""

LONGEST = {
    "apigatewayv2/api:Api": 128,
    "cloudwatch/eventRule:EventRule": 64,
    "cloudwatch/logGroup:LogGroup": 512,
    "cloudwatch/logMetricFilter:LogMetricFilter": 512,
    "cloudwatch/metricAlarm:MetricAlarm": 255,
    "dynamodb/table:Table": 255,
    "ec2/launchTemplate:LaunchTemplate": 128,
    "ec2/securityGroup:SecurityGroup": 255,
    "iam/instanceProfile:InstanceProfile": 128,
    "iam/role:Role": 64,
    "lambda/function:Function": 64,
    "s3/bucket:Bucket": 63,
    "scheduler/schedule:Schedule": 64,
    "scheduler/scheduleGroup:ScheduleGroup": 64,
    "secretsmanager/secret:Secret": 512,
    "sns/topic:Topic": 256,
    "sqs/queue:Queue": 80,
    "ssm/parameter:Parameter": 1_011,
}
"""How long AWS lets a name be."""

LONGEST_STACK = 16 + len("-") + 14
"""The longest environment, and the longest name of a region."""

KEPT = ("dynamodb/table:Table", "s3/bucket:Bucket", "secretsmanager/secret:Secret", "kms/key:Key")

LOOKS_LIKE_A_SECRET = re.compile(r"BEGIN [A-Z ]*PRIVATE KEY|gh[posru]_\w{20,}|AKIA\w{16}|(?i:password|private_key)")

FOREIGN = (
    r"arn:aws:ec2:[^:]+:\d+:(instance|volume|network-interface|fleet|spot-instances-request)/.*",
    r"arn:aws:ec2:[^:]+::image/ami-\w+",
    r"arn:aws:ec2:[^:]+:\d+:(subnet|key-pair)/[\w-]+",
    r"arn:aws:iam::\d+:root",
    r"arn:aws:iam::(\d+|aws):policy/.*",
    r"arn:aws:kms:[^:]+:\d+:key/\*",
    r"arn:aws:logs:[^:]+:\d+:log-group:(/aws/(lambda|vendedlogs)|/spotrunner)/.*",
    r"arn:aws:ssm:[^:]+:\d+:parameter/spotrunner/.*",
    r"arn:aws:events:[^:]+:\d+:rule/.*",
)
"""What policies name that is not a resource of the program: machines, what the operator brought, patterns of names."""


@pytest.fixture(params=[*STACKS, *VARIANTS])
def found(request: pytest.FixtureRequest) -> Deployed:
    name: str = request.param
    deployed: Deployed = request.getfixturevalue("examples" if name in STACKS else "runs")[name]
    return deployed


def place(found: Deployed) -> tuple[str, str, str]:
    """The stack's name, its region and its account, as its functions and its provider are told."""
    (provider,) = (one for one in found.resources if one.type == "pulumi:providers:aws")
    (account,) = json.loads(provider.inputs["allowedAccountIds"])
    return settings(found).stack, provider.inputs["region"], account


def settings(found: Deployed) -> Settings:
    return Settings.read(found.of("lambda/function:Function")["claim"].inputs["environment"]["variables"])


def documents(found: Deployed) -> Iterator[tuple[Resource, dict[str, Any]]]:
    """Every statement of every policy."""
    for one in found.resources:
        for key in ("policy", "assumeRolePolicy"):
            if one.type.startswith("aws:") and key in one.inputs:
                yield from ((one, statement) for statement in one.json(key)["Statement"])


def listed(value: Any) -> list[str]:  # noqa: ANN401 - text or a list of it
    return [value] if isinstance(value, str) else list(value)


def in_the_clear(value: Any) -> Any:  # noqa: ANN401 - any JSON
    """Without what the engine keeps encrypted."""
    if isinstance(value, Mapping):
        return {key: in_the_clear(item) for key, item in value.items()} if value.keys() != {"secret"} else None
    return [in_the_clear(item) for item in value] if isinstance(value, list) else value


def test_every_resource_is_made_in_the_stacks_account_and_carries_its_tags(found: Deployed) -> None:
    name, region, account = place(found)
    (provider,) = (one for one in found.resources if one.type == "pulumi:providers:aws")
    tags = json.loads(provider.inputs["defaultTags"])["tags"]

    assert re.fullmatch(r"\d{12}", account)
    assert tags == {wiring.TAG_STACK: name, "spotrunner:environment": name.removesuffix(f"-{region}")}
    # What CloudFront needs lies in a region of its own, by a provider of its own.
    strangers = [one for one in found.resources if one.type.startswith("aws:") and "::account::" not in one.provider]
    assert [str(one) for one in strangers] == []


def test_every_name_is_short_enough_for_the_longest_stack(found: Deployed) -> None:
    name, _, _ = place(found)
    spare = LONGEST_STACK - len(name)
    kinds = {f"aws:{kind}": longest for kind, longest in LONGEST.items()}

    too_long = [
        str(one)
        for one in found.resources
        for text in [str(one.inputs.get("name") or one.inputs.get("bucket") or "")]
        if one.type in kinds and len(text) + spare > kinds[one.type]
    ]
    named = {one.type for one in found.resources if one.type.startswith("aws:") and name in one.inputs.get("name", "")}

    assert too_long == []
    unmeasured = {
        "aws:budgets/budget:Budget",
        "aws:kms/alias:Alias",
        "aws:wafv2/ipSet:IpSet",
        "aws:wafv2/webAcl:WebAcl",
    }
    assert named - kinds.keys() <= unmeasured


def test_everything_that_lies_still_is_encrypted(found: Deployed) -> None:
    buckets = found.of("s3/bucket:Bucket")
    encryption = found.of("s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration")

    assert all(
        bool(one.inputs.get("sqsManagedSseEnabled")) != bool(one.inputs.get("kmsMasterKeyId"))
        for one in found.of("sqs/queue:Queue").values()
    )
    assert {one.inputs["bucket"] for one in encryption.values()} == {one.made["id"] for one in buckets.values()}
    for template in found.of("ec2/launchTemplate:LaunchTemplate").values():
        assert {disk["ebs"]["encrypted"] for disk in template.inputs["blockDeviceMappings"]} == {"true"}


def test_eventbridge_can_write_on_the_queues_that_its_rules_point_at(found: Deployed) -> None:
    keys = {one.made["arn"]: one for one in found.of("kms/key:Key").values()}
    queues = {one.made["arn"]: one for one in found.of("sqs/queue:Queue").values()}

    targets = [queues[one.inputs["arn"]] for one in found.of("cloudwatch/eventTarget:EventTarget").values()]

    assert len(targets) == len(wiring.RULES)
    for queue in targets:
        key = queue.inputs.get("kmsMasterKeyId")
        let_in = keys[key].json("policy")["Statement"] if key else []
        writers = [one for one in let_in if one["Principal"] == {"Service": "events.amazonaws.com"}]
        assert queue.inputs.get("sqsManagedSseEnabled") or "kms:GenerateDataKey" in writers[0]["Action"]


def test_queues_and_buckets_refuse_whoever_comes_without_tls_and_buckets_everybody_outside(found: Deployed) -> None:
    queues = {one.made["url"]: one.made["arn"] for one in found.of("sqs/queue:Queue").values()}
    buckets = {one.made["id"]: one.made["arn"] for one in found.of("s3/bucket:Bucket").values()}
    by_queue = {one.inputs["queueUrl"]: one for one in found.of("sqs/queuePolicy:QueuePolicy").values()}
    by_bucket = {one.inputs["bucket"]: one for one in found.of("s3/bucketPolicy:BucketPolicy").values()}
    closed = found.of("s3/bucketPublicAccessBlock:BucketPublicAccessBlock").values()

    for url, arn in queues.items():
        assert policies.tls_only("sqs", [arn])["Statement"][0] in by_queue[url].json("policy")["Statement"]
    for bucket, arn in buckets.items():
        assert by_bucket[bucket].json("policy") == policies.tls_only("s3", [arn, f"{arn}/*"])
    assert {one.inputs["bucket"] for one in closed} == buckets.keys()
    assert all(value is True for one in closed for key, value in one.inputs.items() if key != "bucket")


def test_nothing_gets_in_from_the_whole_internet(found: Deployed) -> None:
    open_to = [
        block
        for group in found.of("ec2/securityGroup:SecurityGroup").values()
        for rule in group.inputs.get("ingress", [])
        for block in (*rule.get("cidrBlocks", []), *rule.get("ipv6CidrBlocks", []))
    ]

    assert [block for block in open_to if block.endswith("/0")] == []


def test_every_queue_has_dead_letters_of_its_own_but_the_dead(found: Deployed) -> None:
    queues = found.of("sqs/queue:Queue")

    ends = {
        name: one.json("redrivePolicy")["deadLetterTargetArn"]
        for name, one in queues.items()
        if "redrivePolicy" in one.inputs
    }

    assert ends == {queue.name: queues[f"{queue.name}{wiring.DEAD}"].made["arn"] for queue in wiring.QUEUES}
    assert queues.keys() == {*ends, *(f"{name}{wiring.DEAD}" for name in ends)}


def test_what_is_remembered_can_be_brought_back_and_what_is_logged_ends_some_day(found: Deployed) -> None:
    is_kept = {one.options["protect"] for one in found.resources if one.type.removeprefix("aws:") in KEPT}
    logs = {one.inputs["retentionInDays"] for one in found.of("cloudwatch/logGroup:LogGroup").values()}
    buckets = {one.made["id"] for one in found.of("s3/bucket:Bucket").values()}

    assert len(is_kept) == 1
    for table in found.of("dynamodb/table:Table").values():
        assert table.inputs["pointInTimeRecovery"]["enabled"] is True
        assert {table.inputs["deletionProtectionEnabled"]} == is_kept
    for kind in ("bucketVersioning:BucketVersioning", "bucketLifecycleConfiguration:BucketLifecycleConfiguration"):
        assert {one.inputs["bucket"] for one in found.of(f"s3/{kind}").values()} == buckets
    assert len(logs) == 1
    assert logs <= config.LOG_DAYS


def test_no_policy_allows_more_than_it_must(found: Deployed) -> None:
    for one, statement in documents(found):
        if statement["Effect"] == "Deny" or one.type.startswith("aws:kms/"):
            continue
        actions = listed(statement["Action"])
        assert not [action for action in actions if "*" in action], str(one)
        if "*" in listed(statement.get("Resource", [])):
            assert set(actions) <= policies.WHOLE_ACCOUNT.keys(), str(one)
        if "Service" in statement.get("Principal", {}) and "assumeRolePolicy" not in one.inputs:
            assert statement["Condition"], str(one)
        assert statement.get("Principal") not in ("*", {"AWS": "*"}), str(one)


def test_everything_that_a_policy_names_is_there(found: Deployed) -> None:
    name, region, account = place(found)
    environment = name.removesuffix(f"-{region}")
    made = {one.made[key] for one in found.resources for key in ("id", "arn", "executionArn") if key in one.made}
    # The environment's tables and secrets are made by one of its stacks for all.
    shared = rf"arn:aws:(dynamodb|secretsmanager):{region}:{account}:(table/|secret:){environment}-.*"
    foreign = [re.compile(pattern) for pattern in (*FOREIGN, shared)]
    text = "\n".join(json.dumps(statement) for _, statement in documents(found))

    def is_there(arn: str) -> bool:
        whole = any(arn == one or arn.startswith((f"{one}/", f"{one}:")) for one in made)
        return whole or arn.rpartition("/")[2] in made or any(pattern.fullmatch(arn) for pattern in foreign)

    def is_elsewhere(arn: str) -> bool:
        peers = set(settings(found).regions.split(",")) - {"", region}
        return any(f":{peer}:" in arn or f"-{peer}-" in arn for peer in peers)

    named = sorted(set(re.findall(r'"(arn:aws:[^"]+)"', text)))
    assert len(named) > len(wiring.FUNCTIONS)
    assert [arn for arn in named if not is_there(arn) and not is_elsewhere(arn)] == []
    assert "None" not in text
    assert "<not known yet>" not in text


def test_nothing_refers_to_itself_by_a_detour(found: Deployed) -> None:
    known = {one.options["urn"]: one for one in found.resources}

    graph = {urn: [other for other in one.options["dependencies"] if other in known] for urn, one in known.items()}

    assert len(list(TopologicalSorter(graph).static_order())) == len(known)


def test_nothing_that_looks_like_a_secret_is_said_in_the_clear(found: Deployed) -> None:
    clear = json.dumps([in_the_clear([one.inputs for one in found.resources]), dict(found.outputs)])

    assert LOOKS_LIKE_A_SECRET.findall(clear) == []
    assert FRONT_SECRET not in clear


@pytest.mark.parametrize("function", wiring.FUNCTIONS, ids=lambda function: function.name)
def test_each_function_can_be_called_with_the_settings_that_it_is_given(
    function: wiring.Function, found: Deployed
) -> None:
    inputs = found.of("lambda/function:Function")[function.name].inputs
    module, _, attribute = inputs["handler"].rpartition(".")
    variables = inputs["environment"]["variables"]

    assert callable(getattr(importlib.import_module(module), attribute))
    assert Settings.read(variables).environ() == variables
    # Lambda takes 4 KiB of variables.
    assert sum(len(name) + len(value) for name, value in variables.items()) < 4_096


def test_every_alarm_is_on_what_somebody_tells(found: Deployed) -> None:
    name, _, _ = place(found)

    deployed = found.of("cloudwatch/metricAlarm:MetricAlarm")

    # `test_alarms.py` shows of each of these that its metric is told.
    assert deployed.keys() == {alarm.name for alarm in alarms.alarms(name)}
    queues = {one.inputs["name"] for one in found.of("sqs/queue:Queue").values()}
    functions = {one.inputs["name"] for one in found.of("lambda/function:Function").values()}
    for one in deployed.values():
        dimensions = one.inputs.get("dimensions") or {}
        assert dimensions.get("QueueName", next(iter(queues))) in queues
        assert dimensions.get("FunctionName", next(iter(functions))) in functions
        assert one.inputs["alarmActions"]


def test_a_machine_dies_by_power_off_tells_its_metadata_to_itself_alone_and_carries_the_stacks_tag(
    found: Deployed,
) -> None:
    name, _, _ = place(found)

    for template in found.of("ec2/launchTemplate:LaunchTemplate").values():
        metadata = template.inputs["metadataOptions"]
        assert template.inputs["instanceInitiatedShutdownBehavior"] == "terminate"
        assert (metadata["httpTokens"], metadata["httpPutResponseHopLimit"]) == ("required", 1)
        tags = {one["resourceType"]: one["tags"][wiring.TAG_STACK] for one in template.inputs["tagSpecifications"]}
        assert tags == dict.fromkeys(("instance", "volume", "network-interface"), name)


@pytest.mark.parametrize("name", STACKS)
def test_a_second_run_of_an_example_asks_for_the_same(
    name: str, examples: Mapping[str, Deployed], examples_again: Mapping[str, Deployed]
) -> None:
    assert examples_again[name] == examples[name]
