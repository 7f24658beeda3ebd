from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from controller.adapters.aws.clients import Clients
from controller.adapters.aws.queue import SqsBacklog, SqsOutbox
from controller.adapters.aws.routes import Queues, delay
from controller.adapters.aws.signed import SignedCalls, SignedOutbox
from controller.messages import Chore, Chores, JobMoved, JobQueued, Step, Wake, read
from controller.ports import Backlog, Outbox
from controller.settings import AwsAccess
from tests.fakes import samples
from tests.fakes.queue import FakeBacklog, FakeOutbox


@dataclass(frozen=True, slots=True)
class Post:
    """An outbox, and what has arrived on the jobs and on the reports queue."""

    outbox: Outbox
    jobs: Callable[[], list[object]]
    reports: Callable[[], list[object]]


@pytest.fixture(params=["fake", "sqs", "signed"])
def post(request: pytest.FixtureRequest) -> Iterator[Post]:
    if request.param == "fake":
        fake = FakeOutbox()
        yield Post(
            fake,
            lambda: [message for message in fake.sent if not isinstance(message, JobMoved)],
            lambda: [message for message in fake.sent if isinstance(message, JobMoved)],
        )
        return
    clients: Clients = request.getfixturevalue("clients")
    stack: str = request.getfixturevalue("stack")
    queues = Queues(*(queue(clients, f"{stack}-{name}") for name in ("jobs", "reports")))
    access: AwsAccess = request.getfixturevalue("access")
    calls = SignedCalls(access)
    outbox = SqsOutbox(clients, queues) if request.param == "sqs" else SignedOutbox(calls, queues)
    yield Post(outbox, lambda: arrived(clients, queues.jobs), lambda: arrived(clients, queues.reports))
    calls.close()


def queue(clients: Clients, name: str) -> str:
    return clients.sqs.create_queue(QueueName=name)["QueueUrl"]


def arrived(clients: Clients, url: str) -> list[object]:
    answer = clients.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)
    return [read(message.get("Body", "")) for message in answer.get("Messages", [])]


def test_a_queued_job_and_a_wake_up_arrive_on_the_jobs_queue(post: Post) -> None:
    message = samples.queued(1, labels=("spotrunner/linux-4cpu", "x y=z&<>"))

    post.outbox.send(message)
    post.outbox.send(Wake("test"))

    found = post.jobs()
    assert message in found
    assert Wake("test") in found
    assert post.reports() == []


def test_a_moved_job_arrives_on_the_reports_queue(post: Post) -> None:
    message = samples.moved(Step.COMPLETED, 1, conclusion="success", completed_at=1.5)

    post.outbox.send(message)

    assert post.reports() == [message]
    assert post.jobs() == []


@pytest.mark.parametrize("name", ["naïve ✓ 🚀", "\x00\x07 control", "\ufffe\uffff", '"quoted" \\ and\nlines'])
def test_any_text_of_github_arrives_as_it_was(post: Post, name: str) -> None:
    message = samples.queued(1, name=name)

    post.outbox.send(message)

    assert post.jobs() == [message]


def test_a_chore_arrives_on_the_housekeeping_queue_after_its_time(clients: Clients, stack: str) -> None:
    jobs, reports, housekeeping = (queue(clients, f"{stack}-{name}") for name in ("jobs", "reports", "housekeeping"))
    outbox = SqsOutbox(clients, Queues(jobs, reports, housekeeping))

    outbox.send(Chore(Chores.CHECK_RUNS))
    outbox.send(Chore(Chores.INTERRUPTED_JOBS), after_s=600.5)

    assert arrived(clients, housekeeping) == [Chore(Chores.CHECK_RUNS)]
    found = clients.sqs.get_queue_attributes(QueueUrl=housekeeping, AttributeNames=["All"])["Attributes"]
    assert found["ApproximateNumberOfMessagesDelayed"] == "1"


@pytest.mark.parametrize(("wait", "asked"), [(0.0, 0), (2.1, 3), (899.5, 900), (100_000.0, 900)])
def test_a_wait_is_whole_seconds_and_no_more_than_sqs_allows(wait: float, asked: int) -> None:
    assert delay(wait) == asked


@dataclass(frozen=True, slots=True)
class Line:
    """A backlog, how to put wake-ups on it, and how many are there, in flight or not."""

    backlog: Backlog
    put: Callable[[JobQueued], object]
    left: Callable[[], int]


@pytest.fixture(params=["fake", "sqs"])
def line(request: pytest.FixtureRequest) -> Line:
    if request.param == "fake":
        fake = FakeBacklog()
        return Line(fake, fake.put, lambda: len(fake.ready) + len(fake.taken))
    clients: Clients = request.getfixturevalue("clients")
    url = queue(clients, request.getfixturevalue("stack"))
    outbox = SqsOutbox(clients, Queues(url, url))
    return Line(SqsBacklog(clients, url), outbox.send, lambda: _left(clients, url))


def _left(clients: Clients, url: str) -> int:
    found = clients.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    return int(found["ApproximateNumberOfMessages"]) + int(found["ApproximateNumberOfMessagesNotVisible"])


def test_what_is_ready_is_taken_up_to_the_limit_and_once(line: Line) -> None:
    for n in range(25):
        line.put(samples.queued(n + 1))

    first = line.backlog.take(12)
    second = line.backlog.take(100)

    assert len(first) == 12
    assert len(second) == 13
    assert line.backlog.take(10) == []
    assert {json.loads(delivery.text)["job_id"] for delivery in first + second} == set(range(1, 26))


def test_a_delivery_names_itself_and_its_sender(line: Line) -> None:
    line.put(samples.queued(1))

    (delivery,) = line.backlog.take(10)

    assert delivery.id
    assert delivery.receipt
    assert delivery.sender
    assert "build 1" not in repr(delivery)


def test_what_is_done_never_comes_again(line: Line) -> None:
    for n in range(13):
        line.put(samples.queued(n + 1))
    taken = line.backlog.take(20)

    line.backlog.done(taken[:12])

    assert line.left() == 1


def test_nothing_done_is_fine(line: Line) -> None:
    line.backlog.done([])

    assert line.backlog.take(0) == []
