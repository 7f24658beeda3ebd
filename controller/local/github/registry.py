"""The self-hosted runners GitHub knows: registered just in time, listening, busy, gone."""

from __future__ import annotations

import base64
import itertools
import json
import queue
import secrets
import threading
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from cryptography.hazmat.primitives.asymmetric import rsa

from controller.local.github.account import WEB
from controller.local.github.identity import process_key

POOL_ID = 1
_KEYS = 4
"""Beyond a few, runners share their keys; their client ids still tell them apart."""


class NameTaken(Exception):
    """A runner of that name is registered already."""


@dataclass(frozen=True, slots=True)
class Message:
    """What a long poll brings home."""

    id: int
    kind: str
    body: dict[str, object]


@dataclass(slots=True)
class Session:
    """A runner's listening, from POST /session to DELETE /session."""

    id: str
    last_seen: datetime
    mailbox: queue.SimpleQueue[Message | None] = field(default_factory=queue.SimpleQueue)
    """None wakes a long poll without a message."""
    polling: bool = False


@dataclass(slots=True)
class Runner:
    """One registration."""

    id: int
    name: str
    labels: tuple[str, ...]
    scope: str
    """`owner` or `owner/repository`."""
    group_id: int
    client_id: str
    key: rsa.RSAPrivateKey = field(repr=False)
    registered_at: datetime
    session: Session | None = None
    version: str = ""
    """What it said when it first listened."""
    job_id: int | None = None
    """The job it was offered or runs."""
    known: bool = False
    """Whether it has tried to sign in."""

    @property
    def is_idle(self) -> bool:
        """Whether it is waiting for a job right now."""
        return self.session is not None and self.session.polling and self.job_id is None

    def serves(self, repository: str, labels: Sequence[str]) -> bool:
        """Whether it may take a job of that repository with those labels."""
        within = self.scope in (repository, repository.partition("/")[0])
        return within and {each.lower() for each in labels} <= {each.lower() for each in self.labels}


class Registry:
    """All registrations; callers hold the lock."""

    def __init__(self, base_url: str, clock: Callable[[], datetime], lock: threading.RLock) -> None:
        self._base_url = base_url
        self._clock = clock
        self._lock = lock
        self._ids = itertools.count(23)
        self._message_ids = itertools.count(1)
        self._runners: dict[int, Runner] = {}
        self._tokens: dict[str, int] = {}
        self._denials = 0

    @property
    def runners(self) -> tuple[Runner, ...]:
        """Every runner that is registered now."""
        with self._lock:
            return tuple(self._runners.values())

    def find(self, runner_id: int) -> Runner | None:
        """The runner of an id."""
        with self._lock:
            return self._runners.get(runner_id)

    def register(self, name: str, labels: Sequence[str], scope: str, group_id: int) -> Runner:
        """A new registration, not yet connected."""
        with self._lock:
            if any(runner.name == name and runner.scope == scope for runner in self._runners.values()):
                raise NameTaken(name)
            runner_id = next(self._ids)
            runner = Runner(
                runner_id,
                name,
                tuple(labels),
                scope,
                group_id,
                str(uuid.uuid4()),
                process_key(f"runner {runner_id % _KEYS}"),
                self._clock(),
            )
            self._runners[runner.id] = runner
            return runner

    def remove(self, runner: Runner) -> None:
        """Forget a registration; its session and tokens end with it."""
        with self._lock:
            self._runners.pop(runner.id, None)
            self._tokens = {token: owner for token, owner in self._tokens.items() if owner != runner.id}
            if runner.session is not None:
                runner.session.mailbox.put(None)

    def deny_fresh(self, times: int) -> None:
        """Refuse so many runners their first sign-in."""
        with self._lock:
            self._denials += times

    def admits(self, runner: Runner) -> bool:
        """Whether a runner may sign in; a new registration may not be heard of everywhere at once."""
        with self._lock:
            denied = not runner.known and self._denials > 0
            self._denials -= denied
            runner.known = True
            return not denied

    def by_client(self, client_id: str) -> Runner | None:
        """The runner an OAuth client id stands for."""
        return next((runner for runner in self.runners if runner.client_id == client_id), None)

    def by_token(self, token: str) -> Runner | None:
        """The runner an access token was minted for."""
        with self._lock:
            return self._runners.get(self._tokens.get(token, -1))

    def mint_token(self, runner: Runner) -> str:
        """An access token for the broker and the run service."""
        with self._lock:
            token = secrets.token_urlsafe(32)
            self._tokens[token] = runner.id
            return token

    def tell(self, runner: Runner, kind: str, body: dict[str, object]) -> None:
        """Put a message in the runner's mailbox."""
        if runner.session is not None:
            runner.session.mailbox.put(Message(next(self._message_ids), kind, body))

    def jit_config(self, runner: Runner, work_folder: str) -> str:
        """The three files of a configured runner, as `generate-jitconfig` encodes them."""
        files = {
            ".runner": self._settings(runner, work_folder),
            ".credentials": self._credentials(runner),
            ".credentials_rsaparams": _key_parameters(runner.key),
        }
        # GitHub writes them with a byte order mark.
        encoded = {
            name: base64.b64encode(json.dumps(text).encode("utf-8-sig")).decode() for name, text in files.items()
        }
        return base64.b64encode(json.dumps(encoded).encode()).decode()

    def _settings(self, runner: Runner, work_folder: str) -> dict[str, str]:
        return {
            "AgentId": str(runner.id),
            "AgentName": runner.name,
            "DisableUpdate": "False",
            "Ephemeral": "True",
            "GitHubUrl": f"{WEB}/{runner.scope}",
            "PoolId": str(POOL_ID),
            "PoolName": "Default",
            "ServerUrl": f"{self._base_url}/_pipelines/",
            "ServerUrlV2": f"{self._base_url}/_broker/",
            "SkipSessionRecover": "True",
            "UseV2Flow": "True",
            "WorkFolder": work_folder,
        }

    def _credentials(self, runner: Runner) -> dict[str, object]:
        url = f"{self._base_url}/_oauth/token"
        return {
            "scheme": "OAuth",
            "data": {"clientId": runner.client_id, "authorizationUrl": url, "requireFipsCryptography": "True"},
        }


def _key_parameters(key: rsa.RSAPrivateKey) -> dict[str, str]:
    numbers = key.private_numbers()
    public = numbers.public_numbers
    parts = {
        "d": numbers.d,
        "dp": numbers.dmp1,
        "dq": numbers.dmq1,
        "exponent": public.e,
        "inverseQ": numbers.iqmp,
        "modulus": public.n,
        "p": numbers.p,
        "q": numbers.q,
    }
    return {name: base64.b64encode(_bytes(number)).decode() for name, number in parts.items()}


def _bytes(number: int) -> bytes:
    return number.to_bytes((number.bit_length() + 7) // 8, "big")
