"""Configurations whose machines have a role of their own, and the bucket in which their jobs keep what they like."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pytest

from controller import wiring
from controller.settings import Settings, pairs
from infra import config
from infra.machine_roles import MachineRole
from infra.values import BadConfig
from tests.infra.deployed import Deployed
from tests.infra.test_config import SMALLEST

ROLE = wiring.own_machine("deploy")
BOUNDARY = "arn:aws:iam::123456789012:policy/boundary"


def read(roles: object, **more: object) -> config.StackConfig:
    given = {f"spotrunner:{name}": value for name, value in more.items()}
    return config.read("test-eu-west-1", {**SMALLEST, **given, "spotrunner:machineRoles": json.dumps(roles)})


def fault(roles: object) -> str:
    with pytest.raises(BadConfig) as caught:
        read(roles)
    return str(caught.value)


@pytest.fixture
def found(runs: Mapping[str, Deployed]) -> Deployed:
    """A stack with roles of configurations, a boundary and keys of its own."""
    return runs["private"]


def settings_of(found: Deployed) -> Settings:
    return Settings.read(found.of("lambda/function:Function")["claim"].inputs["environment"]["variables"])


def test_a_role_says_what_it_may_do_and_for_whose_jobs_it_is() -> None:
    policy = "arn:aws:iam::123456789012:policy/team/deploy"

    stack = read(
        {
            "deploy": {"repositories": "octo/a, octo/b-*", "policies": [policy]},
            "k": {"repositories": "*", "artifacts": True},
        }
    )

    assert stack.machine_roles == (
        MachineRole("deploy", ("octo/a", "octo/b-*"), (policy,)),
        MachineRole("k", ("*",), artifacts=True),
    )
    assert stack.keeps_artifacts == ("k",)


@pytest.mark.parametrize(
    ("roles", "told"),
    [
        ([], "machineRoles: '[]' is not a list of names with lines under each"),
        ({"deploy": "octo/a"}, "machineRoles.deploy: 'octo/a' is not `key: value` lines"),
        ({"Deploy": {"repositories": "*", "artifacts": True}}, "machineRoles.Deploy: not the name of a configuration"),
        ({"d/e": {"repositories": "*", "artifacts": True}}, "machineRoles.d/e: not the name of a configuration"),
        ({"x" * 26: {"repositories": "*", "artifacts": True}}, f"machineRoles.{'x' * 26}: not the name"),
        ({"deploy": {"artifacts": True}}, "machineRoles.deploy.repositories: missing"),
        ({"deploy": {"repositories": "*"}}, "machineRoles.deploy: gives nothing that other machines have not"),
        ({"deploy": {"repositories": "octo", "artifacts": True}}, "'octo' is not one like octo/deployer"),
        ({"deploy": {"repositories": "corp:octo/a", "artifacts": True}}, "'corp:octo/a' is not one like octo/deployer"),
        ({"deploy": {"repositories": "*", "policies": "deploy"}}, "'deploy' is not the ARN of a policy"),
        ({"deploy": {"repositories": "*", "rights": "x"}}, "machineRoles.deploy.rights: there is no such setting"),
        ({"deploy": {"repositories": "*", "artifacts": "some"}}, "machineRoles.deploy.artifacts: 'some' is neither"),
        ({f"c{n}": {"repositories": "*", "artifacts": True} for n in range(5)}, "machineRoles: 5 are more than 4"),
    ],
)
def test_roles_that_do_not_fit_are_faults(roles: object, told: str) -> None:
    assert f"spotrunner:{told}" in fault(roles) or told in fault(roles)


def test_policies_are_named_once_and_no_more_than_iam_takes() -> None:
    policy = "arn:aws:iam::aws:policy/ReadOnlyAccess"

    assert "one is there twice" in fault({"deploy": {"repositories": "*", "policies": [policy, policy]}})


def test_a_repository_of_a_further_server_is_named_with_it() -> None:
    server = {"githubServers": '{"corp": "https://ghe.example/api/v3"}', "githubApps": '{"corp": "12"}'}

    stack = read({"deploy": {"repositories": "corp:octo/a", "artifacts": True}}, **server)

    assert stack.machine_roles[0].repositories == ("corp:octo/a",)


def test_a_stack_that_names_none_has_neither_such_a_role_nor_the_bucket(stack: Deployed) -> None:
    settings = settings_of(stack)

    assert (settings.machine_roles, settings.role_templates, settings.artifacts) == ("", "", "")
    assert [name for name in stack.of("iam/role:Role") if name.startswith("runner-")] == []
    assert stack.of("s3/bucket:Bucket").keys() == {"cache", "archive"}


def test_the_role_is_taken_by_ec2_alone_under_the_boundary_with_the_policies_that_are_named(found: Deployed) -> None:
    role = found.of("iam/role:Role")[ROLE]
    attached = [
        (one.inputs["role"], one.inputs["policyArn"])
        for one in found.of("iam/rolePolicyAttachment:RolePolicyAttachment").values()
    ]

    (trust,) = role.json("assumeRolePolicy")["Statement"]
    assert trust["Principal"] == {"Service": "ec2.amazonaws.com"}
    assert role.inputs["permissionsBoundary"] == BOUNDARY
    assert role.inputs["name"] == f"dev-us-east-1-{ROLE}"
    assert attached == [
        (f"dev-us-east-1-{ROLE}", "arn:aws:iam::123456789012:policy/team/deploy"),
        ("dev-us-east-1-runner-gpu", "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"),
    ]


def test_it_may_do_what_every_machine_may_and_reach_its_own_artifacts_alone(found: Deployed) -> None:
    policies = found.of("iam/rolePolicy:RolePolicy")
    common, own = (policies[name].json("policy")["Statement"] for name in ("machine", ROLE))
    bucket = found.of("s3/bucket:Bucket")["artifacts"].made["arn"]

    more = [one for one in own if one not in common]
    assert [one for one in common if one not in own and "kms:Decrypt" not in one["Action"]] == []
    objects, names, key = more
    assert objects == {
        "Effect": "Allow",
        "Action": ["s3:GetObject", "s3:PutObject"],
        "Resource": [f"{bucket}/deploy/*"],
    }
    assert (names["Action"], names["Resource"]) == (["s3:ListBucket"], [bucket])
    assert names["Condition"] == {"StringLike": {"s3:prefix": "deploy/*"}}
    assert set(key["Action"]) == {"kms:Decrypt", "kms:GenerateDataKey"}
    assert key["Condition"] == {"StringEquals": {"kms:ViaService": "s3.us-east-1.amazonaws.com"}}
    assert not any(bucket in json.dumps(policies[name].inputs) for name in ("machine", wiring.own_machine("gpu")))


def test_each_platform_has_a_launch_template_with_it_that_differs_in_nothing_else(found: Deployed) -> None:
    templates = found.of("ec2/launchTemplate:LaunchTemplate")
    profiles = found.of("iam/instanceProfile:InstanceProfile")

    assert templates.keys() == {"windows-x64", "windows-x64-deploy", "windows-x64-gpu"}
    plain, own = (templates[name].inputs for name in ("windows-x64", "windows-x64-deploy"))
    differing = {key for key in plain if plain[key] != own[key]}
    assert differing == {"name", "description", "iamInstanceProfile", "tagSpecifications"}
    assert own["iamInstanceProfile"] == {"arn": profiles[ROLE].made["arn"]}
    assert profiles[ROLE].inputs["role"] == f"dev-us-east-1-{ROLE}"


def test_who_launches_may_use_these_templates_and_pass_these_roles_to_ec2_alone(found: Deployed) -> None:
    templates = {one.made["arn"] for one in found.of("ec2/launchTemplate:LaunchTemplate").values()}
    roles = {found.of("iam/role:Role")[name].made["arn"] for name in ("machine", ROLE, wiring.own_machine("gpu"))}

    for name in ("dispatch", "housekeeping"):
        statements = found.of("iam/rolePolicy:RolePolicy")[name].json("policy")["Statement"]
        (passing,) = (one for one in statements if "iam:PassRole" in one["Action"])
        launched = {arn for one in statements if "ec2:RunInstances" in one["Action"] for arn in one["Resource"]}
        assert set(passing["Resource"]) == roles
        assert passing["Condition"] == {"StringEquals": {"iam:PassedToService": "ec2.amazonaws.com"}}
        assert templates <= launched
        assert "arn:aws:ec2:us-east-1:123456789012:key-pair/on-call" in launched


def test_its_machines_write_their_own_logs_like_all_others(found: Deployed) -> None:
    (trust,) = found.of("iam/role:Role")["machine-log"].json("assumeRolePolicy")["Statement"]

    trusted = {arn.rpartition("/")[2] for arn in trust["Condition"]["ArnEquals"]["aws:PrincipalArn"]}

    assert trusted == {f"dev-us-east-1-{name}" for name in ("machine", ROLE, "runner-gpu")}


def test_the_functions_know_whose_jobs_it_is_for_and_where_they_keep_what_they_like(found: Deployed) -> None:
    settings = settings_of(found)

    assert pairs(settings.machine_roles) == {"deploy": "octo/deployer octo/infra-*", "gpu": "*"}
    assert pairs(settings.role_templates) == {
        f"windows/x64/{name}": found.of("ec2/launchTemplate:LaunchTemplate")[f"windows-x64-{name}"].made["id"]
        for name in ("deploy", "gpu")
    }
    assert pairs(settings.artifacts) == {"deploy": f"s3://{found.outputs['buckets']['artifacts']}/deploy/"}


def test_the_variables_of_a_stack_with_all_that_is_allowed_fit_into_a_function(found: Deployed) -> None:
    settings = settings_of(found)
    longest = ["c" * 24 + str(number) for number in range(4)]
    platforms = ("linux/x64", "linux/arm64", "windows/x64")
    whole = {
        **settings.environ(),
        "SPOTRUNNER_MACHINE_ROLES": ",".join(f"{name}={'r' * 80}" for name in longest),
        "SPOTRUNNER_ROLE_TEMPLATES": ",".join(f"{p}/{name}=lt-{'0' * 17}" for p in platforms for name in longest),
        "SPOTRUNNER_ARTIFACTS": ",".join(f"{name}={settings.artifacts.partition('=')[2]}" for name in longest),
    }

    assert sum(len(name) + len(value) for name, value in whole.items()) < 4_096


def test_the_artifacts_bucket_is_as_closed_as_the_others_and_keeps_for_as_long_as_was_said(found: Deployed) -> None:
    kinds = {one.type for one in found.resources if one.type.startswith("aws:s3/") and one.name == "cache"}

    assert {one.type for one in found.resources if one.type.startswith("aws:s3/") and one.name == "artifacts"} == kinds
    (rule,) = found.of("s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration")["artifacts"].inputs["rules"]
    assert rule["expiration"] == {"days": 14}
    assert found.of("s3/bucket:Bucket")["artifacts"].inputs["bucket"] == "dev-us-east-1-artifacts-123456789012"
