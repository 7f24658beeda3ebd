"""SQS's JSON protocol over the queues in memory; who sent a message is taken from the verified signature."""

from __future__ import annotations

import hashlib
import json
import struct
import time
from base64 import b64decode
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from controller.local.aws.calls import Call
from controller.local.aws.principals import ACCOUNT
from controller.local.aws.queue import Clock, Message, Queue, Terms
from controller.local.aws.refusals import ServiceError
from controller.local.aws.web import Reply, typed

Fields = dict[str, Any]

MAX_BYTES = 1024 * 1024
MAX_BATCH = 10
_TERMS = {
    "VisibilityTimeout": "visibility_s",
    "MessageRetentionPeriod": "retention_s",
    "DelaySeconds": "delay_s",
    "ReceiveMessageWaitTimeSeconds": "wait_s",
}


class Sqs:
    """All queues of the account."""

    def __init__(self, address: str, region: str, clock: Clock = time.time) -> None:
        self._address = address
        self._region = region
        self._clock = clock
        self._queues: dict[str, Queue] = {}

    def answer(self, call: Call) -> Reply:
        """Answer one call."""
        action = _ACTIONS.get(call.action)
        if action is None:
            raise ServiceError("InvalidAction", f"The action {call.action} is not valid for this endpoint.")
        found = action(self, call)
        return typed(200, json.dumps(found) if found is not None else "{}", "application/x-amz-json-1.0")

    def queues(self) -> tuple[Queue, ...]:
        """Every queue."""
        return tuple(self._queues.values())

    def close(self) -> None:
        """Send everybody who waits for a message home."""
        for queue in self.queues():
            queue.close()

    def url(self, name: str) -> str:
        """The address that SDKs know a queue by."""
        return f"{self._address}/{ACCOUNT}/{name}"

    def arn(self, name: str) -> str:
        """The name that policies know a queue by."""
        return f"arn:aws:sqs:{self._region}:{ACCOUNT}:{name}"

    def create(self, call: Call) -> Fields:
        """CreateQueue."""
        name = str(call.fields["QueueName"])
        if name not in self._queues:
            self._queues[name] = Queue(name, Terms(), self._clock)
            self._set(self._queues[name], _map(call.fields, "Attributes"))
        return {"QueueUrl": self.url(name)}

    def find(self, call: Call) -> Fields:
        """GetQueueUrl."""
        return {"QueueUrl": self.url(self._named(str(call.fields["QueueName"])).name)}

    def list(self, call: Call) -> Fields:
        """ListQueues."""
        prefix = str(call.fields.get("QueueNamePrefix", ""))
        return {"QueueUrls": [self.url(name) for name in self._queues if name.startswith(prefix)]}

    def remove(self, call: Call) -> None:
        """DeleteQueue."""
        queue = self._of(call)
        del self._queues[queue.name]
        queue.close()

    def purge(self, call: Call) -> None:
        """PurgeQueue."""
        self._of(call).purge()

    def set(self, call: Call) -> None:
        """SetQueueAttributes."""
        self._set(self._of(call), _map(call.fields, "Attributes"))

    def attributes(self, call: Call) -> Fields:
        """GetQueueAttributes."""
        queue = self._of(call)
        depth, terms = queue.depth(), queue.terms
        known = {
            "QueueArn": self.arn(queue.name),
            "CreatedTimestamp": str(int(queue.created_at)),
            "ApproximateNumberOfMessages": str(depth.ready),
            "ApproximateNumberOfMessagesNotVisible": str(depth.in_flight),
            "ApproximateNumberOfMessagesDelayed": str(depth.delayed),
            **{name: str(int(getattr(terms, field))) for name, field in _TERMS.items()},
            **({"RedrivePolicy": terms.redrive} if terms.redrive else {}),
        }
        return {"Attributes": _chosen(known, call.fields.get("AttributeNames", []))}

    def send(self, call: Call) -> Fields:
        """SendMessage."""
        return self._send(self._of(call), call, call.fields)

    def send_batch(self, call: Call) -> Fields:
        """SendMessageBatch."""
        queue = self._of(call)
        if sum(len(str(entry.get("MessageBody", "")).encode()) for entry in _entries(call)) > MAX_BYTES:
            raise ServiceError(
                "AWS.SimpleQueueService.BatchRequestTooLong", f"Batch requests cannot be longer than {MAX_BYTES} bytes."
            )
        return _batch(_entries(call), lambda entry: self._send(queue, call, entry))

    def receive(self, call: Call) -> Fields:
        """ReceiveMessage."""
        fields = call.fields
        limit = _number(fields, "MaxNumberOfMessages", 1)
        if not 1 <= limit <= MAX_BATCH:
            raise ServiceError("InvalidParameterValue", f"Value {limit} for MaxNumberOfMessages is not 1 to 10.")
        wait = fields.get("WaitTimeSeconds")
        hide = fields.get("VisibilityTimeout")
        found = self._of(call).receive(
            int(limit), None if wait is None else float(str(wait)), None if hide is None else float(str(hide))
        )
        system = [*_list(fields, "MessageSystemAttributeNames"), *_list(fields, "AttributeNames")]
        return {"Messages": [_told(m, system, _list(fields, "MessageAttributeNames")) for m in found]} if found else {}

    def delete(self, call: Call) -> None:
        """DeleteMessage."""
        self._of(call).delete(str(call.fields["ReceiptHandle"]))

    def delete_batch(self, call: Call) -> Fields:
        """DeleteMessageBatch."""
        queue = self._of(call)
        return _batch(_entries(call), lambda entry: queue.delete(str(entry["ReceiptHandle"])))

    def hide(self, call: Call) -> None:
        """ChangeMessageVisibility."""
        seconds = _number(call.fields, "VisibilityTimeout", 0)
        self._of(call).change_visibility(str(call.fields["ReceiptHandle"]), seconds)

    def hide_batch(self, call: Call) -> Fields:
        """ChangeMessageVisibilityBatch."""
        queue = self._of(call)
        return _batch(
            _entries(call),
            lambda entry: queue.change_visibility(str(entry["ReceiptHandle"]), _number(entry, "VisibilityTimeout", 0)),
        )

    def _send(self, queue: Queue, call: Call, fields: Fields) -> Fields:
        body = fields.get("MessageBody")
        if not isinstance(body, str) or not body:
            raise ServiceError("MissingParameter", "The request must contain the parameter MessageBody.")
        if len(body.encode()) > MAX_BYTES:
            raise ServiceError("InvalidParameterValue", f"One or more parameters are invalid: over {MAX_BYTES} bytes.")
        attributes = fields.get("MessageAttributes") or {}
        message = Message(body, call.principal.user_id, self._clock(), attributes)
        queue.send(message, fields.get("DelaySeconds"))
        told = {"MessageId": message.id, "MD5OfMessageBody": _md5(body.encode())}
        return told | ({"MD5OfMessageAttributes": _attributes_md5(attributes)} if attributes else {})

    def _set(self, queue: Queue, attributes: Mapping[str, str]) -> None:
        for name, field in _TERMS.items():
            if name in attributes:
                setattr(queue.terms, field, float(attributes[name]))
        if policy := attributes.get("RedrivePolicy"):
            wanted = json.loads(policy)
            queue.terms.redrive = policy
            queue.dead = self._named(str(wanted["deadLetterTargetArn"]).rpartition(":")[2])
            queue.max_receives = int(wanted["maxReceiveCount"])

    def _of(self, call: Call) -> Queue:
        return self._named(str(call.fields.get("QueueUrl", "")).rpartition("/")[2])

    def _named(self, name: str) -> Queue:
        try:
            return self._queues[name]
        except KeyError:
            raise ServiceError(
                "AWS.SimpleQueueService.NonExistentQueue", f"The specified queue does not exist: {name}"
            ) from None


_ACTIONS: dict[str, Callable[[Sqs, Call], Fields | None]] = {
    "CreateQueue": Sqs.create,
    "GetQueueUrl": Sqs.find,
    "ListQueues": Sqs.list,
    "DeleteQueue": Sqs.remove,
    "PurgeQueue": Sqs.purge,
    "SetQueueAttributes": Sqs.set,
    "GetQueueAttributes": Sqs.attributes,
    "SendMessage": Sqs.send,
    "SendMessageBatch": Sqs.send_batch,
    "ReceiveMessage": Sqs.receive,
    "DeleteMessage": Sqs.delete,
    "DeleteMessageBatch": Sqs.delete_batch,
    "ChangeMessageVisibility": Sqs.hide,
    "ChangeMessageVisibilityBatch": Sqs.hide_batch,
}


def _entries(call: Call) -> list[Fields]:
    entries: list[Fields] = [dict(entry) for entry in _list(call.fields, "Entries")]
    if not entries:
        raise ServiceError("AWS.SimpleQueueService.EmptyBatchRequest", "There should be at least one entry.")
    if len(entries) > MAX_BATCH:
        raise ServiceError("AWS.SimpleQueueService.TooManyEntriesInBatchRequest", "Maximum number of entries is 10.")
    if len({entry.get("Id") for entry in entries}) != len(entries):
        raise ServiceError("AWS.SimpleQueueService.BatchEntryIdsNotDistinct", "Two or more entries have the same Id.")
    return entries


def _batch(entries: Iterable[Fields], one: Callable[[Fields], Fields | None]) -> Fields:
    """Do each entry by itself: some may fail while others succeed."""
    done: list[Fields] = []
    failed: list[Fields] = []
    for entry in entries:
        try:
            done.append({"Id": entry["Id"], **(one(entry) or {})})
        except ServiceError as problem:
            failed.append({"Id": entry["Id"], "Code": problem.code, "Message": str(problem), "SenderFault": True})
    return {"Successful": done, "Failed": failed}


def _told(message: Message, system: list[Any], wanted: list[Any]) -> Fields:
    known = {
        "SenderId": message.sender,
        "SentTimestamp": str(int(message.sent_at * 1000)),
        "ApproximateReceiveCount": str(message.receives),
        "ApproximateFirstReceiveTimestamp": str(int(message.first_received_at * 1000)),
    }
    told: Fields = {
        "MessageId": message.id,
        "ReceiptHandle": message.receipt,
        "MD5OfBody": _md5(message.body.encode()),
        "Body": message.body,
    }
    if chosen := _chosen(known, system):
        told["Attributes"] = chosen
    everything = {"All", ".*"} & set(wanted)
    if attributes := {n: v for n, v in message.attributes.items() if everything or n in wanted}:
        told |= {"MessageAttributes": attributes, "MD5OfMessageAttributes": _attributes_md5(attributes)}
    return told


def _chosen(known: Mapping[str, str], names: object) -> dict[str, str]:
    wanted = names if isinstance(names, list) else []
    return {name: value for name, value in known.items() if "All" in wanted or name in wanted}


def _list(fields: Mapping[str, Any], name: str) -> list[Any]:
    found = fields.get(name) or []
    return found if isinstance(found, list) else []


def _map(fields: Mapping[str, Any], name: str) -> dict[str, str]:
    found = fields.get(name) or {}
    return found if isinstance(found, dict) else {}


def _number(fields: Mapping[str, Any], name: str, default: float) -> float:
    return float(fields.get(name, default))


def _md5(data: bytes) -> str:
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


def _attributes_md5(attributes: Mapping[str, Mapping[str, str]]) -> str:
    """SQS's digest of message attributes: each part with its length, text marked 1 and bytes 2."""

    def part(data: bytes) -> bytes:
        return struct.pack("!I", len(data)) + data

    text = b""
    for name, value in sorted(attributes.items()):
        kind = value["DataType"]
        if kind.startswith("Binary"):
            content = b"\x02" + part(b64decode(value["BinaryValue"]))
        else:
            content = b"\x01" + part(value["StringValue"].encode())
        text += part(name.encode()) + part(kind.encode()) + content
    return _md5(text)
