"""The webhook's door: it loads no AWS SDK, because its start is part of everybody's queue time."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING

from controller.adapters.aws.routes import Queues
from controller.adapters.aws.signed import SignedCalls, SignedOutbox, SignedSecrets
from controller.adapters.github.webhook import is_signed
from controller.adapters.telemetry import Telemetry
from controller.domain.recognition import Recognition
from controller.errors import Unavailable
from controller.servers import Server, servers
from controller.settings import AwsAccess, Settings

if TYPE_CHECKING:
    from controller.ports import Outbox, Tell

REREAD_S = 30.0
"""A bad signature may mean that the secret was replaced; forged ones must not make us ask each time."""


@dataclass(slots=True)
class WebhookDoor:
    """What the webhook handler works with."""

    servers: Sequence[Server]
    secrets: SignedSecrets
    outbox: Outbox
    tell: Tell
    is_ours: Callable[[tuple[str, ...]], bool]
    clock: Callable[[], float]
    front_digests: tuple[str, ...] = ()
    _reread_at: float = field(default=0.0)
    _unread_until: dict[str, float] = field(default_factory=dict)
    """Servers whose secret could not be read, and until when it is not tried again."""

    def signed_by(self, body: bytes, signature: str) -> dict[str, str]:
        """The servers, name by address, whose webhook secret made the signature; no header proves where it is from.

        Raises `Unavailable` where it is made with none that is known, and not all are.
        """
        now = self.clock()
        found = self._signers(body, signature, now, fresh=False)
        if not found and signature and now - self._reread_at >= REREAD_S:
            self._reread_at = now
            found = self._signers(body, signature, now, fresh=True)
        if not found and any(until > now for until in self._unread_until.values()):
            raise Unavailable(f"the webhook secret of {self._unread(now)} can not be read")
        return found

    def _signers(self, body: bytes, signature: str, now: float, *, fresh: bool) -> dict[str, str]:
        found = {}
        for server in self.servers:
            if is_signed(body, signature, self._secrets_of(server, now, fresh=fresh)):
                found[server.api_url] = server.name
        return found

    def _secrets_of(self, server: Server, now: float, *, fresh: bool) -> list[str]:
        if self._unread_until.get(server.api_url, 0.0) > now:
            return []
        try:
            return self.secrets.read(server.webhook_secret_id, now, fresh=fresh).splitlines()
        except Unavailable:
            if len(self.servers) == 1:
                raise
            # One server's trouble is not the others'.
            self._unread_until[server.api_url] = now + REREAD_S
            return []

    def _unread(self, now: float) -> str:
        return ", ".join(url for url, until in self._unread_until.items() if until > now)


@cache
def door() -> WebhookDoor:
    """GitHub's deliveries."""
    settings = Settings.read(os.environ)
    calls = SignedCalls(AwsAccess.read(os.environ))
    return WebhookDoor(
        servers=servers(settings),
        secrets=SignedSecrets(calls, settings.secret_ttl_s),
        outbox=SignedOutbox(calls, Queues(settings.jobs_queue_url, settings.reports_queue_url)),
        tell=Telemetry(settings.stack, "webhook").tell,
        is_ours=_recognition(settings, calls),
        clock=time.time,
        front_digests=tuple(filter(None, settings.front_digests.split(","))),
    )


def _recognition(settings: Settings, calls: SignedCalls) -> Callable[[tuple[str, ...]], bool]:
    if not settings.routing_parameter:
        return Recognition()
    from controller.adapters.aws.signed_rules import SignedRecognition  # noqa: PLC0415 - a stack without rules needs none

    return SignedRecognition(calls, settings.routing_parameter, settings.config_ttl_s, time.time)
