"""Signed webhook deliveries over HTTP, with GitHub's headers, its 10-second deadline and its delivery log."""

from __future__ import annotations

import hashlib
import hmac
import http.client
import itertools
import json
import threading
import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from controller.local.github.account import Json
from controller.local.github.delivery_faults import Fate, Order, Orders

DEADLINE_S = 10.0
HOOK_ID = 292_430_182
_REFUSED = "failed to connect to host"
_BAD_GATEWAY = 502


@dataclass(frozen=True, slots=True)
class Delivery:
    """One delivery, as the App's delivery log keeps it."""

    id: int
    guid: str
    event: str
    action: str
    delivered_at: datetime
    duration_s: float
    status_code: int
    """0 when nobody answered."""
    status: str
    redelivery: bool
    installation_id: int
    repository_id: int
    job_id: int
    forged: bool
    body: bytes = field(repr=False)
    answer: str = ""

    @property
    def succeeded(self) -> bool:
        """Whether GitHub would show it in green."""
        return 200 <= self.status_code < 300  # noqa: PLR2004 the class of success


class Webhooks:
    """Sends each event in the background; nothing is ever retried unless it is asked for."""

    def __init__(self, url: str, secret: str, app_id: int, clock: Callable[[], datetime]) -> None:
        self.url = url
        self._app_id = app_id
        self._secret = secret
        self._clock = clock
        self._ids = itertools.count(9_223_100_417)
        self._lock = threading.Lock()
        self._deliveries: list[Delivery] = []
        self._orders = Orders()
        self._late: list[tuple[datetime, Delivery]] = []
        self._held_back: dict[int, Delivery] = {}
        """By job, until its `completed` has gone out."""
        self._stopped = False
        self._pool = ThreadPoolExecutor(8, "github-webhook")

    @property
    def deliveries(self) -> tuple[Delivery, ...]:
        """The delivery log, oldest first."""
        with self._lock:
            return tuple(self._deliveries)

    def order(self, order: Order) -> None:
        """Have something happen to the next deliveries of an action."""
        self._orders.add(order)

    def send(self, event: str, payload: Json) -> None:
        """Deliver an event soon, unless something else was ordered."""
        fresh, order = self._prepare(event, payload), self._orders.take(*_heading(payload))
        match order.fate:
            case Fate.LOST:
                self._release(fresh)
            case Fate.FAILED:
                self._fail(fresh)
            case Fate.DELAYED:
                with self._lock:
                    self._late.append((self._clock() + timedelta(seconds=order.seconds), fresh))
            case Fate.HELD_BACK:
                with self._lock:
                    self._held_back[fresh.job_id] = fresh
            case _:
                for attempt in range(order.copies):
                    self._submit(replace(fresh, id=next(self._ids), redelivery=attempt > 0))

    def sweep(self) -> None:
        """Send what was delayed until now."""
        with self._lock:
            now = self._clock()
            due = [delivery for at, delivery in self._late if at <= now]
            self._late = [(at, delivery) for at, delivery in self._late if at > now]
        for delivery in due:
            self._submit(delivery)

    def forge(self, event: str, payload: Json) -> Delivery:
        """Deliver an event signed with a secret that is not ours, and wait for the answer."""
        return self._deliver(replace(self._prepare(event, payload), forged=True))

    def redeliver(self, delivery_id: int) -> bool:
        """Send a delivery of the log again, as it was; False when there is none."""
        found = next((each for each in self.deliveries if each.id == delivery_id), None)
        if found is not None:
            self._submit(replace(found, id=next(self._ids), redelivery=True))
        return found is not None

    def stop(self) -> None:
        """Drop what waits and end the threads."""
        with self._lock:
            self._stopped = True
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _submit(self, delivery: Delivery) -> None:
        with self._lock:
            if not self._stopped:
                self._pool.submit(self._deliver, delivery)

    def _fail(self, delivery: Delivery) -> None:
        status = http.client.responses[_BAD_GATEWAY]
        self._log(replace(delivery, delivered_at=self._clock(), status_code=_BAD_GATEWAY, status=status))

    def _log(self, delivery: Delivery) -> None:
        with self._lock:
            self._deliveries.append(delivery)
        self._release(delivery)

    def _release(self, delivery: Delivery) -> None:
        """What was held back until a job's `completed` had gone out, or had not."""
        if delivery.action == "completed":
            with self._lock:
                held = self._held_back.pop(delivery.job_id, None)
            if held is not None:
                self._submit(held)

    def _prepare(self, event: str, payload: Json) -> Delivery:
        return Delivery(
            id=next(self._ids),
            guid=str(uuid.uuid4()),
            event=event,
            action=str(payload.get("action", "")),
            delivered_at=self._clock(),
            duration_s=0.0,
            status_code=0,
            status=_REFUSED,
            redelivery=False,
            installation_id=_id_of(payload.get("installation")),
            repository_id=_id_of(payload.get("repository")),
            job_id=_id_of(payload.get("workflow_job")),
            forged=False,
            body=json.dumps(payload, separators=(",", ":")).encode(),
        )

    def _deliver(self, delivery: Delivery) -> Delivery:
        secret = self._secret + "-forged" if delivery.forged else self._secret
        at, began = self._clock(), time.monotonic()
        code, answer = post(self.url, delivery.body, headers(delivery, self._app_id, secret))
        done = replace(
            delivery,
            delivered_at=at,
            duration_s=round(time.monotonic() - began, 3),
            status_code=code,
            status=http.client.responses.get(code, str(code)) if code else _REFUSED,
            answer=answer,
        )
        self._log(done)
        return done


def headers(delivery: Delivery, app_id: int, secret: str) -> dict[str, str]:
    """The headers of a delivery, signatures included."""
    return {
        "Accept": "*/*",
        "Content-Type": "application/json",
        "User-Agent": "GitHub-Hookshot/5f3a9c1",
        "X-GitHub-Delivery": delivery.guid,
        "X-GitHub-Event": delivery.event,
        "X-GitHub-Hook-ID": str(HOOK_ID),
        "X-GitHub-Hook-Installation-Target-ID": str(app_id),
        "X-GitHub-Hook-Installation-Target-Type": "integration",
        "X-Hub-Signature": f"sha1={_signature(delivery.body, secret, 'sha1')}",
        "X-Hub-Signature-256": f"sha256={_signature(delivery.body, secret, 'sha256')}",
    }


def post(url: str, body: bytes, header: dict[str, str]) -> tuple[int, str]:
    """Status and body of the answer; status 0 when there was none in time."""
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=DEADLINE_S)
    try:
        connection.request("POST", parts.path or "/", body, header)
        answer = connection.getresponse()
        return answer.status, answer.read(65_536).decode("utf-8", "replace")
    except (OSError, http.client.HTTPException) as error:
        return 0, str(error)
    finally:
        connection.close()


def _signature(body: bytes, secret: str, digest: str) -> str:
    return hmac.new(secret.encode(), body, getattr(hashlib, digest)).hexdigest()


def _heading(payload: Json) -> tuple[str, str]:
    """Action and job name of an event."""
    job = payload.get("workflow_job")
    return str(payload.get("action", "")), str(job.get("name", "")) if isinstance(job, dict) else ""


def _id_of(document: object) -> int:
    found = document.get("id") if isinstance(document, dict) else None
    return found if isinstance(found, int) else 0
