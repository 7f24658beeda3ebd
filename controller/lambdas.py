"""The doors from the cloud: each function's handler, thin over its use case.

Handlers are named in `controller.wiring`. Nothing heavy is imported here: `controller.app` builds a
door at its first call, and the webhook's stays free of the AWS SDK.
"""

from __future__ import annotations

import base64
import binascii
import json
import os
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from controller import app, messages
from controller.adapters.github import webhook as deliveries
from controller.domain.deliveries import DeliveryPassed, DeliveryRefused, MessageDelayed, MessageRejected
from controller.errors import AlreadyDone, NothingToDo, Rejected, Unavailable
from controller.messages import Delivery
from runner_agent.contract import wire

if TYPE_CHECKING:
    from controller.app.doors import HousekeepingDoor
    from controller.app.webhook import WebhookDoor

HttpEvent = Mapping[str, Any]
"""API Gateway's payload format 2.0: https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html"""
HttpAnswer = dict[str, Any]
QueueEvent = Mapping[str, Any]
QueueAnswer = dict[str, list[dict[str, str]]]


def webhook(event: HttpEvent, _context: object) -> HttpAnswer:
    """GitHub's deliveries: 202 queued, 200 ignored, 400 unreadable, 401 forged, 403 astray, 413 too big, 503 later."""
    door = app.webhook_door()
    sent = deliveries.envelope(event.get("headers") or {})
    try:
        status, action, words = _received(door, sent, _body(event))
    except binascii.Error:
        status, action, words = 400, "", "body: not base64"
    except Rejected as bad:
        status, action, words = 400, "", str(bad)
    except Unavailable as later:
        status, action, words = 503, "", str(later)
    if status >= _BAD_REQUEST:
        door.tell(DeliveryRefused(sent.delivery, status, words))
    else:
        door.tell(DeliveryPassed(sent.delivery, sent.event, action, words))
    return _answer(status, {"message": words})


def _received(door: WebhookDoor, sent: deliveries.Envelope, body: bytes) -> tuple[int, str, str]:
    """Status, action and words for one delivery."""
    if not deliveries.came_through_front(sent.front, door.front_digests):
        return 403, "", "it did not come through this stack's front door: use the stack's output `webhook_url`"
    if len(body) > deliveries.MAX_BODY:
        return 413, "", f"{len(body)} bytes are more than {deliveries.MAX_BODY}"
    servers = door.signed_by(body, sent.signature)
    if not servers:
        return 401, "", "the signature is not made with this stack's webhook secret"
    read = deliveries.read(sent, body, door.clock(), is_ours=door.is_ours, servers=servers)
    if isinstance(read, deliveries.Ignored):
        return 200, read.action, f"ignored: {read.reason}"
    door.outbox.send(read)
    return 202, read.kind, f"queued job {read.key}"


def claim(event: HttpEvent, _context: object) -> HttpAnswer:
    """A machine's claim; see `runner_agent.contract.bundle` for the answers."""
    from runner_agent.contract.bundle import Claim, Wait  # noqa: PLC0415 - the webhook's start must not pay for it

    door = app.claim_door()
    try:
        answer = door.handle(_caller(event, door.machine_roles), wire.loads(Claim, _body(event)))
    except (wire.Malformed, binascii.Error, NothingToDo, AlreadyDone, Rejected) as no:
        status = next(status for kind, status in _TURNED_AWAY if isinstance(no, kind))
        return _answer(status, {"error": str(no)})
    except Unavailable as later:
        return _answer(503, {"error": str(later)}, {"retry-after": f"{later.retry_after_s or 1:.0f}"})
    finally:
        door.flush()
    if isinstance(answer, Wait):
        return _answer(202, wire.encode(answer), {"retry-after": f"{max(1.0, answer.again_s):.0f}"})
    return _answer(200, wire.encode(answer))


_TURNED_AWAY: tuple[tuple[type[Exception], int], ...] = (
    (wire.Malformed, 400),
    (binascii.Error, 400),
    (NothingToDo, 410),
    (AlreadyDone, 409),
    (Rejected, 403),
)
"""The first that fits: having nothing to do is a kind of having been there before."""


def _caller(event: HttpEvent, machine_roles: Collection[str]) -> str:
    """The instance behind a request, from what API Gateway has verified; only the machines' roles may claim."""
    try:
        arn = event["requestContext"]["authorizer"]["iam"]["userArn"]
    except (KeyError, TypeError):
        raise Rejected("the caller is not known: the route must be authorised by IAM") from None
    _, _, path = str(arn).partition(":assumed-role/")
    role, _, session = path.partition("/")
    if role not in machine_roles or not session.startswith("i-"):
        raise Rejected(f"{arn} is not a machine of this stack")
    return session


def dispatch(event: QueueEvent, _context: object) -> QueueAnswer:
    """A batch of wake-ups from the jobs queue."""
    door = app.dispatch_door()
    return _batch(event, door.handle, door.flush)


def reports(event: QueueEvent, _context: object) -> QueueAnswer:
    """A batch of what GitHub and the machines say."""
    door = app.reports_door()
    return _batch(event, door.handle, door.flush)


def events(event: QueueEvent, _context: object) -> QueueAnswer:
    """A batch of what EC2 says of machines."""
    door = app.events_door()
    return _batch(event, door.handle, door.flush)


def housekeeping(event: QueueEvent, _context: object) -> QueueAnswer:
    """Housekeeping tasks, one message each."""
    door = app.housekeeping_door()

    def handle(batch: Sequence[Delivery]) -> list[str]:
        return [delivery.id for delivery in batch if not _kept_house(door, delivery)]

    return _batch(event, handle, door.flush)


def _kept_house(door: HousekeepingDoor, delivery: Delivery) -> bool:
    try:
        door.handle(_chore(delivery))
    except Rejected as bad:
        door.tell(MessageRejected("housekeeping", delivery.id, str(bad)))
        return False
    except Unavailable as later:
        door.tell(MessageDelayed("housekeeping", delivery.id, str(later)))
        return False
    return True


def _chore(delivery: Delivery) -> messages.Chore:
    message = messages.read(delivery.text)
    if not isinstance(message, messages.Chore):
        raise Rejected(f"a {message.kind} message does not belong on the housekeeping queue")
    return message


def _batch(
    event: QueueEvent, handle: Callable[[Sequence[Delivery]], Sequence[str]], flush: Callable[[], None]
) -> QueueAnswer:
    batch = [Delivery(record["messageId"], record["body"], _speaker(record)) for record in event.get("Records", [])]
    try:
        failed = handle(batch)
    finally:
        flush()
    return {"batchItemFailures": [{"itemIdentifier": name} for name in failed]}


def _speaker(record: Mapping[str, Any]) -> str:
    origin = record.get("messageAttributes", {}).get(messages.ORIGIN, {}).get("stringValue", "")
    return messages.speaker(record.get("attributes", {}).get("SenderId", ""), origin)


_BAD_REQUEST = 400


def _body(event: HttpEvent) -> bytes:
    body = str(event.get("body") or "")
    try:
        return base64.b64decode(body, validate=True) if event.get("isBase64Encoded") else body.encode()
    except ValueError as bad:
        raise binascii.Error(str(bad)) from bad


def _answer(status: int, body: object, headers: Mapping[str, str] | None = None) -> HttpAnswer:
    return {
        "statusCode": status,
        "headers": {"content-type": "application/json", **(headers or {})},
        "body": json.dumps(body, separators=(",", ":")),
    }


# Lambda names the handler before it imports this module; elsewhere the variable is not set.
app.warm_up(os.environ.get("_HANDLER", ""))
