from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Callable

import pytest

from controller import schema, wiring
from controller.local.aws.cloud import LocalCloud
from controller.local.aws.provision import MIN_VISIBILITY_S
from controller.settings import Settings, pairs
from runner_agent.contract import wire
from runner_agent.contract.bundle import UserData

pytestmark = pytest.mark.local_cloud


@pytest.fixture(scope="module")
def cloud(start_cloud: Callable[..., LocalCloud]) -> LocalCloud:
    return start_cloud(settings={"claim_deadline_s": 30.0, "config_ttl_s": 0.0}, speed=10.0)


def test_the_settings_survive_the_environment(cloud: LocalCloud) -> None:
    assert Settings.read(cloud.settings.environ()) == cloud.settings
    assert cloud.settings.config_ttl_s == 0.0


def test_an_operator_finds_the_settings_by_the_stacks_name(cloud: LocalCloud) -> None:
    parameter = cloud.client("ssm").get_parameter(Name="/spotrunner/demo-local/settings")["Parameter"]

    assert wire.loads(Settings, parameter["Value"]) == cloud.settings


@pytest.mark.parametrize("table", schema.TABLES, ids=lambda table: table.name)
def test_each_table_is_as_the_schema_has_it(cloud: LocalCloud, table: schema.Table) -> None:
    name = getattr(cloud.settings, f"{table.name}_table")
    dynamodb = cloud.client("dynamodb")

    told = dynamodb.describe_table(TableName=name)["Table"]
    ttl = dynamodb.describe_time_to_live(TableName=name)["TimeToLiveDescription"]

    assert [key["AttributeName"] for key in told["KeySchema"]] == [table.partition]
    indexes = {
        index["IndexName"]: (
            [key["AttributeName"] for key in index["KeySchema"]],
            index["Projection"]["ProjectionType"],
        )
        for index in told.get("GlobalSecondaryIndexes", [])
    }
    assert indexes == {
        index.name: ([index.partition, index.sort], "ALL" if index.whole else "KEYS_ONLY") for index in table.indexes
    }
    assert told["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"
    assert (ttl["TimeToLiveStatus"], ttl["AttributeName"]) == ("ENABLED", table.expires)


@pytest.mark.parametrize("queue", wiring.QUEUES, ids=lambda queue: queue.name)
def test_each_queue_has_its_dead_letters_and_its_time_runs_faster(cloud: LocalCloud, queue: wiring.Queue) -> None:
    url = getattr(cloud.settings, f"{queue.name}_queue_url")

    told = cloud.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]

    redrive = json.loads(told["RedrivePolicy"])
    assert redrive["maxReceiveCount"] == queue.max_receives
    assert redrive["deadLetterTargetArn"].endswith(f"-{queue.name}-dead")
    assert int(told["VisibilityTimeout"]) == max(MIN_VISIBILITY_S, queue.visibility_s / 10)


def test_the_secrets_and_the_configurations_are_where_the_settings_say(cloud: LocalCloud) -> None:
    secrets, ssm = cloud.client("secretsmanager"), cloud.client("ssm")

    webhook = secrets.get_secret_value(SecretId=cloud.settings.webhook_secret_id)["SecretString"]
    key = secrets.get_secret_value(SecretId=cloud.settings.app_key_secret_id)["SecretString"]
    config = ssm.get_parameter(Name=cloud.settings.config_prefix + "linux")["Parameter"]["Value"]

    assert (webhook, key, config) == ("hush", "-----KEY-----", '{"cpu":2}')


def test_machines_start_from_templates_that_hold_nothing_secret(cloud: LocalCloud) -> None:
    templates = pairs(cloud.settings.launch_templates)

    data = cloud._network.template({"LaunchTemplateId": templates["linux/x64"]}).data("$Default")

    assert set(templates) == {"linux/x64", "linux/arm64"}
    assert wire.loads(UserData, b64decode(data["UserData"])) == UserData(cloud.claim_url, "demo-local", 30.0)
    assert data["InstanceInitiatedShutdownBehavior"] == "terminate"
    assert data["MetadataOptions"]["HttpTokens"] == "required"


def test_there_is_a_subnet_in_each_of_three_zones_and_a_bucket(cloud: LocalCloud) -> None:
    subnets = pairs(cloud.settings.subnets)
    bucket = {"Bucket": cloud.settings.runner_cache_bucket, "Key": "runner/2.0 x.tar.gz"}

    cloud.client("s3").put_object(**bucket, Body=b"tar" * 1000)
    body = cloud.client("s3").get_object(**bucket)["Body"].read()

    assert list(subnets) == ["us-east-1a", "us-east-1b", "us-east-1c"]
    assert body == b"tar" * 1000
