from __future__ import annotations

import json
from dataclasses import replace

import pytest

from controller import policies, schema, wiring
from controller.policies import Names
from controller.region import Place
from controller.wiring import Grant

PLACE = Place("us-east-1", "123456789012")

NAMES = Names(
    place=PLACE,
    stack="dev-us-east-1",
    tables={table.name: f"arn:table/{table.name}" for table in schema.TABLES},
    queues={queue.name: f"arn:queue:{queue.name}" for queue in wiring.QUEUES},
    secrets={"webhook": "arn:secret:webhook", "app-key": "arn:secret:app-key"},
    config_prefix="/spotrunner/dev-us-east-1/runner-configs/",
    templates=["arn:template/one"],
    subnets=["arn:subnet/one"],
    security_group="arn:group/runners",
    images=["ami-0a"],
    runner_role="arn:role/machine",
    cache="arn:aws:s3:::cache",
    archive="arn:aws:s3:::archive",
    claim_route="arn:api/$default/POST/claim",
    log_role="arn:role/machine-log",
    runner_log="arn:log-group:/runners",
    own_roles=["arn:role/runner-deploy"],
    artifacts="arn:aws:s3:::artifacts",
    peers=["eu-west-1"],
)

GRANTED = [(function.name, function.grants) for function in wiring.FUNCTIONS] + [
    ("machine", wiring.MACHINE_GRANTS),
    ("machine-log", wiring.LOG_GRANTS),
    ("runner-deploy", wiring.artifact_grants("deploy")),
]


@pytest.mark.parametrize(
    ("resource", "expected"),
    [
        ("table:jobs", ["arn:table/jobs"]),
        ("index:jobs", ["arn:table/jobs/index/*"]),
        ("queue:reports", ["arn:queue:reports"]),
        ("peer-queue:reports", ["arn:aws:sqs:eu-west-1:123456789012:dev-eu-west-1-reports"]),
        ("lease", ["arn:table/memory"]),
        ("peer-lease", ["arn:aws:dynamodb:eu-west-1:123456789012:table/memory"]),
        ("secret:app-key", ["arn:secret:app-key"]),
        ("runner-role", ["arn:role/machine", "arn:role/runner-deploy"]),
        ("artifacts:deploy", ["arn:aws:s3:::artifacts/deploy/*"]),
        ("artifact-names:deploy", ["arn:aws:s3:::artifacts"]),
        ("cache", ["arn:aws:s3:::cache/*"]),
        ("new-in-cache", ["arn:aws:s3:::cache/runners/*"]),
        ("claim-route", ["arn:api/$default/POST/claim"]),
        ("log-role", ["arn:role/machine-log"]),
        ("runner-log", ["arn:log-group:/runners", "arn:log-group:/runners:log-stream:"]),
        ("own-stream", ["arn:log-group:/runners:log-stream:${aws:PrincipalTag/machine}"]),
        ("every-instance", ["*"]),
        ("instances", ["arn:aws:ec2:us-east-1:123456789012:instance/*"]),
        (
            "parameters",
            [
                "arn:aws:ssm:us-east-1:123456789012:parameter/spotrunner/dev-us-east-1/runner-configs",
                "arn:aws:ssm:us-east-1:123456789012:parameter/spotrunner/dev-us-east-1/runner-configs/*",
            ],
        ),
    ],
)
def test_a_grant_names_its_resource(resource: str, expected: list[str]) -> None:
    (statement,) = policies.statements(Grant(("a:B",), resource, "why"), NAMES)

    assert statement["Resource"] == expected


def test_a_grant_on_a_secret_is_one_on_those_of_further_servers_and_apps() -> None:
    more = {"corp-webhook": "arn:corp-webhook", "corp-12-app-key": "arn:corp-key", "34-app-key": "arn:key"}
    names = replace(NAMES, secrets={**NAMES.secrets, **more})

    found = {
        name: policies.statements(Grant(("a:B",), f"secret:{name}", "why"), names)[0]["Resource"]
        for name in ("webhook", "app-key")
    }

    assert found == {
        "webhook": ["arn:secret:webhook", "arn:corp-webhook"],
        "app-key": ["arn:secret:app-key", "arn:key", "arn:corp-key"],
    }


@pytest.mark.parametrize("resource", ["peer-queue:jobs", "lease", "peer-lease"])
def test_a_stack_alone_in_its_environment_is_granted_nothing_for_other_regions(resource: str) -> None:
    statements = policies.statements(Grant(("a:B",), resource, "why"), replace(NAMES, peers=()))

    assert statements == []


def test_every_kind_of_resource_in_the_wiring_is_known_here() -> None:
    kinds = {grant.resource.partition(":")[0] for _, grants in GRANTED for grant in grants}

    unknown = kinds - wiring.RESOURCES.keys()

    assert not unknown


@pytest.mark.parametrize(("name", "grants"), GRANTED)
def test_a_policy_allows_exactly_what_the_wiring_grants(name: str, grants: tuple[Grant, ...]) -> None:
    document = policies.document(grants, NAMES)

    allowed = {action for statement in document["Statement"] for action in statement["Action"]}
    assert allowed == {action for grant in grants for action in grant.actions}, name
    assert all(statement["Effect"] == "Allow" for statement in document["Statement"])


@pytest.mark.parametrize(("name", "grants"), GRANTED)
def test_only_listed_actions_are_allowed_everywhere(name: str, grants: tuple[Grant, ...]) -> None:
    document = policies.document(grants, NAMES)

    everywhere = {
        action for statement in document["Statement"] if "*" in statement["Resource"] for action in statement["Action"]
    }
    assert everywhere <= policies.WHOLE_ACCOUNT.keys(), name


def test_what_is_allowed_everywhere_is_needed_by_somebody() -> None:
    needed = {
        action
        for _, grants in GRANTED
        for grant in grants
        if grant.resource in {"every-instance", "whole-catalogue"}
        for action in grant.actions
    }

    shell = {action for found in policies.session(PLACE) if "*" in found["Resource"] for action in found["Action"]}

    unused = policies.WHOLE_ACCOUNT.keys() - needed - shell

    assert not unused


def test_a_machine_can_only_be_started_with_the_tag_of_its_stack() -> None:
    grant = Grant(("ec2:CreateFleet", "ec2:RunInstances", "ec2:CreateTags"), "launch", "why")

    found = policies.statements(grant, NAMES)

    for statement in found:
        for resource in statement["Resource"]:
            if ":instance/" in resource:
                assert statement["Condition"]["StringEquals"]["aws:RequestTag/spotrunner:stack"] == "dev-us-east-1"


def test_launching_is_bound_to_the_stacks_own_templates_subnets_images_and_group() -> None:
    grant = Grant(("ec2:CreateFleet", "ec2:RunInstances"), "launch", "why")

    found = policies.statements(grant, NAMES)

    resources = {resource for statement in found for resource in statement["Resource"]}
    assert {
        "arn:template/one",
        "arn:subnet/one",
        "arn:group/runners",
        "arn:aws:ec2:us-east-1::image/ami-0a",
    } <= resources
    assert not {resource for resource in resources if "key-pair" in resource}


@pytest.mark.parametrize("action", ["ec2:CreateFleet", "ec2:CreateTags"])
def test_a_grant_of_a_part_of_a_launch_has_no_empty_statement(action: str) -> None:
    found = policies.statements(Grant((action,), "launch", "why"), NAMES)

    assert found
    assert {each for statement in found for each in statement["Action"]} == {action}
    assert all(statement["Action"] for statement in found)


def test_tags_can_only_be_put_on_what_is_being_launched() -> None:
    found = policies.statements(Grant(("ec2:CreateFleet", "ec2:CreateTags"), "launch", "why"), NAMES)

    (tagging,) = (statement for statement in found if statement["Action"] == ["ec2:CreateTags"])
    assert tagging["Condition"]["StringEquals"]["ec2:CreateAction"] == ["CreateFleet", "RunInstances"]


def test_only_the_stacks_own_machines_can_be_terminated() -> None:
    (statement,) = policies.statements(Grant(("ec2:TerminateInstances",), "instances", "why"), NAMES)

    assert statement["Condition"] == {"StringEquals": {"ec2:ResourceTag/spotrunner:stack": "dev-us-east-1"}}


def test_the_machines_role_can_be_passed_to_ec2_alone() -> None:
    (statement,) = policies.statements(Grant(("iam:PassRole",), "runner-role", "why"), NAMES)

    assert statement["Condition"] == {"StringEquals": {"iam:PassedToService": "ec2.amazonaws.com"}}


def test_a_machine_takes_another_role_only_under_its_own_name_and_with_no_other_tag() -> None:
    (statement,) = policies.statements(Grant(("sts:AssumeRole", "sts:TagSession"), "log-role", "why"), NAMES)

    assert statement["Condition"] == {
        "ArnEquals": {"ec2:SourceInstanceARN": "arn:aws:ec2:us-east-1:123456789012:instance/${aws:RequestTag/machine}"},
        "ForAllValues:StringEquals": {"aws:TagKeys": ["machine"]},
    }


def test_the_log_role_trusts_this_stacks_machines_and_nobody_else_in_the_account() -> None:
    (statement,) = policies.trust_machines(["arn:role/machine"], Place("cn-north-1", "123456789012"))["Statement"]

    assert statement["Principal"] == {"AWS": "arn:aws-cn:iam::123456789012:root"}
    assert statement["Condition"]["ArnEquals"] == {
        "ec2:SourceInstanceARN": "arn:aws-cn:ec2:cn-north-1:123456789012:instance/${aws:RequestTag/machine}",
        "aws:PrincipalArn": ["arn:role/machine"],
    }


def test_nothing_in_the_cache_can_be_replaced() -> None:
    (statement,) = policies.statements(Grant(("s3:PutObject",), "new-in-cache", "why"), NAMES)

    assert statement["Condition"] == {"Null": {"s3:if-none-match": "false"}}


def test_a_grant_on_something_a_stack_does_not_have_is_an_error() -> None:
    grant = Grant(("a:B",), "moon", "why")

    with pytest.raises(KeyError, match="moon"):
        policies.statements(grant, NAMES)


@pytest.mark.parametrize(("name", "grants"), GRANTED)
def test_a_policy_fits_into_a_role(name: str, grants: tuple[Grant, ...]) -> None:
    text = json.dumps(policies.document(grants, NAMES, policies.own_log("arn:log")), separators=(",", ":"))

    # IAM takes 10,240 characters over all of a role's inline policies; real ARNs are about twice as long as these.
    assert len(text) < 10_240 / 2, name


def test_the_scheduler_takes_its_role_for_this_account_only() -> None:
    document = policies.trust("scheduler", PLACE)

    (statement,) = document["Statement"]
    assert statement["Condition"] == {"StringEquals": {"aws:SourceAccount": "123456789012"}}


def test_a_configuration_sees_the_names_of_its_own_artifacts_only() -> None:
    (statement,) = policies.statements(Grant(("s3:ListBucket",), "artifact-names:deploy", "why"), NAMES)

    assert statement["Condition"] == {"StringLike": {"s3:prefix": "deploy/*"}}


@pytest.mark.parametrize(("key_pair", "named"), [("on-call", 1), ("", 0)])
def test_a_launch_with_a_key_pair_is_allowed_to_use_that_one(key_pair: str, named: int) -> None:
    grant = Grant(("ec2:CreateFleet", "ec2:RunInstances"), "launch", "why")

    used, _ = policies.statements(grant, replace(NAMES, key_pair=key_pair))

    arn = "arn:aws:ec2:us-east-1:123456789012:key-pair/on-call"
    assert used["Resource"].count(arn) == named
    assert not [one for one in used["Resource"] if ":key-pair/" in one and one != arn]
