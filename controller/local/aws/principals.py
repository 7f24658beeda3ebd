"""Who may speak to the local cloud: roles in use, and the credentials they were given."""

from __future__ import annotations

import base64
import hashlib
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

from runner_agent.contract.sigv4 import Credentials

ACCOUNT = "111122223333"
"""Not moto's own default, so that a local cloud and a test on plain moto never meet in one process."""

FOREVER_S = 7 * 86_400.0
"""Longer than any local cloud is open."""

EVENTS_SERVICE = "events.amazonaws.com"
"""EventBridge, to whom queues are opened by policies of their own."""

CREDENTIALS_S = 6 * 3600.0
ROTATE_BEFORE_S = 900.0


class PrincipalKind(StrEnum):
    """What kind of caller it is."""

    ADMIN = "admin"
    FUNCTION = "function"
    INSTANCE = "instance"
    SESSION = "session"
    """A role that another principal has taken."""
    SERVICE = "service"
    """AWS itself, doing its part for the stack: event sources and schedules."""


@dataclass(frozen=True, slots=True)
class Principal:
    """A role in use: a function, a machine, the operator, or a service of AWS."""

    kind: PrincipalKind
    name: str
    """The function's name in `wiring`, the instance's id, or what the service does."""
    role: str
    session: str
    tags: tuple[tuple[str, str], ...] = ()
    """Of the session, where it was asked for with some."""

    @property
    def role_id(self) -> str:
        """The role's unique id, the same for the same role."""
        return "AROA" + base64.b32encode(hashlib.sha256(self.role.encode()).digest()).decode()[:17]

    @property
    def user_id(self) -> str:
        """What AWS calls `aws:userid`: role id and session name; a service in its own name has no role."""
        return self.name if self.is_service_itself else f"{self.role_id}:{self.session}"

    @property
    def is_service_itself(self) -> bool:
        """Whether it acts in its own name, as the policies of queues and topics allow it, and in no role."""
        return self.name == self.role == EVENTS_SERVICE

    @property
    def arn(self) -> str:
        """The assumed role as AWS prints it; a service's own name where there is none."""
        return (
            self.name if self.is_service_itself else f"arn:aws:sts::{ACCOUNT}:assumed-role/{self.role}/{self.session}"
        )


@dataclass(frozen=True, slots=True)
class Issued:
    """One set of temporary credentials."""

    principal: Principal
    keys: Credentials = field(repr=False)
    expires: float


class CredentialStore:
    """Every set of credentials that was given out; older sets stay good until they expire."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._issued: dict[str, Issued] = {}

    def issue(self, principal: Principal, expires: float) -> Issued:
        """A new set for a principal, good until a time in seconds since the epoch."""
        access_key = "ASIA" + base64.b32encode(secrets.token_bytes(10)).decode()
        keys = Credentials(access_key, secrets.token_urlsafe(30), secrets.token_urlsafe(96))
        issued = Issued(principal, keys, expires)
        with self._lock:
            self._issued[access_key] = issued
        return issued

    def find(self, access_key: str) -> Issued | None:
        """The set that this access key belongs to."""
        return self._issued.get(access_key)


def rotated(
    store: CredentialStore, principal: Principal, clock: Callable[[], float] = time.time
) -> Callable[[], Issued]:
    """The principal's current credentials, renewed some time before they expire, as EC2 does."""
    lock = threading.Lock()
    current: list[Issued] = []

    def credentials() -> Issued:
        with lock:
            now = clock()
            if not current or current[0].expires - now < ROTATE_BEFORE_S:
                current[:] = [store.issue(principal, now + CREDENTIALS_S)]
            return current[0]

    return credentials
