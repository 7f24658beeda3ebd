"""How many messages stand in a queue, and behind it in the one for dead letters."""

from __future__ import annotations

from dataclasses import dataclass

from controller.adapters.aws.clients import Clients, asking

DEAD = "-dead"


@dataclass(frozen=True, slots=True)
class Depth:
    """About so many messages, as SQS counts them."""

    ready: int
    in_flight: int
    later: int


@dataclass(frozen=True, slots=True)
class SqsDepths:
    """Asks SQS."""

    clients: Clients

    def of(self, url: str) -> Depth:
        """The messages in a queue."""
        with asking(f"depth of {url}"):
            found = self.clients.sqs.get_queue_attributes(
                QueueUrl=url,
                AttributeNames=[
                    "ApproximateNumberOfMessages",
                    "ApproximateNumberOfMessagesNotVisible",
                    "ApproximateNumberOfMessagesDelayed",
                ],
            )["Attributes"]
        return Depth(
            ready=int(found["ApproximateNumberOfMessages"]),
            in_flight=int(found["ApproximateNumberOfMessagesNotVisible"]),
            later=int(found["ApproximateNumberOfMessagesDelayed"]),
        )

    def dead(self, url: str) -> int:
        """The messages of a queue that nobody could handle."""
        return self.of(url + DEAD).ready
