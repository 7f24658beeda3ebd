"""Lambda's event source for SQS: takes batches off a queue, calls the function, deletes what succeeded."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from controller.local.aws.environment import Outcome
from controller.local.aws.functions import LambdaFunction
from controller.local.aws.gate import Gate
from controller.local.aws.principals import Principal, PrincipalKind
from controller.local.aws.refusals import ServiceError

Fields = dict[str, Any]

LONG_POLL_S = 20
_RECEIVE = 10
"""The most messages that SQS gives at once."""
_STOP_S = 2.0
_PAUSE_S = 0.2


@dataclass(frozen=True, slots=True)
class Source:
    """Which queue feeds which function, and how."""

    function: str
    role: str
    url: str
    arn: str
    region: str
    batch: int
    window_s: float
    concurrency: int


class EventSource:
    """As many pollers as batches may be under way."""

    def __init__(self, source: Source, function: LambdaFunction, gate: Gate) -> None:
        self._source = source
        self._function = function
        self._gate = gate
        self._principal = Principal(
            PrincipalKind.SERVICE, f"event-source:{source.function}", source.role, "lambda-event-source"
        )
        self._stopped = threading.Event()
        count = min(source.concurrency, function.concurrency)
        self._threads = [
            threading.Thread(target=self._poll, name=f"poll-{source.function}-{n}", daemon=True) for n in range(count)
        ]

    def start(self) -> None:
        """Begin to poll."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Take no more messages."""
        self._stopped.set()

    def join(self) -> None:
        """Wait for the pollers to end, once the queues and functions they may wait for are closed."""
        deadline = time.monotonic() + _STOP_S
        for thread in self._threads:
            if thread.ident is not None:
                thread.join(max(0.0, deadline - time.monotonic()))

    def _poll(self) -> None:
        while not self._stopped.is_set():
            try:
                if batch := self._gathered():
                    self._deliver(batch)
            except ServiceError:
                self._stopped.wait(_PAUSE_S)
            except Exception:
                logging.getLogger(__name__).exception("event source of %s", self._source.function)
                self._stopped.wait(_PAUSE_S)

    def _gathered(self) -> list[Fields]:
        """A batch: what is there at once, and what comes within the window."""
        batch = self._received(min(_RECEIVE, self._source.batch), LONG_POLL_S)
        deadline = time.monotonic() + self._source.window_s
        while batch and not self._stopped.is_set():
            room, left = self._source.batch - len(batch), deadline - time.monotonic()
            more = self._received(min(_RECEIVE, room), left) if room > 0 and left > 0 else []
            batch += more
            if not more:
                break
        return batch

    def _received(self, limit: int, wait_s: float) -> list[Fields]:
        found = self._ask(
            "ReceiveMessage",
            MaxNumberOfMessages=limit,
            WaitTimeSeconds=wait_s,
            MessageSystemAttributeNames=["All"],
            MessageAttributeNames=["All"],
        )
        messages: list[Fields] = found.get("Messages", [])
        return messages

    def _deliver(self, batch: list[Fields]) -> None:
        event = {"Records": [_record(message, self._source) for message in batch]}
        outcome = self._function.invoke(json.dumps(event).encode())
        failed = failures(outcome, {message["MessageId"] for message in batch})
        done = [message for message in batch if message["MessageId"] not in failed]
        for start in range(0, len(done), _RECEIVE):
            entries = [
                {"Id": str(n), "ReceiptHandle": message["ReceiptHandle"]}
                for n, message in enumerate(done[start : start + _RECEIVE])
            ]
            self._ask("DeleteMessageBatch", Entries=entries)

    def _ask(self, action: str, **fields: object) -> Fields:
        return self._gate.ask(self._principal, self._source.region, action, {"QueueUrl": self._source.url, **fields})


def failures(outcome: Outcome | None, batch: set[str]) -> set[str]:
    """The messages that must come again; any answer that Lambda can not read means all of them."""
    if outcome is None or outcome.error:
        return batch
    try:
        answer = json.loads(outcome.payload)
        listed = answer.get("batchItemFailures") if answer else None
        failed = {item["itemIdentifier"] for item in listed or ()}
    except (ValueError, TypeError, KeyError, AttributeError):
        return batch
    if failed - batch:
        return batch
    return failed


def _record(message: Fields, source: Source) -> Fields:
    return {
        "messageId": message["MessageId"],
        "receiptHandle": message["ReceiptHandle"],
        "body": message["Body"],
        "attributes": message.get("Attributes", {}),
        "messageAttributes": _attributes(message.get("MessageAttributes", {})),
        "md5OfBody": message["MD5OfBody"],
        "eventSource": "aws:sqs",
        "eventSourceARN": source.arn,
        "awsRegion": source.region,
    }


def _attributes(attributes: Mapping[str, Fields]) -> Fields:
    return {
        name: {
            **{key[0].lower() + key[1:]: text for key, text in value.items()},
            "stringListValues": [],
            "binaryListValues": [],
        }
        for name, value in attributes.items()
    }
