"""The two AWS calls of the webhook door, signed by ourselves: loading an AWS SDK would cost every job's queue time."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from controller.adapters.aws import errors, routes
from controller.adapters.cache import Kept
from controller.adapters.connection import Answer, Connections, Request
from controller.errors import Rejected, Unavailable
from controller.settings import AwsAccess
from runner_agent.contract.sigv4 import Scope, sign

CALL_S = 4.0
"""For one call with its repetitions: a delivery needs two at most, and its function has nine seconds."""
TRY_S = 1.8
TRIES = 3
PAUSE_S = 0.1

_OK = 200


@dataclass(frozen=True, slots=True)
class Service:
    """An AWS service that speaks JSON."""

    name: str
    target: str
    version: str


SQS = Service("sqs", "AmazonSQS", "1.0")
SECRETS_MANAGER = Service("secretsmanager", "secretsmanager", "1.1")


class SignedCalls:
    """AWS's JSON protocol over kept-alive connections; every call ends within `CALL_S`."""

    def __init__(
        self,
        access: AwsAccess,
        clock: Callable[[], float] = time.time,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._access = access
        self._clock = clock
        self._pause = pause
        self._connections = Connections()

    def call(self, service: Service, operation: str, asked: Mapping[str, object]) -> dict[str, object]:
        """What the service answers; raises our errors for its."""
        body = json.dumps(asked).encode()
        ends = time.monotonic() + CALL_S
        for _ in range(TRIES - 1):
            try:
                return self._try(service, operation, body, ends)
            except Unavailable:
                self._pause(PAUSE_S)
                if time.monotonic() >= ends:
                    raise
        return self._try(service, operation, body, ends)

    def close(self) -> None:
        """Close the kept connections."""
        self._connections.close()

    def _try(self, service: Service, operation: str, body: bytes, ends: float) -> dict[str, object]:
        limit_s = min(TRY_S, ends - time.monotonic())
        answer = self._connections.ask(self.request(service, operation, body), limit_s)
        data = _json(answer)
        if answer.status == _OK:
            return data
        code = str(data.get("__type", "")).rpartition("#")[2]
        message = str(data.get("message") or data.get("Message") or "")
        raise errors.failure(f"{service.name} {operation}", code, answer.status, message)

    def request(self, service: Service, operation: str, body: bytes) -> Request:
        """The signed request for one operation."""
        url = f"{self._endpoint(service)}/"
        headers = {
            "Content-Type": f"application/x-amz-json-{service.version}",
            "X-Amz-Target": f"{service.target}.{operation}",
        }
        scope = Scope(self._access.region, service.name)
        signed = sign("POST", url, headers, body, self._access.credentials, scope, self._clock())
        return Request("POST", url, signed, body)

    def _endpoint(self, service: Service) -> str:
        if self._access.endpoint:
            return self._access.endpoint.rstrip("/")
        suffix = "amazonaws.com.cn" if self._access.region.startswith("cn-") else "amazonaws.com"
        return f"https://{service.name}.{self._access.region}.{suffix}"


class SignedOutbox:
    """The `Outbox` of the webhook door."""

    def __init__(self, calls: SignedCalls, queues: routes.Queues) -> None:
        self._calls = calls
        self._queues = queues

    def send(self, message: routes.Outgoing, after_s: float = 0.0) -> None:
        """Put the message on its queue; whatever the reason, a message that was not taken may be sent again."""
        url = self._queues.of(message)
        asked: dict[str, object] = {"QueueUrl": url, "MessageBody": routes.text(message)}
        if after_s:
            asked["DelaySeconds"] = routes.delay(after_s)
        try:
            self._calls.call(SQS, "SendMessage", asked)
        except Rejected as refusal:
            raise Unavailable(str(refusal)) from refusal


class SignedSecrets:
    """The `Secrets` of the webhook door."""

    def __init__(self, calls: SignedCalls, ttl_s: float) -> None:
        self._calls = calls
        self._kept = Kept(self._fetch, ttl_s, grace_s=12 * ttl_s)

    def read(self, secret_id: str, now: float, *, fresh: bool = False) -> str:
        """The secret's text; `fresh` reads it again whatever is kept, for a secret that has just been replaced."""
        return self._kept.get(secret_id, now, fresh=fresh)

    def _fetch(self, secret_id: str) -> str:
        try:
            answer = self._calls.call(SECRETS_MANAGER, "GetSecretValue", {"SecretId": secret_id})
        except Rejected as refusal:
            raise Unavailable(f"secret {secret_id} can not be read: {refusal}") from refusal
        value = answer.get("SecretString")
        if not isinstance(value, str):
            raise Unavailable(f"secret {secret_id} can not be read: it holds no text")
        return value


def _json(answer: Answer) -> dict[str, object]:
    try:
        data = json.loads(answer.body)
    except (ValueError, RecursionError):
        data = None
    return data if isinstance(data, dict) else {}
