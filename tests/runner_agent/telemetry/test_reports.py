from __future__ import annotations

import json
from pathlib import Path

import pytest

from runner_agent.aws import Signer
from runner_agent.contract import wire
from runner_agent.contract.reports import Report, ReportKind
from runner_agent.contract.sigv4 import Credentials
from runner_agent.telemetry.reports import Courier, to_queue
from tests.runner_agent.stage import Stage, until


def report(sequence: int, kind: ReportKind = ReportKind.STARTED) -> Report:
    return Report(kind, "i-1", sequence, 1.0, "sr-1")


def silent(*_: object, **__: object) -> None:
    pass


class Queue:
    """A queue that takes every message, and sometimes fails to say so."""

    def __init__(self, *failures: bool) -> None:
        self.failures = list(failures)
        self.taken: list[Report] = []

    def __call__(self, text: str, _timeout: float) -> None:
        self.taken.append(wire.loads(Report, text))
        if self.failures and self.failures.pop(0):
            raise TimeoutError("no answer")


def test_reports_arrive_in_order(tmp_path: Path) -> None:
    queue = Queue()
    courier = Courier(queue, tmp_path, silent)

    for sequence in range(5):
        courier.send(report(sequence))

    assert courier.flush(10)
    assert [taken.sequence for taken in queue.taken] == [0, 1, 2, 3, 4]


def test_row_41_a_report_sent_twice_carries_the_same_identity(tmp_path: Path) -> None:
    queue = Queue(True, False)
    courier = Courier(queue, tmp_path, silent)

    courier.send(report(7))

    until(lambda: len(queue.taken) == 2)
    assert courier.flush(10)
    assert [taken.id for taken in queue.taken] == ["i-1/7", "i-1/7"]


def test_row_40_what_is_undelivered_lies_on_the_disk_until_it_is_out(tmp_path: Path) -> None:
    queue = Queue(True, True)
    spool = tmp_path / "spool"
    courier = Courier(queue, spool, silent)

    courier.send(report(1))
    until(lambda: spool.exists() and list(spool.iterdir()))

    assert courier.flush(10)
    assert not list(spool.iterdir())
    assert spool.stat().st_mode & 0o777 == 0o700


def test_row_40_what_a_former_agent_left_behind_is_delivered_first(tmp_path: Path) -> None:
    (tmp_path / "000001-started.json").write_text(wire.dumps(report(1)), "utf-8")
    queue = Queue()
    courier = Courier(queue, tmp_path, silent)

    courier.send(report(2))

    assert courier.flush(10)
    assert [taken.sequence for taken in queue.taken] == [1, 2]
    assert not list(tmp_path.iterdir())


def test_row_40_a_flush_gives_up_in_time(tmp_path: Path) -> None:
    courier = Courier(Queue(*[True] * 1_000), tmp_path, silent)

    courier.send(report(1))

    assert not courier.flush(0.3)


def test_row_40_a_disk_that_is_full_as_well_does_not_end_the_delivery(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.touch()
    queue = Queue(True)
    courier = Courier(queue, blocked / "spool", silent)

    courier.send(report(1))

    until(lambda: len(queue.taken) == 2)
    assert courier.flush(10)


def test_a_message_is_signed_and_addressed_as_sqs_wants_it(stage: Stage) -> None:
    signer = Signer("eu-west-1", lambda: Credentials("A", "b", "c"), stage.url)

    to_queue(signer, "https://sqs.eu-west-1.amazonaws.com/000000000000/reports")(wire.dumps(report(1)), 5.0)

    assert stage.reports == [report(1)]


def test_a_fifo_queue_is_told_what_a_duplicate_is() -> None:
    seen: list[dict[str, str]] = []

    class Recorder(Signer):
        def message(self, queue_url: str, body: bytes) -> None:  # type: ignore[override]
            seen.append(json.loads(body))
            raise ConnectionError(queue_url)

    signer = Recorder("eu-west-1", lambda: Credentials("A", "b"))

    with pytest.raises(ConnectionError):
        to_queue(signer, "https://sqs/1/reports.fifo")(wire.dumps(report(3)), 1.0)

    assert (seen[0]["MessageGroupId"], seen[0]["MessageDeduplicationId"]) == ("i-1", "i-1/3")


def test_a_queue_that_refuses_is_an_error(stage: Stage) -> None:
    stage.queue_down = True
    signer = Signer("eu-west-1", lambda: Credentials("A", "b"), stage.url)

    with pytest.raises(OSError, match="status 503"):
        to_queue(signer, f"{stage.url}/000000000000/reports")("{}", 5.0)
