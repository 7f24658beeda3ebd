from __future__ import annotations

import json
import time
import urllib.request
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError
from moto.sqs.models import Message as MotoMessage

from controller.local.aws.principals import ACCOUNT, Principal, PrincipalKind
from controller.local.aws.sqs import Sqs
from runner_agent.contract.sigv4 import Scope, sign
from tests.controller.local.aws.rig import Front

MACHINE = Principal(PrincipalKind.INSTANCE, "i-0123", "stack-runner", "i-0123")


@pytest.fixture
def account(front: Callable[..., Front]) -> Front:
    gate = front()
    gate.gate.services["sqs"] = Sqs(gate.server.url, "us-east-1").answer
    return gate


def code_of(call: Callable[[], Any]) -> str:
    with pytest.raises(ClientError) as caught:
        call()
    return str(caught.value.response["Error"]["Code"])


def test_a_message_says_who_sent_it_however_the_sender_calls_itself(account: Front) -> None:
    sqs, machine = account.client("sqs"), account.client("sqs", MACHINE)
    url = sqs.create_queue(QueueName="reports")["QueueUrl"]
    before = int(time.time() * 1000)

    machine.send_message(QueueUrl=url, MessageBody='{"instance_id":"i-forged"}')
    (received,) = sqs.receive_message(QueueUrl=url, MessageSystemAttributeNames=["All"])["Messages"]

    assert received["Attributes"]["SenderId"] == f"{MACHINE.role_id}:i-0123"
    assert received["Attributes"]["ApproximateReceiveCount"] == "1"
    assert before <= int(received["Attributes"]["SentTimestamp"]) <= time.time() * 1000


def test_a_plain_signed_request_sends_a_message(account: Front) -> None:
    sqs = account.client("sqs")
    url = sqs.create_queue(QueueName="reports")["QueueUrl"]
    keys = account.credentials.issue(MACHINE, time.time() + 60).keys
    body = json.dumps({"QueueUrl": url, "MessageBody": "über"}).encode()
    headers = {"Content-Type": "application/x-amz-json-1.0", "X-Amz-Target": "AmazonSQS.SendMessage"}

    base = account.server.url + "/"
    signed = sign("POST", base, headers, body, keys, Scope("us-east-1", "sqs"), time.time())
    with urllib.request.urlopen(urllib.request.Request(base, body, signed)) as answer:  # noqa: S310 - our own server
        told = json.load(answer)

    (received,) = sqs.receive_message(QueueUrl=url)["Messages"]
    assert (received["Body"], received["MessageId"]) == ("über", told["MessageId"])


def test_a_batch_tells_each_entrys_fate(account: Front) -> None:
    sqs = account.client("sqs")
    url = sqs.create_queue(QueueName="jobs")["QueueUrl"]
    entries = [{"Id": "a", "MessageBody": "one"}, {"Id": "b", "MessageBody": ""}]

    told = sqs.send_message_batch(QueueUrl=url, Entries=entries)

    assert [entry["Id"] for entry in told["Successful"]] == ["a"]
    assert [(entry["Id"], entry["SenderFault"]) for entry in told["Failed"]] == [("b", True)]


def test_deleting_and_hiding_work_one_by_one_and_in_batches(account: Front) -> None:
    sqs = account.client("sqs")
    url = sqs.create_queue(QueueName="jobs")["QueueUrl"]
    sqs.send_message_batch(QueueUrl=url, Entries=[{"Id": str(n), "MessageBody": str(n)} for n in range(4)])
    handles = [m["ReceiptHandle"] for m in sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]]

    sqs.delete_message(QueueUrl=url, ReceiptHandle=handles[0])
    deleted = sqs.delete_message_batch(QueueUrl=url, Entries=[{"Id": "x", "ReceiptHandle": handles[1]}])
    sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=handles[2], VisibilityTimeout=0)
    shown = sqs.change_message_visibility_batch(
        QueueUrl=url,
        Entries=[
            {"Id": "y", "ReceiptHandle": handles[3], "VisibilityTimeout": 0},
            {"Id": "z", "ReceiptHandle": handles[0], "VisibilityTimeout": 0},
        ],
    )

    assert [entry["Id"] for entry in deleted["Successful"]] == ["x"]
    assert ([e["Id"] for e in shown["Successful"]], [e["Id"] for e in shown["Failed"]]) == (["y"], ["z"])
    back = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]
    assert sorted(m["Body"] for m in back) == ["2", "3"]


def test_message_attributes_come_back_with_the_digest_that_sqs_gives(account: Front) -> None:
    sqs = account.client("sqs")
    url = sqs.create_queue(QueueName="jobs")["QueueUrl"]
    attributes = {
        "trace": {"DataType": "String", "StringValue": "00-abc"},
        "blob": {"DataType": "Binary", "BinaryValue": b"\x00\x01"},
    }

    sent = sqs.send_message(QueueUrl=url, MessageBody="x", MessageAttributes=attributes)
    (received,) = sqs.receive_message(QueueUrl=url, MessageAttributeNames=["trace"])["Messages"]

    by_moto = MotoMessage("1", "x", {})
    by_moto.message_attributes = attributes
    assert sent["MD5OfMessageAttributes"] == by_moto.attribute_md5
    assert received["MessageAttributes"] == {"trace": {"DataType": "String", "StringValue": "00-abc"}}


def test_a_long_poll_returns_what_comes_meanwhile(account: Front) -> None:
    sqs = account.client("sqs")
    url = sqs.create_queue(QueueName="jobs")["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody="soon", DelaySeconds=1)

    received = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=20)

    assert [m["Body"] for m in received["Messages"]] == ["soon"]


def test_redrive_follows_the_queues_policy(account: Front) -> None:
    sqs = account.client("sqs")
    dead = sqs.create_queue(QueueName="jobs-dead")["QueueUrl"]
    policy = {"deadLetterTargetArn": f"arn:aws:sqs:us-east-1:{ACCOUNT}:jobs-dead", "maxReceiveCount": 2}
    url = sqs.create_queue(QueueName="jobs", Attributes={"RedrivePolicy": json.dumps(policy)})["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody="poison")

    for _ in range(3):
        for message in sqs.receive_message(QueueUrl=url).get("Messages", []):
            sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=0)

    assert sqs.receive_message(QueueUrl=dead)["Messages"][0]["Body"] == "poison"


def test_the_attributes_of_a_queue_can_be_set_and_read(account: Front) -> None:
    sqs = account.client("sqs")
    url = sqs.create_queue(QueueName="jobs", Attributes={"VisibilityTimeout": "180"})["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody="x")
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"MessageRetentionPeriod": "60"})

    told = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]

    assert told["VisibilityTimeout"] == "180"
    assert told["MessageRetentionPeriod"] == "60"
    assert told["ApproximateNumberOfMessages"] == "1"
    assert told["QueueArn"] == f"arn:aws:sqs:us-east-1:{ACCOUNT}:jobs"


def test_queues_can_be_found_listed_purged_and_deleted(account: Front) -> None:
    sqs = account.client("sqs")
    url = sqs.create_queue(QueueName="jobs")["QueueUrl"]
    sqs.create_queue(QueueName="other")
    sqs.send_message(QueueUrl=url, MessageBody="x")

    found = sqs.get_queue_url(QueueName="jobs")["QueueUrl"]
    listed = sqs.list_queues(QueueNamePrefix="jo")["QueueUrls"]
    sqs.purge_queue(QueueUrl=url)
    empty = sqs.receive_message(QueueUrl=url)
    sqs.delete_queue(QueueUrl=url)

    assert (found, listed) == (url, [url])
    assert "Messages" not in empty
    with pytest.raises(sqs.exceptions.QueueDoesNotExist):
        sqs.send_message(QueueUrl=url, MessageBody="x")


def test_what_sqs_refuses_is_refused_with_its_codes(account: Front) -> None:
    sqs = account.client("sqs")
    url = sqs.create_queue(QueueName="jobs")["QueueUrl"]
    many = [{"Id": str(n), "MessageBody": "x"} for n in range(11)]
    twice = [{"Id": "a", "MessageBody": "x"}] * 2
    large = [{"Id": str(n), "MessageBody": "x" * 600_000} for n in range(2)]

    codes = [
        code_of(lambda: sqs.get_queue_url(QueueName="none")),
        code_of(lambda: sqs.send_message_batch(QueueUrl=url, Entries=many)),
        code_of(lambda: sqs.send_message_batch(QueueUrl=url, Entries=twice)),
        code_of(lambda: sqs.send_message_batch(QueueUrl=url, Entries=[])),
        code_of(lambda: sqs.send_message_batch(QueueUrl=url, Entries=large)),
        code_of(lambda: sqs.send_message(QueueUrl=url, MessageBody="x" * 1_048_577)),
        code_of(lambda: sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=11)),
        code_of(lambda: sqs.delete_message(QueueUrl=url, ReceiptHandle="nonsense")),
        code_of(lambda: sqs.list_message_move_tasks(SourceArn="arn:aws:sqs:us-east-1:111122223333:jobs")),
    ]

    assert codes == [
        "AWS.SimpleQueueService.NonExistentQueue",
        "AWS.SimpleQueueService.TooManyEntriesInBatchRequest",
        "AWS.SimpleQueueService.BatchEntryIdsNotDistinct",
        "AWS.SimpleQueueService.EmptyBatchRequest",
        "AWS.SimpleQueueService.BatchRequestTooLong",
        "InvalidParameterValue",
        "InvalidParameterValue",
        "ReceiptHandleIsInvalid",
        "InvalidAction",
    ]
