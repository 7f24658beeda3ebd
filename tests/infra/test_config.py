from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from infra import config
from infra.config import GivenNetwork, OwnNetwork
from infra.github_settings import FurtherServer
from infra.values import BadConfig
from tests.infra.deployed import ROOT, STACK, as_pulumi_hands_it_over, example

SMALLEST = {
    "aws:region": "eu-west-1",
    "spotrunner:account": "123456789012",
    "spotrunner:appId": "1",
    "spotrunner:images": '{"linux/x64": "ami-0a"}',
}


def faults(stack: str, values: Mapping[str, object]) -> str:
    with pytest.raises(BadConfig) as caught:
        config.read(stack, values)
    return str(caught.value)


def test_four_settings_are_enough() -> None:
    stack = config.read("test-eu-west-1", SMALLEST)

    assert stack.stack == "test-eu-west-1"
    assert stack.environment == "test"
    assert stack.config_prefix == "/spotrunner/test-eu-west-1/runner-configs/"
    assert stack.network == OwnNetwork("10.80.0.0/16", ("eu-west-1a", "eu-west-1b", "eu-west-1c"))
    assert stack.protect
    assert stack.claim_deadline_s == 180.0


def test_the_example_stack_can_be_deployed() -> None:
    stack = config.read(STACK, as_pulumi_hands_it_over(example()))

    assert stack.images == {"linux/x64": "ami-0123456789abcdef0", "linux/arm64": "ami-0fedcba9876543210"}
    assert stack.settings == {"claim_deadline_s": 180.0, "job_limit_s": 21_600.0}


def test_the_example_stack_explains_every_setting() -> None:
    text = (ROOT / "stacks" / f"Pulumi.{STACK}.yaml").read_text()

    every = (
        *("account", "appId", "githubApiUrl", "images", "vpcCidr", "zones", "vpc", "subnets", "egress", "ipv6"),
        *("endpoints", "flowLogs", "sessionManager", "sshFrom", "sshKey", "diskGib", "diskThroughput"),
        *("diskInitialization", "logDays", "protect", "alertEmails", "alarmTopic", "slackTeam", "slackChannel"),
        *("monthlyBudget", "regions", "tables", "githubServers", "githubApps"),
        *("permissionsBoundary", "serviceRoles", "otlpEndpoint", "settings", "build"),
        *("domain", "hostedZone", "certificate", "webhookFrom", "frontSecret", "reservedConcurrency"),
        *("archiveDays", "replicateCache", "encryption", "machineRoles", "artifactDays"),
    )

    # Were one of these unknown, reading it would be a fault; were one missing here, it would stay unexplained.
    assert [name for name in every if f"spotrunner:{name}" not in text] == []


def test_a_stack_that_says_nothing_is_alone_in_its_environment_and_makes_its_tables() -> None:
    stack = config.read("test-eu-west-1", SMALLEST)

    assert (stack.regions, stack.peers, stack.tables) == (("eu-west-1",), (), "eu-west-1")


@pytest.mark.parametrize(
    ("values", "fault"),
    [
        ({"spotrunner:regions": "us-east-1"}, "regions: eu-west-1, the region of this stack, is not among us-east-1"),
        ({"spotrunner:regions": "eu-west-1, moon"}, "regions: 'moon' is not a region"),
        ({"spotrunner:tables": "us-east-1"}, "tables: 'us-east-1' is not one of the environment's regions: eu-west-1"),
    ],
)
def test_regions_that_do_not_fit_together_are_faults(values: Mapping[str, object], fault: str) -> None:
    assert f"spotrunner:{fault}" in faults("test-eu-west-1", {**SMALLEST, **values})


SERVERS = {
    "spotrunner:appId": "1, 2",
    "spotrunner:githubServers": '{"corp": "https://ghe.example/api/v3", "eu": "https://api.octo.ghe.com"}',
    "spotrunner:githubApps": '{"corp": "12,13", "eu": "7"}',
}


def test_a_stack_may_have_further_servers_and_apps() -> None:
    stack = config.read("test-eu-west-1", {**SMALLEST, **SERVERS})

    assert (stack.app_id, stack.more_apps) == ("1", ("2",))
    assert stack.servers == (
        FurtherServer("corp", "https://ghe.example/api/v3", ("12", "13")),
        FurtherServer("eu", "https://api.octo.ghe.com", ("7",)),
    )


@pytest.mark.parametrize(
    ("values", "fault"),
    [
        ({"githubServers": '{"Corp": "https://ghe.example"}'}, "githubServers.Corp: not 1 to 12 of a-z and 0-9"),
        ({"githubServers": '{"corp": "ghe.example"}'}, "githubServers.corp: 'ghe.example' is not an address"),
        (
            {"githubServers": '{"a": "https://api.github.com"}'},
            "githubServers.a: https://api.github.com is there",
        ),
        ({"githubServers": '{"corp": "https://ghe.example"}'}, "githubApps.corp: missing"),
        ({"githubApps": '{"corp": "1"}'}, "githubApps.corp: not one of githubServers"),
        ({"githubApps": '{"corp": "App 1"}'}, "githubApps.corp: 'App 1' is not the number"),
        (
            {"githubServers": '{"corp": "https://ghe.example"}', "githubApps": '{"corp": "1,2,3,4,5,6,7,8"}'},
            "githubServers: servers and their Apps are more than 8",
        ),
    ],
)
def test_servers_and_apps_that_do_not_fit_are_faults(values: Mapping[str, str], fault: str) -> None:
    given = {f"spotrunner:{name}": value for name, value in values.items()}

    assert f"spotrunner:{fault}" in faults("test-eu-west-1", {**SMALLEST, **given})


def test_every_fault_is_told_at_once() -> None:
    told = faults(
        "prod-us-east-1",
        {
            "aws:region": "eu-west-1",
            "aws:profile": "me",
            "spotrunner:account": "12345",
            "spotrunner:images": '{"linux/x64": "ubuntu", "plan9/x64": "ami-0a"}',
            "spotrunner:githubApiUrl": "https://api.github.com/",
            "spotrunner:logDays": "31",
            "spotrunner:diskGib": "much",
            "spotrunner:protect": "perhaps",
            "spotrunner:settings": '{"claim_deadline": 3, "idle_limit_s": "long"}',
            "spotrunner:vpcCidr": "10.0.0.0/8",
            "spotrunner:zones": "us-east-1a",
            "spotrunner:alarmTopics": "x",
        },
    )

    assert [line.strip().split(": ")[0] for line in told.splitlines()[1:]] == [
        "spotrunner:account",
        "stack 'prod-us-east-1' is not <environment>-eu-west-1, the environment in 2 to 16 of a-z, 0-9 and -",
        "spotrunner:appId",
        "spotrunner:githubApiUrl",
        "spotrunner:zones",
        "spotrunner:vpcCidr",
        "spotrunner:images.linux/x64",
        "spotrunner:images.plan9/x64",
        "spotrunner:diskGib",
        "spotrunner:logDays",
        "spotrunner:protect",
        "spotrunner:settings.claim_deadline",
        "spotrunner:settings.idle_limit_s",
        "aws:profile",
        "spotrunner:alarmTopics",
    ]


def test_nothing_at_all_is_told_as_what_is_missing() -> None:
    told = faults("dev-us-east-1", {})

    assert "aws:region: missing" in told
    assert "spotrunner:account: missing" in told
    assert "spotrunner:images: missing" in told


def test_a_given_network_needs_the_vpc_and_its_subnets() -> None:
    alone: dict[str, Any] = {**SMALLEST, "spotrunner:vpc": "vpc-0a"}
    elsewhere = {**alone, "spotrunner:subnets": '{"us-east-1a": "subnet-0a"}'}
    whole = {**alone, "spotrunner:subnets": '{"eu-west-1a": "subnet-0a"}'}

    told = faults("dev-eu-west-1", alone), faults("dev-eu-west-1", elsewhere)
    stack = config.read("dev-eu-west-1", whole)

    assert "spotrunner:subnets: missing" in told[0]
    assert "spotrunner:subnets.us-east-1a" in told[1]
    assert stack.network == GivenNetwork("vpc-0a", {"eu-west-1a": "subnet-0a"})


def test_zones_must_be_named_where_accounts_see_different_ones() -> None:
    values = {**SMALLEST, "aws:region": "us-west-1"}

    told = faults("dev-us-west-1", values)
    stack = config.read("dev-us-west-1", {**values, "spotrunner:zones": "us-west-1a, us-west-1c"})

    assert "spotrunner:zones: none: name zones of us-west-1" in told
    assert stack.network == OwnNetwork("10.80.0.0/16", ("us-west-1a", "us-west-1c"))


def test_a_mapping_that_is_none_is_a_fault() -> None:
    told = faults("dev-eu-west-1", {**SMALLEST, "spotrunner:images": "ami-0a", "spotrunner:settings": "[1]"})

    assert "spotrunner:images: 'ami-0a' is not a list of `key: value` lines" in told
    assert "spotrunner:settings: '[1]' is not" in told


def test_only_numbers_of_seconds_can_be_set_for_the_functions() -> None:
    told = faults("dev-eu-west-1", {**SMALLEST, "spotrunner:settings": '{"drain_limit": 5, "jobs_table": "mine"}'})

    assert "spotrunner:settings.drain_limit: not one of" in told
    assert "spotrunner:settings.jobs_table: not one of" in told
