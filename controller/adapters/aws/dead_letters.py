"""The dead-letter queues: what is sent back carries who sent it first and how often it has come back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from controller import messages, wiring
from controller.adapters.aws.clients import Clients, asking
from controller.adapters.aws.queue import BATCH
from controller.domain.dead_letters import DeadLetter

if TYPE_CHECKING:
    from mypy_boto3_sqs.type_defs import MessageTypeDef

_HIDDEN_S = 240
"""Longer than a round takes, and shorter than the time to the next one."""


class SqsDeadLetters:
    """The `DeadLetters` port; `urls` are those of the queues themselves, by their names."""

    def __init__(self, clients: Clients, urls: Mapping[str, str]) -> None:
        self._clients = clients
        self._urls = urls

    def take(self, queue: str, limit: int) -> list[DeadLetter]:
        """Some that nobody else is looking at; each comes again after a few minutes unless it is dealt with."""
        taken: list[DeadLetter] = []
        while len(taken) < limit:
            more = self._receive(queue, min(BATCH, limit - len(taken)))
            taken += more
            if not more:
                break
        return taken

    def send_back(self, letter: DeadLetter) -> None:
        """Put it on its own queue once more, with who sent it first and how often it has come back."""
        with asking(f"message {letter.id} to {letter.queue}"):
            self._clients.sqs.send_message(
                QueueUrl=self._urls[letter.queue],
                MessageBody=letter.text,
                MessageAttributes={
                    messages.ORIGIN: {"DataType": "String", "StringValue": letter.sender or "unknown"},
                    messages.RETURNS: {"DataType": "Number", "StringValue": str(letter.returns + 1)},
                },
            )

    def discard(self, letter: DeadLetter) -> None:
        """It never comes again."""
        with asking(f"dead letter {letter.id} of {letter.queue}"):
            self._clients.sqs.delete_message(QueueUrl=self._dead(letter.queue), ReceiptHandle=letter.receipt)

    def _dead(self, queue: str) -> str:
        return f"{self._urls[queue]}{wiring.DEAD}"

    def _receive(self, queue: str, count: int) -> list[DeadLetter]:
        with asking(f"dead letters of {queue}"):
            answer = self._clients.sqs.receive_message(
                QueueUrl=self._dead(queue),
                MaxNumberOfMessages=count,
                MessageSystemAttributeNames=["SenderId", "SentTimestamp"],
                MessageAttributeNames=[messages.ORIGIN, messages.RETURNS],
                VisibilityTimeout=_HIDDEN_S,
            )
        return [_letter(queue, message) for message in answer.get("Messages", [])]


def _letter(queue: str, message: MessageTypeDef) -> DeadLetter:
    system = message.get("Attributes", {})
    ours = message.get("MessageAttributes", {})
    sender = system.get("SenderId", "")
    return DeadLetter(
        queue=queue,
        id=message.get("MessageId", ""),
        text=message.get("Body", ""),
        sender=messages.speaker(sender, _text(ours, messages.ORIGIN)),
        sent_at=int(system.get("SentTimestamp", "0")) / 1_000,
        returns=_count(_text(ours, messages.RETURNS)),
        receipt=message.get("ReceiptHandle", ""),
    )


def _text(attributes: Mapping[str, Any], name: str) -> str:
    return str(attributes.get(name, {}).get("StringValue", ""))


def _count(text: str) -> int:
    # A machine may write this attribute too: what it can gain is that its own message is parked.
    return int(text) if text.isdecimal() and len(text) < _DIGITS else 0


_DIGITS = 6
