from __future__ import annotations

import json

import pytest

from controller.adapters.aws.clients import Clients
from controller.adapters.aws.queue import SqsBacklog, SqsOutbox
from controller.adapters.aws.routes import Queues
from controller.errors import Unavailable
from controller.messages import Delivery
from tests.controller.adapters.scripted import Play, ScriptedServer
from tests.fakes import samples

URL = "https://sqs.example/1/jobs"
JSON = {"Content-Type": "application/x-amz-json-1.0"}


def answered(status: int = 200, **data: object) -> Play:
    return Play(status, json.dumps(data), JSON)


def batch(first: int, count: int) -> Play:
    return answered(
        Messages=[
            {"MessageId": f"m-{n}", "ReceiptHandle": f"r-{n}", "Body": "{}", "Attributes": {"SenderId": "AROA:i-1"}}
            for n in range(first, first + count)
        ]
    )


def test_a_queue_that_is_not_there_does_not_drop_the_job(scripted: ScriptedServer, scripted_clients: Clients) -> None:
    scripted.play(answered(400, __type="com.amazonaws.sqs#QueueDoesNotExist", message="no such queue"))

    with pytest.raises(Unavailable, match=r"queued message to .*jobs: "):
        SqsOutbox(scripted_clients, Queues(URL, URL)).send(samples.queued(1))


def test_what_was_taken_before_a_fault_is_handed_out(scripted: ScriptedServer, scripted_clients: Clients) -> None:
    scripted.play(batch(0, 10), *[answered(403, __type="AccessDeniedException")])

    taken = SqsBacklog(scripted_clients, URL).take(30)

    assert [delivery.id for delivery in taken] == [f"m-{n}" for n in range(10)]
    assert taken[0] == Delivery("m-0", "{}", "AROA:i-1", "r-0")


def test_a_fault_at_once_is_unavailable(scripted: ScriptedServer, scripted_clients: Clients) -> None:
    scripted.play(answered(403, __type="AccessDeniedException"))

    with pytest.raises(Unavailable, match="AccessDenied"):
        SqsBacklog(scripted_clients, URL).take(30)


def test_messages_are_taken_ten_at_a_time_up_to_the_limit(scripted: ScriptedServer, scripted_clients: Clients) -> None:
    scripted.play(batch(0, 10), batch(10, 2))

    taken = SqsBacklog(scripted_clients, URL).take(12)

    assert len(taken) == 12
    assert [json.loads(seen.body)["MaxNumberOfMessages"] for seen in scripted.seen] == [10, 2]


def test_what_could_not_be_deleted_is_named(scripted: ScriptedServer, scripted_clients: Clients) -> None:
    deliveries = [Delivery(f"m-{n}", "{}", "", f"r-{n}") for n in range(12)]
    failed = {"Id": "1", "SenderFault": False, "Code": "InternalError"}
    scripted.play(answered(Successful=[]), answered(Successful=[], Failed=[failed]))

    with pytest.raises(Unavailable, match=r"not deleted: m-11$"):
        SqsBacklog(scripted_clients, URL).done(deliveries)

    assert len(scripted.seen) == 2
