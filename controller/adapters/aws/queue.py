"""The queues as the doors with an AWS SDK see them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from controller.adapters.aws import routes
from controller.adapters.aws.clients import Clients, asking
from controller.errors import Rejected, Unavailable
from controller.messages import Delivery

if TYPE_CHECKING:
    from mypy_boto3_sqs.type_defs import MessageTypeDef

BATCH = 10
"""The most that SQS hands out or deletes in one call."""


class SqsOutbox:
    """The `Outbox` port."""

    def __init__(self, clients: Clients, queues: routes.Queues) -> None:
        self._clients = clients
        self._queues = queues

    def send(self, message: routes.Outgoing, after_s: float = 0.0) -> None:
        """Put the message on its queue; whatever the reason, a message that was not taken may be sent again."""
        url = self._queues.of(message)
        try:
            with asking(f"{message.kind} message to {url}"):
                self._clients.sqs.send_message(
                    QueueUrl=url, MessageBody=routes.text(message), DelaySeconds=routes.delay(after_s)
                )
        except Rejected as refusal:
            raise Unavailable(str(refusal)) from refusal


class SqsBacklog:
    """The `Backlog` port."""

    def __init__(self, clients: Clients, url: str) -> None:
        self._clients = clients
        self._url = url

    def take(self, limit: int) -> list[Delivery]:
        """More wake-ups that are ready now; those taken before a fault are handed out all the same."""
        taken: list[Delivery] = []
        while len(taken) < limit:
            try:
                more = self._receive(min(BATCH, limit - len(taken)))
            except Unavailable:
                if taken:
                    break
                raise
            taken += more
            if not more:
                break
        return taken

    def done(self, deliveries: Sequence[Delivery]) -> None:
        """Delete the messages; raises `Unavailable` naming those that will come again."""
        left: list[str] = []
        for start in range(0, len(deliveries), BATCH):
            left += self._delete(deliveries[start : start + BATCH])
        if left:
            raise Unavailable(f"{self._url}: not deleted: {', '.join(left)}")

    def _receive(self, count: int) -> list[Delivery]:
        with asking(f"messages from {self._url}"):
            answer = self._clients.sqs.receive_message(
                QueueUrl=self._url,
                MaxNumberOfMessages=count,
                MessageSystemAttributeNames=["SenderId"],
                WaitTimeSeconds=0,
            )
        return [_delivery(message) for message in answer.get("Messages", [])]

    def _delete(self, deliveries: Sequence[Delivery]) -> list[str]:
        entries = [{"Id": str(n), "ReceiptHandle": delivery.receipt} for n, delivery in enumerate(deliveries)]
        with asking(f"{len(entries)} messages of {self._url}"):
            answer = self._clients.sqs.delete_message_batch(QueueUrl=self._url, Entries=entries)  # type: ignore[arg-type]
        return [deliveries[int(failed["Id"])].id for failed in answer.get("Failed", [])]


def _delivery(message: MessageTypeDef) -> Delivery:
    return Delivery(
        message.get("MessageId", ""),
        message.get("Body", ""),
        message.get("Attributes", {}).get("SenderId", ""),
        message.get("ReceiptHandle", ""),
    )
