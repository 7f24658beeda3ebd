"""The doors as they are deployed: nothing named that does not exist, nothing allowed that is not needed."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from pathlib import Path

import pytest

from controller import messages, schema, wiring
from controller.messages import Chore, Chores, Wake
from controller.settings import Settings, variable
from controller.wiring import (
    FUNCTIONS,
    HOUSEKEEPER,
    HOUSEKEEPING,
    JOBS,
    MACHINE_GRANTS,
    QUEUES,
    REPORTS_DOOR,
    RESOURCES,
    SCHEDULES,
    WEBHOOK,
    Function,
    Grant,
    Poll,
    Route,
)

every_function = pytest.mark.parametrize("function", FUNCTIONS, ids=lambda function: function.name)


def all_grants() -> list[Grant]:
    return [grant for function in FUNCTIONS for grant in function.grants] + [*MACHINE_GRANTS, *wiring.LOG_GRANTS]


def actions(grants: Iterable[Grant]) -> set[str]:
    return {action for grant in grants for action in grant.actions}


@pytest.mark.parametrize("grant", all_grants(), ids=lambda grant: f"{grant.actions[0]} {grant.resource}")
def test_a_grant_is_on_something_that_exists_and_says_why(grant: Grant) -> None:
    kind, _, name = grant.resource.partition(":")
    known = {
        "table": {table.name for table in schema.TABLES},
        "index": {table.name for table in schema.TABLES if table.indexes},
        "queue": {queue.name for queue in QUEUES},
        "dead-queue": {queue.name for queue in QUEUES},
        "peer-queue": {queue.name for queue in QUEUES},
        "secret": {"webhook", "app-key"},
    }

    assert kind in RESOURCES
    assert name in known.get(kind, {""})
    assert grant.why


@every_function
def test_no_function_may_do_everything(function: Function) -> None:
    assert all("*" not in action for action in actions(function.grants))
    assert all(":" in action for action in actions(function.grants))
    assert all("*" not in grant.resource for grant in function.grants)


@every_function
def test_a_batch_over_ten_waits_for_it_as_aws_wants(function: Function) -> None:
    trigger = function.trigger

    if isinstance(trigger, Poll):
        assert trigger.batch <= 10 or trigger.window_s >= 1
        assert trigger.max_concurrency >= 2  # AWS takes no less
        assert trigger.window_s + function.timeout_s <= trigger.queue.visibility_s


@every_function
def test_a_message_stays_hidden_longer_than_its_function_may_run(function: Function) -> None:
    trigger = function.trigger

    if isinstance(trigger, Poll):
        assert trigger.queue.visibility_s >= 3 * function.timeout_s
        consume = next(grant for grant in function.grants if grant.resource == f"queue:{trigger.queue.name}")
        assert {"sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"} <= set(consume.actions)


def test_every_queue_has_one_reader() -> None:
    read = [function.trigger.queue.name for function in FUNCTIONS if isinstance(function.trigger, Poll)]

    assert sorted(read) == sorted(queue.name for queue in QUEUES)


def test_nobody_reads_a_queue_that_does_not_trigger_it() -> None:
    for function in FUNCTIONS:
        read = {grant.resource for grant in function.grants if "sqs:ReceiveMessage" in grant.actions}
        trigger = function.trigger

        living = {resource for resource in read if not resource.startswith("dead-queue:")}
        assert living == ({f"queue:{trigger.queue.name}"} if isinstance(trigger, Poll) else set())


def test_only_housekeeping_reads_dead_letters_and_those_of_every_queue() -> None:
    readers = {
        (function.name, grant.resource)
        for function in FUNCTIONS
        for grant in function.grants
        if grant.resource.startswith("dead-queue:")
    }

    assert readers == {(HOUSEKEEPER.name, f"dead-queue:{queue.name}") for queue in QUEUES}
    may_send_back = {grant.resource for grant in HOUSEKEEPER.grants if "sqs:SendMessage" in grant.actions}
    assert {f"queue:{queue.name}" for queue in QUEUES} <= may_send_back


def test_the_webhook_may_put_messages_on_queues_read_its_secret_and_the_routing_document_and_nothing_else() -> None:
    assert actions(WEBHOOK.grants) == {"sqs:SendMessage", "secretsmanager:GetSecretValue", "ssm:GetParameter"}
    resources = {"queue:jobs", "queue:reports", "secret:webhook", "parameters"}
    assert {grant.resource for grant in WEBHOOK.grants} == resources
    # GitHub hangs up after ten seconds.
    assert WEBHOOK.timeout_s < 10


def test_the_machines_have_no_right_in_ec2_and_none_to_read_a_secret_or_a_table() -> None:
    assert actions(MACHINE_GRANTS) == {
        "execute-api:Invoke",
        "sqs:SendMessage",
        "s3:GetObject",
        "sts:AssumeRole",
        "sts:TagSession",
    }
    assert {grant.resource for grant in MACHINE_GRANTS} == {"claim-route", "queue:reports", "cache", "log-role"}


def test_only_the_claim_door_may_fill_the_cache_and_no_machine() -> None:
    may = {(f.name, grant.resource) for f in FUNCTIONS for grant in f.grants if "s3:PutObject" in grant.actions}

    assert may == {("claim", "new-in-cache"), ("housekeeping", "archive")}
    assert "s3:PutObject" not in actions(MACHINE_GRANTS)


def test_the_role_that_machines_take_can_write_their_own_logs_and_nothing_else() -> None:
    assert actions(wiring.LOG_GRANTS) == {"logs:CreateLogStream", "logs:PutLogEvents"}
    may_write = {grant.resource for grant in wiring.LOG_GRANTS if "logs:PutLogEvents" in grant.actions}
    assert may_write == {"own-stream"}


def test_only_housekeeping_may_end_machines_and_only_those_of_this_stack() -> None:
    may = {
        (function.name, grant.resource)
        for function in FUNCTIONS
        for grant in function.grants
        if "ec2:TerminateInstances" in grant.actions
    }

    assert may == {(HOUSEKEEPER.name, "instances")}


def test_only_those_who_launch_may_launch_and_pass_the_machines_role() -> None:
    may = {function.name for function in FUNCTIONS if "ec2:CreateFleet" in actions(function.grants)}

    assert may == {"dispatch", "housekeeping"}
    assert may == {function.name for function in FUNCTIONS if "iam:PassRole" in actions(function.grants)}


def test_only_those_who_speak_to_github_hold_the_apps_key() -> None:
    holders = {f.name for f in FUNCTIONS for grant in f.grants if grant.resource == "secret:app-key"}

    assert holders == {"dispatch", "claim", "housekeeping"}


def test_the_reports_door_touches_no_cloud_and_no_secret() -> None:
    services = {action.split(":")[0] for action in actions(REPORTS_DOOR.grants)}

    assert services == {"dynamodb", "sqs"}


def test_only_housekeeping_may_delete_records_and_only_those_of_jobs() -> None:
    may = {(f.name, grant.resource) for f in FUNCTIONS for grant in f.grants if "dynamodb:DeleteItem" in grant.actions}

    assert may == {(HOUSEKEEPER.name, "table:jobs")}
    assert "dynamodb:DeleteItem" not in actions(MACHINE_GRANTS)


def test_only_the_webhook_is_open_to_unsigned_calls() -> None:
    routes = {f.name: f.trigger for f in FUNCTIONS if isinstance(f.trigger, Route)}

    assert {name: route.iam for name, route in routes.items()} == {"webhook": False, "claim": True}
    assert len({(route.method, route.path) for route in routes.values()}) == len(routes)


@every_function
def test_a_handler_is_named_after_its_function(function: Function) -> None:
    assert function.handler == f"controller.lambdas.{function.name}"


def test_every_name_is_given_once() -> None:
    for names in (
        [function.name for function in FUNCTIONS],
        [queue.name for queue in QUEUES],
        [schedule.name for schedule in SCHEDULES],
        [wiring.TAG_STACK, wiring.TAG_LAUNCH, wiring.TAG_CONFIG, wiring.TAG_ENVIRONMENT],
        [wiring.role_name("dev", name) for name in (*(f.name for f in FUNCTIONS), wiring.MACHINE, wiring.MACHINE_LOG)],
    ):
        assert len(set(names)) == len(names)


@pytest.mark.parametrize("schedule", SCHEDULES, ids=lambda schedule: schedule.name)
def test_a_scheduled_message_can_be_read_by_whoever_gets_it(schedule: wiring.Schedule) -> None:
    message = messages.read(json.dumps(schedule.body))

    assert schedule.queue in QUEUES
    assert isinstance(message, {JOBS.name: Wake, HOUSEKEEPING.name: Chore}[schedule.queue.name])
    assert schedule.every_s >= 60  # EventBridge Scheduler's smallest step


def test_every_housekeeping_task_has_its_schedule() -> None:
    assert sorted(schedule.body["task"] for schedule in SCHEDULES if "task" in schedule.body) == sorted(Chores)


def test_the_page_on_housekeeping_tells_of_every_task_and_how_often_it_runs() -> None:
    page = (Path(__file__).parents[2] / "docs" / "housekeeping.md").read_text()
    rows = dict(re.findall(r"^\| `([a-z-]+)` \| (\d+ (?:min|h)) \|", page, re.MULTILINE))

    schedules = {schedule.body["task"]: schedule.every_s for schedule in SCHEDULES if "task" in schedule.body}

    often = {60: "1 min", 300: "5 min", 900: "15 min", 3_600: "1 h"}
    assert rows == {str(task): often[every_s] for task, every_s in schedules.items()}


UNHURRIED = {"ghost-runners", "pool-audit", "old-jobs", "runner-age", "cost-report", "market"}
"""Tasks that no job and no machine waits for."""


def test_a_lost_job_is_looked_at_within_five_minutes() -> None:
    assert all(schedule.every_s <= 300 for schedule in SCHEDULES if schedule.name not in UNHURRIED)


def test_every_queue_and_table_has_its_setting() -> None:
    names = {f"{queue.name}_queue_url" for queue in QUEUES} | {f"{table.name}_table" for table in schema.TABLES}

    assert names <= set(Settings.__dataclass_fields__)
    assert all(variable(name).startswith("SPOTRUNNER_") for name in names)


@pytest.mark.parametrize("queue", QUEUES, ids=lambda queue: queue.name)
def test_a_message_is_tried_several_times_and_kept_for_days(queue: wiring.Queue) -> None:
    assert queue.max_receives >= 3
    assert queue.retention_s >= 86_400
    assert queue.visibility_s * queue.max_receives < queue.retention_s
