from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest

from controller import messages, wiring
from controller.adapters.aws.clients import Clients
from controller.adapters.aws.dead_letters import SqsDeadLetters
from controller.domain.dead_letters import DeadLetter
from controller.ports import DeadLetters
from tests.fakes.dead_letters import FakeDeadLetters

TEXT = '{"kind":"completed","name":"✓"}'


@dataclass(frozen=True, slots=True)
class Office:
    """The dead letters of two queues, how they get there, and what stands on the reports queue with its returns."""

    letters: DeadLetters
    fail: Callable[[str, str], object]
    alive: Callable[[], list[tuple[str, int]]]


@pytest.fixture(params=["fake", "sqs"])
def office(request: pytest.FixtureRequest) -> Office:
    if request.param == "fake":
        fake = FakeDeadLetters()

        def fail(queue: str, text: str) -> None:
            fake.put(DeadLetter(queue, text, text, "AROA:webhook", 1_000.0, receipt=f"{queue} {text}"))

        return Office(fake, fail, lambda: [(letter.text, letter.returns) for letter in fake.sent_back])
    clients: Clients = request.getfixturevalue("clients")
    stack: str = request.getfixturevalue("stack")
    urls = {name: clients.sqs.create_queue(QueueName=f"{stack}-{name}")["QueueUrl"] for name in ("jobs", "reports")}
    for name in urls:
        clients.sqs.create_queue(QueueName=f"{stack}-{name}{wiring.DEAD}")
    return Office(
        SqsDeadLetters(clients, urls),
        lambda queue, text: clients.sqs.send_message(QueueUrl=f"{urls[queue]}{wiring.DEAD}", MessageBody=text),
        lambda: _alive(clients, urls["reports"]),
    )


def _alive(clients: Clients, url: str) -> list[tuple[str, int]]:
    found = clients.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, MessageAttributeNames=["All"])
    return [
        (message["Body"], int(message["MessageAttributes"][messages.RETURNS]["StringValue"]))
        for message in found.get("Messages", [])
    ]


def test_letters_are_taken_by_their_queue_and_none_twice_at_once(office: Office) -> None:
    for n in range(13):
        office.fail("reports", f"{n}")
    office.fail("jobs", "other")

    first, second = office.letters.take("reports", 11), office.letters.take("reports", 20)

    assert (len(first), len(second)) == (11, 2)
    assert {letter.text for letter in first + second} == {str(n) for n in range(13)}
    assert [letter.text for letter in office.letters.take("jobs", 5)] == ["other"]
    assert all(letter.id and letter.receipt and letter.sender and letter.sent_at > 0 for letter in first)


def test_what_is_sent_back_counts_its_returns_and_what_is_discarded_is_gone(office: Office) -> None:
    office.fail("reports", TEXT)
    (letter,) = office.letters.take("reports", 10)

    office.letters.send_back(replace(letter, returns=2))
    office.letters.discard(letter)

    assert office.alive() == [(TEXT, 3)]
    assert office.letters.take("reports", 10) == []


def test_a_letter_keeps_its_first_sender_and_its_count_through_another_failure(clients: Clients, stack: str) -> None:
    url = clients.sqs.create_queue(QueueName=f"{stack}-reports")["QueueUrl"]
    dead = clients.sqs.create_queue(QueueName=f"{stack}-reports{wiring.DEAD}")["QueueUrl"]
    letters = SqsDeadLetters(clients, {"reports": url})
    letters.send_back(DeadLetter("reports", "m", TEXT, "AROAMACHINE:i-1", 1_000.0, returns=1))
    (failed,) = clients.sqs.receive_message(QueueUrl=url, MessageAttributeNames=["All"])["Messages"]
    clients.sqs.send_message(QueueUrl=dead, MessageBody=failed["Body"], MessageAttributes=failed["MessageAttributes"])

    (letter,) = letters.take("reports", 10)

    assert (letter.sender, letter.returns, letter.text) == ("AROAMACHINE:i-1", 2, TEXT)


@pytest.mark.parametrize("count", ["-1", "many", "9" * 30])
def test_a_count_of_no_form_is_none(count: str, clients: Clients, stack: str) -> None:
    url = clients.sqs.create_queue(QueueName=f"{stack}-reports")["QueueUrl"]
    dead = clients.sqs.create_queue(QueueName=f"{stack}-reports{wiring.DEAD}")["QueueUrl"]
    attribute = {messages.RETURNS: {"DataType": "String", "StringValue": count}}
    clients.sqs.send_message(QueueUrl=dead, MessageBody=TEXT, MessageAttributes=attribute)  # type: ignore[arg-type]  # a plain one

    (letter,) = SqsDeadLetters(clients, {"reports": url}).take("reports", 10)

    assert letter.returns == 0
