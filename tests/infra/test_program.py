"""What the first example deploys, part by part; what holds for all resources of all stacks is in test_every_stack."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from typing import Any

import pytest

from controller import policies, schema, wiring
from controller.region import Place
from controller.servers import servers
from controller.settings import Settings
from runner_agent.contract import wire
from tests.infra.deployed import ROOT, Deployed


def policies_of(stack: Deployed) -> dict[str, list[dict[str, Any]]]:
    return {
        str(found): found.json("policy")["Statement"]
        for found in stack.resources
        if "policy" in found.inputs and found.type.startswith("aws:")
    }


def test_queues_are_encrypted_refuse_plain_http_and_have_dead_letters(stack: Deployed) -> None:
    queues = stack.of("sqs/queue:Queue")

    dead = {name for name in queues if name.endswith("-dead")}
    assert dead == {f"{queue.name}-dead" for queue in wiring.QUEUES}
    assert queues.keys() - dead == {queue.name for queue in wiring.QUEUES}
    for name, queue in queues.items():
        assert queue.inputs["sqsManagedSseEnabled"] is True
        refused, *_ = stack.of("sqs/queuePolicy:QueuePolicy")[name].json("policy")["Statement"]
        arn = f"arn:aws:sqs:us-east-1:123456789012:dev-us-east-1-{name}"
        assert [refused] == policies.tls_only("sqs", [arn])["Statement"]
        if name not in dead:
            assert queue.json("redrivePolicy")["deadLetterTargetArn"].endswith(f":dev-us-east-1-{name}-dead")


def test_queues_are_as_the_wiring_has_them(stack: Deployed) -> None:
    queues = stack.of("sqs/queue:Queue")

    for queue in wiring.QUEUES:
        found = queues[queue.name]
        assert found.inputs["visibilityTimeoutSeconds"] == queue.visibility_s
        assert found.inputs["messageRetentionSeconds"] == queue.retention_s
        assert found.json("redrivePolicy")["maxReceiveCount"] == queue.max_receives


def test_rules_bring_ec2s_events_to_their_queues(stack: Deployed) -> None:
    rules, targets = stack.of("cloudwatch/eventRule:EventRule"), stack.of("cloudwatch/eventTarget:EventTarget")

    assert rules.keys() == targets.keys() == {rule.name for rule in wiring.RULES}
    for rule in wiring.RULES:
        assert rules[rule.name].json("eventPattern") == rule.pattern
        assert "eventBusName" not in rules[rule.name].inputs
        assert targets[rule.name].inputs["rule"] == f"dev-us-east-1-{rule.name}"
        assert targets[rule.name].inputs["arn"].endswith(f":dev-us-east-1-{rule.queue.name}")


def test_a_queue_takes_events_from_its_own_rules_and_nobody_elses(stack: Deployed) -> None:
    found = stack.of("sqs/queuePolicy:QueuePolicy")

    let_in = {
        name: statement
        for name, policy in found.items()
        for statement in policy.json("policy")["Statement"]
        if statement["Effect"] == "Allow"
    }
    assert let_in.keys() == {rule.queue.name for rule in wiring.RULES}
    for name, statement in let_in.items():
        assert statement["Principal"] == {"Service": "events.amazonaws.com"}
        assert statement["Action"] == "sqs:SendMessage"
        assert statement["Resource"] == f"arn:aws:sqs:us-east-1:123456789012:dev-us-east-1-{name}"
        assert statement["Condition"] == {
            "ArnEquals": {
                "aws:SourceArn": [
                    f"arn:aws:events:us-east-1:123456789012:rule/dev-us-east-1-{rule.name}"
                    for rule in wiring.RULES
                    if rule.queue.name == name
                ]
            },
            "StringEquals": {"aws:SourceAccount": "123456789012"},
        }


def test_dead_letters_take_messages_of_their_own_queue_only(stack: Deployed) -> None:
    allowed = stack.of("sqs/redriveAllowPolicy:RedriveAllowPolicy")

    for queue in wiring.QUEUES:
        document = allowed[f"{queue.name}-dead"].json("redriveAllowPolicy")
        assert document["redrivePermission"] == "byQueue"
        assert document["sourceQueueArns"] == [f"arn:aws:sqs:us-east-1:123456789012:dev-us-east-1-{queue.name}"]


def test_tables_are_as_the_schema_has_them_and_can_be_brought_back(stack: Deployed) -> None:
    tables = stack.of("dynamodb/table:Table")

    assert tables.keys() == {table.name for table in schema.TABLES}
    for table in schema.TABLES:
        found = tables[table.name].inputs
        keys = {key["name"]: key["type"] for key in found["attributes"]}
        assert found["hashKey"] == table.partition
        assert keys == {
            table.partition: "S",
            **{index.partition: "S" for index in table.indexes},
            **{index.sort: "N" for index in table.indexes},
        }
        assert found["ttl"] == {"attributeName": table.expires, "enabled": True}
        assert found["billingMode"] == "PAY_PER_REQUEST"
        assert found["pointInTimeRecovery"]["enabled"] is True
        assert found["deletionProtectionEnabled"] is True


def test_indexes_are_as_the_schema_has_them(stack: Deployed) -> None:
    for table in schema.TABLES:
        found = stack.of("dynamodb/table:Table")[table.name].inputs.get("globalSecondaryIndexes", [])
        assert [
            (index["name"], *(key["attributeName"] for key in index["keySchemas"]), index["projectionType"])
            for index in found
        ] == [(i.name, i.partition, i.sort, "ALL" if i.whole else "KEYS_ONLY") for i in table.indexes]


def test_what_is_remembered_withstands_a_destroy(runs: Mapping[str, Deployed]) -> None:
    kept = ("aws:dynamodb/table:Table", "aws:s3/bucket:Bucket", "aws:secretsmanager/secret:Secret")

    protected = {name: {r.options["protect"] for r in runs[name].resources if r.type in kept} for name in runs}
    others = {r.options["protect"] for r in runs["up"].resources if r.type not in kept}

    assert protected["up"] == {True}
    assert protected["given network"] == {False}
    assert others == {False}


def test_secrets_have_names_and_no_values(stack: Deployed) -> None:
    kinds = {found.type for found in stack.resources}

    secrets = stack.of("secretsmanager/secret:Secret")

    assert {name: found.inputs["name"] for name, found in secrets.items()} == {
        "webhook": "dev-webhook",
        "app-key": "dev-app-key",
    }
    assert "aws:secretsmanager/secretVersion:SecretVersion" not in kinds
    # Secrets Manager reads six characters after the last hyphen as the ending it adds itself.
    assert [found for found in secrets.values() if re.search(r"-\w{6}$", found.inputs["name"])] == []


def test_further_servers_and_apps_have_secrets_that_the_functions_settings_name(runs: Mapping[str, Deployed]) -> None:
    found = runs["private"]

    names = {secret.inputs["name"] for secret in found.of("secretsmanager/secret:Secret").values()}
    known = servers(Settings.read(found.of("lambda/function:Function")["claim"].inputs["environment"]["variables"]))

    first, corp = known
    assert [app.app_id for app in first.apps] == ["1234567", "2345678"]
    assert (corp.name, corp.api_url) == ("corp", "https://ghe.example/api/v3")
    further = {corp.webhook_secret_id, *(app.key_secret_id for app in (*first.apps[1:], *corp.apps))}
    assert further == names - {"dev-webhook", "dev-app-key"}
    assert [name for name in names if re.search(r"-\w{6}$", name)] == []


def test_every_log_ends_some_day(stack: Deployed) -> None:
    logs = stack.of("cloudwatch/logGroup:LogGroup")

    assert logs.keys() == {"access", "runners", *(function.name for function in wiring.FUNCTIONS)}
    assert {log.inputs["retentionInDays"] for log in logs.values()} == {30}


def test_only_listed_actions_are_allowed_on_everything(stack: Deployed) -> None:
    found = policies_of(stack)

    # A resource-based policy names its one resource as text.
    everywhere = {
        action
        for statements in found.values()
        for statement in statements
        if statement["Effect"] == "Allow" and "*" in statement["Resource"]
        for action in statement["Action"]
    }
    assert everywhere == policies.WHOLE_ACCOUNT.keys()


def test_no_policy_allows_a_whole_service(stack: Deployed) -> None:
    found = policies_of(stack)

    broad = [
        (name, action)
        for name, statements in found.items()
        for statement in statements
        if statement["Effect"] == "Allow"
        for action in statement["Action"]
        if "*" in action
    ]
    assert broad == []
    others = ("machine", "machine-log", "scheduler", "cache", "archive", "topic")
    assert len(found) == len(wiring.FUNCTIONS) + len(others) + 2 * len(wiring.QUEUES)


@pytest.mark.parametrize("function", wiring.FUNCTIONS, ids=lambda function: function.name)
def test_each_functions_role_has_its_grants_and_its_own_log(function: wiring.Function, stack: Deployed) -> None:
    policy = stack.of("iam/rolePolicy:RolePolicy")[function.name].json("policy")

    allowed = {action for statement in policy["Statement"] for action in statement["Action"]}
    granted = {action for grant in function.grants for action in grant.actions}
    assert allowed - granted == {"logs:CreateLogStream", "logs:PutLogEvents"}
    assert granted <= allowed
    assert policy["Statement"][-1]["Resource"] == [
        f"arn:aws:logs:us-east-1:123456789012:log-group:/aws/lambda/dev-us-east-1-{function.name}:*"
    ]


def test_the_machines_role_can_claim_report_and_read_the_cache(stack: Deployed) -> None:
    policy = stack.of("iam/rolePolicy:RolePolicy")["machine"].json("policy")

    allowed = {action for statement in policy["Statement"] for action in statement["Action"]}
    shell = {action for statement in policies.session(Place("us-east-1", "")) for action in statement["Action"]}
    assert allowed == {action for grant in wiring.MACHINE_GRANTS for action in grant.actions} | shell
    assert re.fullmatch(
        r"arn:aws:execute-api:us-east-1:123456789012:\w+/\$default/POST/claim", policy["Statement"][0]["Resource"][0]
    )


def test_a_machine_writes_its_own_log_stream_in_a_role_that_it_takes_under_its_own_name(stack: Deployed) -> None:
    role = stack.of("iam/role:Role")["machine-log"]
    (trust,) = role.json("assumeRolePolicy")["Statement"]
    (begin, write) = stack.of("iam/rolePolicy:RolePolicy")["machine-log"].json("policy")["Statement"]
    (take,) = (
        statement
        for statement in stack.of("iam/rolePolicy:RolePolicy")["machine"].json("policy")["Statement"]
        if "sts:AssumeRole" in statement["Action"]
    )

    own = "arn:aws:ec2:us-east-1:123456789012:instance/${aws:RequestTag/machine}"
    machine = "arn:aws:iam::123456789012:role/spotrunner/dev-us-east-1-machine"
    log = "arn:aws:logs:us-east-1:123456789012:log-group:/spotrunner/dev-us-east-1/runners"
    assert trust["Principal"] == {"AWS": "arn:aws:iam::123456789012:root"}
    assert trust["Condition"]["ArnEquals"] == {"ec2:SourceInstanceARN": own, "aws:PrincipalArn": [machine]}
    assert take["Condition"]["ArnEquals"] == {"ec2:SourceInstanceARN": own}
    assert take["Resource"] == ["arn:aws:iam::123456789012:role/spotrunner/dev-us-east-1-machine-log"]
    assert (begin["Action"], begin["Resource"]) == (["logs:CreateLogStream"], [log, f"{log}:log-stream:"])
    assert write["Resource"] == [f"{log}:log-stream:${{aws:PrincipalTag/machine}}"]


def test_each_role_is_taken_by_one_service_but_the_log_role_by_machines(stack: Deployed) -> None:
    roles = stack.of("iam/role:Role")

    takers = {
        name: statement["Principal"].get("Service", statement["Principal"].get("AWS"))
        for name, role in roles.items()
        for statement in role.json("assumeRolePolicy")["Statement"]
    }
    functions = {function.name: "lambda.amazonaws.com" for function in wiring.FUNCTIONS}
    services = {**functions, "machine": "ec2.amazonaws.com", "scheduler": "scheduler.amazonaws.com"}
    assert takers == {**services, "machine-log": "arn:aws:iam::123456789012:root"}


@pytest.mark.parametrize("function", wiring.FUNCTIONS, ids=lambda function: function.name)
def test_each_function_is_as_the_wiring_has_it(function: wiring.Function, stack: Deployed) -> None:
    found = stack.of("lambda/function:Function")[function.name].inputs

    assert (found["handler"], found["timeout"], found["memorySize"]) == (
        function.handler,
        function.timeout_s,
        function.memory_mb,
    )
    assert (found["runtime"], found["architectures"]) == ("python3.13", ["arm64"])
    assert found["code"]["archive"].endswith("webhook.zip" if function is wiring.WEBHOOK else "functions.zip")
    assert found["role"].endswith(f"/dev-us-east-1-{function.name}")


@pytest.mark.parametrize("function", wiring.FUNCTIONS, ids=lambda function: function.name)
def test_each_functions_environment_is_its_settings(function: wiring.Function, stack: Deployed) -> None:
    variables = stack.of("lambda/function:Function")[function.name].inputs["environment"]["variables"]

    settings = Settings.read(variables)

    assert settings.environ() == variables
    assert (settings.stack, settings.region, settings.app_id) == ("dev-us-east-1", "us-east-1", "1234567")
    # Lambda takes 4 KiB of variables; two more zones and platforms must still fit.
    assert sum(len(name) + len(value) for name, value in variables.items()) < 3_600


def test_the_settings_lead_to_what_was_made(stack: Deployed) -> None:
    variables = stack.of("lambda/function:Function")["claim"].inputs["environment"]["variables"]

    settings = Settings.read(variables)

    tables = {settings.jobs_table, settings.runners_table, settings.launches_table, settings.memory_table}
    assert tables == {table.inputs["name"] for table in stack.of("dynamodb/table:Table").values()}
    assert settings.jobs_queue_url == stack.outputs["queues"]["jobs"]
    assert settings.webhook_secret_id == stack.outputs["secrets"]["webhook"]
    buckets = {name: bucket.inputs["bucket"] for name, bucket in stack.of("s3/bucket:Bucket").items()}
    assert buckets == {"cache": settings.runner_cache_bucket, "archive": settings.archive_bucket}
    assert buckets == stack.outputs["buckets"]
    assert [pair.split("=")[0] for pair in settings.subnets.split(",")] == ["us-east-1a", "us-east-1b", "us-east-1c"]
    assert re.fullmatch(r"linux/arm64=lt-\w+,linux/x64=lt-\w+", settings.launch_templates)


def test_queues_call_their_functions_and_take_partial_failures_back(stack: Deployed) -> None:
    mappings = stack.of("lambda/eventSourceMapping:EventSourceMapping")
    polled = {f.name: f.trigger for f in wiring.FUNCTIONS if isinstance(f.trigger, wiring.Poll)}

    assert mappings.keys() == polled.keys()
    for name, poll in polled.items():
        found = mappings[name].inputs
        assert found["eventSourceArn"].endswith(f":dev-us-east-1-{poll.queue.name}")
        assert found["functionName"].endswith(f":dev-us-east-1-{name}")
        assert (found["batchSize"], found["maximumBatchingWindowInSeconds"]) == (poll.batch, poll.window_s)
        assert found["scalingConfig"] == {"maximumConcurrency": poll.max_concurrency}
        assert found["functionResponseTypes"] == ["ReportBatchItemFailures"]


def test_a_message_stays_hidden_for_as_long_as_its_function_may_work_on_it(stack: Deployed) -> None:
    functions = stack.of("lambda/function:Function")

    for function in wiring.FUNCTIONS:
        if isinstance(function.trigger, wiring.Poll):
            queue = stack.of("sqs/queue:Queue")[function.trigger.queue.name]
            assert queue.inputs["visibilityTimeoutSeconds"] >= 3 * functions[function.name].inputs["timeout"]


def test_the_webhook_route_is_open_and_the_claim_route_asks_for_a_signature(stack: Deployed) -> None:
    routes = stack.of("apigatewayv2/route:Route")

    assert {route.inputs["routeKey"]: route.inputs["authorizationType"] for route in routes.values()} == {
        "POST /webhook/github": "NONE",
        "POST /claim": "AWS_IAM",
    }


def test_the_address_on_the_internet_is_throttled_and_its_log_holds_no_headers(stack: Deployed) -> None:
    stage = stack.one("apigatewayv2/stage:Stage").inputs

    assert stage["defaultRouteSettings"] == {"throttlingRateLimit": 500, "throttlingBurstLimit": 1_000}
    assert "$context.status" in stage["accessLogSettings"]["format"]
    assert not re.search("header|authorizer|body", stage["accessLogSettings"]["format"])


def test_only_the_stacks_own_routes_may_call_a_function(stack: Deployed) -> None:
    permissions = stack.of("lambda/permission:Permission")

    assert permissions.keys() == {f.name for f in wiring.FUNCTIONS if isinstance(f.trigger, wiring.Route)}
    for permission in permissions.values():
        assert permission.inputs["sourceAccount"] == "123456789012"
        assert permission.inputs["sourceArn"].endswith(("/$default/POST/webhook/github", "/$default/POST/claim"))


def test_the_schedules_are_as_the_wiring_has_them(stack: Deployed) -> None:
    schedules = stack.of("scheduler/schedule:Schedule")

    assert {
        name: (found.inputs["scheduleExpression"], json.loads(found.inputs["target"]["input"]))
        for name, found in schedules.items()
    } == {
        schedule.name: (
            "rate(1 minute)" if schedule.every_s == 60 else f"rate({schedule.every_s // 60} minutes)",
            schedule.body,
        )
        for schedule in wiring.SCHEDULES
    }


def test_the_scheduler_may_send_to_the_queues_it_uses_and_no_others(stack: Deployed) -> None:
    policy = stack.of("iam/rolePolicy:RolePolicy")["scheduler"].json("policy")

    targets = {found.inputs["target"]["arn"] for found in stack.of("scheduler/schedule:Schedule").values()}
    assert policy["Statement"] == [{"Effect": "Allow", "Action": ["sqs:SendMessage"], "Resource": sorted(targets)}]


@pytest.mark.parametrize("platform", ["linux-x64", "linux-arm64"])
def test_a_machine_dies_by_power_off_and_needs_a_token_for_its_metadata(platform: str, stack: Deployed) -> None:
    template = stack.of("ec2/launchTemplate:LaunchTemplate")[platform].inputs

    assert template["instanceInitiatedShutdownBehavior"] == "terminate"
    assert template["updateDefaultVersion"] is True
    assert template["metadataOptions"] == {
        "httpEndpoint": "enabled",
        "httpTokens": "required",
        "httpPutResponseHopLimit": 1,
        "instanceMetadataTags": "enabled",
    }
    assert "keyName" not in template


@pytest.mark.parametrize("platform", ["linux-x64", "linux-arm64"])
def test_a_machines_disk_is_encrypted_and_dies_with_it(platform: str, stack: Deployed) -> None:
    (disk,) = stack.of("ec2/launchTemplate:LaunchTemplate")[platform].inputs["blockDeviceMappings"]

    assert disk["deviceName"] == "/dev/sda1"
    assert disk["ebs"] == {
        "volumeType": "gp3",
        "volumeSize": 40,
        "throughput": 250,
        "encrypted": "true",
        "deleteOnTermination": "true",
    }


@pytest.mark.parametrize("platform", ["linux-x64", "linux-arm64"])
def test_everything_launched_carries_the_tag_that_lets_the_stack_end_it(platform: str, stack: Deployed) -> None:
    tagged = stack.of("ec2/launchTemplate:LaunchTemplate")[platform].inputs["tagSpecifications"]

    assert {spec["resourceType"]: spec["tags"][wiring.TAG_STACK] for spec in tagged} == dict.fromkeys(
        ("instance", "volume", "network-interface"), "dev-us-east-1"
    )


@pytest.mark.parametrize("platform", ["linux-x64", "linux-arm64"])
def test_user_data_is_where_to_claim_and_nothing_else(platform: str, stack: Deployed) -> None:
    template = stack.of("ec2/launchTemplate:LaunchTemplate")[platform].inputs

    user_data = json.loads(base64.b64decode(template["userData"]))

    assert user_data == {
        "claim_url": stack.outputs["claim_url"],
        "stack": "dev-us-east-1",
        "claim_deadline_s": 180.0,
    }


def test_the_outputs_tell_an_operator_where_to_go_next(stack: Deployed) -> None:
    outputs = stack.outputs

    assert re.fullmatch(r"https://\w+\.execute-api\.us-east-1\.amazonaws\.com/webhook/github", outputs["webhook_url"])
    assert outputs["claim_url"].endswith(".amazonaws.com/claim")
    assert "dashboards:name=dev-us-east-1" in outputs["dashboard_url"]
    assert outputs["secrets"].keys() == {"webhook", "app-key"}
    assert "webhook_url" in outputs["next"]


def test_the_operator_sees_the_archives_sizes_and_no_warning(stack: Deployed) -> None:
    assert [level for level, _ in stack.messages if level != "INFO"] == []
    assert any("webhook.zip: " in text and "KiB" in text for _, text in stack.messages)


def test_two_runs_ask_for_the_same(runs: Mapping[str, Deployed]) -> None:
    assert runs["again"] == runs["up"]


def test_the_first_preview_works_with_nothing_known_yet(runs: Mapping[str, Deployed]) -> None:
    assert [str(found) for found in runs["preview"].resources] == [str(found) for found in runs["up"].resources]


def test_a_given_network_is_used_as_it_is(runs: Mapping[str, Deployed]) -> None:
    given = runs["given network"]

    variables = given.of("lambda/function:Function")["claim"].inputs["environment"]["variables"]

    assert not [found for found in given.resources if found.type.startswith(("aws:ec2/vpc", "aws:ec2/subnet"))]
    assert given.one("ec2/securityGroup:SecurityGroup").inputs["vpcId"] == "vpc-0abc"
    assert variables["SPOTRUNNER_SUBNETS"] == "us-east-1a=subnet-0a,us-east-1b=subnet-0b"


def test_a_platform_without_an_image_gets_neither_template_nor_configurations(runs: Mapping[str, Deployed]) -> None:
    given = runs["given network"]

    assert given.of("ec2/launchTemplate:LaunchTemplate").keys() == {"linux-x64"}
    assert given.of("ssm/parameter:Parameter").keys() == {"linux-2cpu", "linux-4cpu", "settings"}


def test_an_operator_finds_in_one_parameter_what_the_functions_are_told(stack: Deployed) -> None:
    parameter = stack.of("ssm/parameter:Parameter")["settings"].inputs
    variables = stack.of("lambda/function:Function")["dispatch"].inputs["environment"]["variables"]

    told = wire.loads(Settings, parameter["insecureValue"])

    assert parameter["name"] == "/spotrunner/dev-us-east-1/settings"
    assert told == Settings.read(variables)
    assert parameter["tier"] == "Intelligent-Tiering"


def test_the_role_for_spot_is_made_only_where_asked_for(runs: Mapping[str, Deployed]) -> None:
    made = {name: run.of("iam/serviceLinkedRole:ServiceLinkedRole").keys() for name, run in runs.items()}

    assert made["up"] == set()
    assert made["given network"] == {"spot"}


def test_alarms_tell_the_topic_where_there_is_one(runs: Mapping[str, Deployed]) -> None:
    told = {
        name: {tuple(alarm.inputs["alarmActions"]) for alarm in run.of("cloudwatch/metricAlarm:MetricAlarm").values()}
        for name, run in runs.items()
    }

    assert told["up"] == {("arn:aws:sns:us-east-1:123456789012:dev-us-east-1-alerts",)}
    assert told["given network"] == {("arn:aws:sns:us-east-1:123456789012:on-call",)}


def test_the_program_is_where_the_project_file_says() -> None:
    text = (ROOT / "Pulumi.yaml").read_text()

    assert "main: infra\n" in text
    assert "stackConfigDir: stacks\n" in text
    assert (ROOT / "infra" / "__main__.py").is_file()
