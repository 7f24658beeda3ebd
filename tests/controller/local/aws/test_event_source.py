from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from controller import wiring
from controller.local.aws.cloud import LocalCloud
from controller.local.aws.environment import Outcome
from controller.local.aws.event_source import failures
from controller.local.aws.principals import ACCOUNT, PrincipalKind
from tests.controller.local.aws.rig import eventually

pytestmark = pytest.mark.local_cloud


DOORS = """
import json, os, time

def dispatch(event, context):
    for record in event["Records"]:
        print(json.dumps(record), flush=True)
    bodies = [record["body"] for record in event["Records"]]
    if "fail" in bodies:
        raise RuntimeError("planned")
    return {"batchItemFailures": [
        {"itemIdentifier": record["messageId"]} for record in event["Records"] if record["body"] == "poison"
    ]}

def reports(event, context):
    print(len(event["Records"]), flush=True)

def housekeeping(event, context):
    folder = json.loads(event["Records"][0]["body"])
    open(os.path.join(folder, str(os.getpid())), "w").close()
    while len(os.listdir(folder)) < 2:
        time.sleep(0.01)
"""
QUEUES = (
    wiring.Queue("jobs", visibility_s=2, max_receives=2),
    wiring.Queue("reports", visibility_s=60),
    wiring.Queue("housekeeping", visibility_s=60),
)


def takes(queue: str) -> wiring.Grant:
    return wiring.Grant(("sqs:ReceiveMessage", "sqs:DeleteMessage"), f"queue:{queue}", "its event source")


FUNCTIONS = (
    wiring.Function("dispatch", wiring.Poll(QUEUES[0], 10, 0, 2), 20, 128, (takes("jobs"),)),
    wiring.Function("reports", wiring.Poll(QUEUES[1], 100, 1, 2), 20, 128, (takes("reports"),)),
    wiring.Function("housekeeping", wiring.Poll(QUEUES[2], 1, 0, 2), 20, 128, (takes("housekeeping"),)),
)


@pytest.fixture(scope="module")
def cloud(start_cloud: Callable[..., LocalCloud]) -> LocalCloud:
    """With a warm dispatch: one that starts for longer than a message stays hidden would be handed it again."""
    cloud = start_cloud(DOORS, functions=FUNCTIONS, queues=QUEUES, rules=(), concurrency={"housekeeping": 2})
    send(cloud, "jobs", "warm")
    eventually(lambda: records(cloud, "warm") and not cloud.queue_depths()["jobs"].in_flight)
    return cloud


def send(cloud: LocalCloud, queue: str, body: str, **more: object) -> None:
    url = getattr(cloud.settings, f"{queue}_queue_url")
    cloud.client("sqs").send_message(QueueUrl=url, MessageBody=body, **more)


def records(cloud: LocalCloud, body: str) -> list[dict[str, Any]]:
    """What dispatch was handed, as it printed it."""
    lines = [line for line in cloud.function_log("dispatch").splitlines() if line.startswith("{")]
    return [record for record in map(json.loads, lines) if record["body"] == body]


def test_a_message_becomes_a_record_as_lambda_has_it(cloud: LocalCloud) -> None:
    attribute = {"n": {"DataType": "String", "StringValue": "v"}}

    send(cloud, "jobs", "hello", MessageAttributes=attribute)
    eventually(lambda: records(cloud, "hello"))

    (record,) = records(cloud, "hello")
    assert record["eventSource"] == "aws:sqs"
    assert record["eventSourceARN"] == f"arn:aws:sqs:us-east-1:{ACCOUNT}:demo-local-jobs"
    assert record["awsRegion"] == "us-east-1"
    assert record["md5OfBody"] == "5d41402abc4b2a76b9719d911017c592"
    assert record["attributes"]["ApproximateReceiveCount"] == "1"
    assert record["attributes"]["SenderId"].endswith(":admin")
    assert record["messageAttributes"] == {
        "n": {"stringValue": "v", "dataType": "String", "stringListValues": [], "binaryListValues": []}
    }


def test_what_succeeded_is_deleted_and_only_what_failed_comes_again_until_it_is_dead(cloud: LocalCloud) -> None:
    entries = [{"Id": str(n), "MessageBody": body} for n, body in enumerate(("fine", "poison", "fine too"))]
    cloud.client("sqs").send_message_batch(QueueUrl=cloud.settings.jobs_queue_url, Entries=entries)

    eventually(lambda: cloud.queue_depths()["jobs-dead"].ready)

    assert [record["attributes"]["ApproximateReceiveCount"] for record in records(cloud, "poison")] == ["1", "2"]
    assert len(records(cloud, "fine")) == len(records(cloud, "fine too")) == 1
    eventually(lambda: cloud.queue_depths()["jobs"].in_flight == 0)
    dead = cloud.settings.jobs_queue_url + "-dead"
    (message,) = cloud.client("sqs").receive_message(QueueUrl=dead)["Messages"]
    assert message["Body"] == "poison"


def test_after_an_error_the_whole_batch_comes_again(cloud: LocalCloud) -> None:
    send(cloud, "jobs", "fail")

    eventually(lambda: cloud.functions()["dispatch"].errors >= 2)

    assert [record["attributes"]["ApproximateReceiveCount"] for record in records(cloud, "fail")] == ["1", "2"]


def test_a_window_gathers_a_batch_beyond_what_one_receive_gives(cloud: LocalCloud) -> None:
    for start in (0, 10, 20):
        entries = [{"Id": str(n), "MessageBody": str(n)} for n in range(start, start + 10)]
        cloud.client("sqs").send_message_batch(QueueUrl=cloud.settings.reports_queue_url, Entries=entries)

    eventually(lambda: sum(map(int, cloud.function_log("reports").split())) == 30)

    assert max(map(int, cloud.function_log("reports").split())) > 10
    eventually(lambda: cloud.queue_depths()["reports"].in_flight == 0)


def test_batches_run_side_by_side(cloud: LocalCloud, tmp_path: Path) -> None:
    for _ in range(2):
        send(cloud, "housekeeping", json.dumps(str(tmp_path)))

    eventually(lambda: len(list(tmp_path.iterdir())) == 2)


def test_the_pollers_own_calls_are_counted_apart(cloud: LocalCloud) -> None:
    send(cloud, "jobs", "counted")
    eventually(lambda: records(cloud, "counted") and cloud.queue_depths()["jobs"].in_flight == 0)

    own = {call.action for call in cloud.calls if call.principal == "event-source:dispatch"}

    assert own == {"ReceiveMessage", "DeleteMessageBatch"}
    assert {call.kind for call in cloud.calls if call.action == "ReceiveMessage"} >= {PrincipalKind.SERVICE}


@pytest.mark.parametrize(
    ("payload", "failed"),
    [
        ("null", set()),
        ("{}", set()),
        ('{"batchItemFailures":null}', set()),
        ('{"batchItemFailures":[]}', set()),
        ('{"batchItemFailures":[{"itemIdentifier":"a"}]}', {"a"}),
        ('{"batchItemFailures":[{"itemIdentifier":"unknown"}]}', {"a", "b"}),
        ('{"batchItemFailures":[{"itemIdentifier":""}]}', {"a", "b"}),
        ('{"batchItemFailures":[{"itemIdentifier":null}]}', {"a", "b"}),
        ('{"batchItemFailures":[{"id":"a"}]}', {"a", "b"}),
        ('{"batchItemFailures":"a"}', {"a", "b"}),
        ('"text"', {"a", "b"}),
        ("not json", {"a", "b"}),
    ],
)
def test_lambda_reads_the_answer_to_a_batch(payload: str, failed: set[str]) -> None:
    assert failures(Outcome(payload.encode()), {"a", "b"}) == failed


@pytest.mark.parametrize("outcome", [None, Outcome(b'{"batchItemFailures":[]}', "Unhandled")])
def test_without_an_answer_all_of_the_batch_failed(outcome: Outcome | None) -> None:
    assert failures(outcome, {"a", "b"}) == {"a", "b"}
