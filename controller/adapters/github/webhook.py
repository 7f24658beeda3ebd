"""A webhook delivery: who it is from, and what it says to us.

Read by the function that every delivery waits for: the standard library and the contract alone.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs

from controller.domain.job_key import Intake
from controller.domain.runner_name import instance_of
from controller.errors import Rejected
from controller.messages import JobMoved, JobQueued, Step
from controller.settings import FRONT_HEADER
from runner_agent.contract.trace import TraceContext

MAX_BODY = 2 * 1024 * 1024
MAX_LABELS = 100
MAX_TEXT = 1_024

_BIGGEST = 2**63
_FORM = "application/x-www-form-urlencoded"
_MOST_FIELDS = 10
_SHOWN = 100

IsOurs = Callable[[tuple[str, ...]], bool]


@dataclass(frozen=True, slots=True)
class Envelope:
    """What a delivery's headers say; nothing here is proven before the signature is."""

    delivery: str
    event: str
    content_type: str
    signature: str = field(repr=False)
    front: str = field(default="", repr=False)
    """What only the stack's own front door could have put there."""


@dataclass(frozen=True, slots=True)
class Ignored:
    """A delivery in order that asks nothing of us."""

    reason: str
    action: str = ""


def envelope(headers: Mapping[str, str]) -> Envelope:
    """The headers that matter, however their names are written."""
    given = {name.lower(): value for name, value in headers.items()}
    return Envelope(
        delivery=given.get("x-github-delivery", ""),
        event=given.get("x-github-event", ""),
        content_type=given.get("content-type", ""),
        signature=given.get("x-hub-signature-256", ""),
        front=given.get(FRONT_HEADER, ""),
    )


def is_signed(body: bytes, signature: str, secrets: Iterable[str]) -> bool:
    """Whether one of the secrets made this signature of the raw body; how long it takes tells nothing."""
    given = signature.encode()
    made = [b"sha256=" + _hmac(secret, body) for secret in secrets if secret]
    # Every secret is compared, so that the time does not tell which one it was.
    return any([hmac.compare_digest(one, given) for one in made])  # noqa: C419 - a generator would stop early


def came_through_front(front: str, digests: Collection[str]) -> bool:
    """Whether a delivery came by the front door, of whose secret we know digests only; without any there is none."""
    given = hashlib.sha256(front.encode()).hexdigest().encode()
    # Every digest is compared, as above.
    return not digests or any([hmac.compare_digest(given, one.encode()) for one in digests])  # noqa: C419 - the same


def _hmac(secret: str, body: bytes) -> bytes:
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest().encode()


def read(
    sent: Envelope, body: bytes, now: float, *, is_ours: IsOurs, servers: Mapping[str, str]
) -> JobQueued | JobMoved | Ignored:
    """What a signed delivery says; raises `Rejected` naming the field that is wrong.

    `servers` are the REST addresses that may say it, and their names in this stack: an App's keys go to no other.
    """
    if len(body) > MAX_BODY:
        raise Rejected(f"delivery {sent.delivery}: {len(body)} bytes are more than {MAX_BODY}")
    if sent.event != "workflow_job":
        return Ignored(f"event {sent.event[:_SHOWN] or 'without a name'}")
    try:
        return _workflow_job(_document(sent, body), now, is_ours, servers)
    except _Wrong as wrong:
        raise Rejected(f"delivery {sent.delivery}: {wrong}") from wrong


def said(
    document: Mapping[str, Any], now: float, is_ours: IsOurs, servers: Mapping[str, str]
) -> JobQueued | JobMoved | Ignored:
    """What a `workflow_job` document says, wherever it comes from; raises `Rejected` as `read` does."""
    try:
        return _workflow_job(document, now, is_ours, servers)
    except _Wrong as wrong:
        raise Rejected(str(wrong)) from wrong


def _document(sent: Envelope, body: bytes) -> Mapping[str, Any]:
    kind = sent.content_type.partition(";")[0].strip().lower()
    if kind not in {"application/json", _FORM, ""}:
        raise _Wrong(f"content type {kind[:_SHOWN]!r}: set the webhook's to application/json")
    try:
        data = json.loads(_payload(body) if kind == _FORM else body)
    except (ValueError, RecursionError) as bad:
        raise _Wrong("body: not JSON") from bad
    if not isinstance(data, dict):
        raise _Wrong("body: expected an object")
    return data


def _payload(body: bytes) -> str:
    """The document in a form, which is GitHub's default when a webhook is made by hand."""
    found = parse_qs(body.decode(), max_num_fields=_MOST_FIELDS).get("payload", [""])
    return found[0]


def _workflow_job(
    data: Mapping[str, Any], now: float, is_ours: IsOurs, servers: Mapping[str, str]
) -> JobQueued | JobMoved | Ignored:
    action = _text(data, "action")
    if action != "queued" and action not in set(Step):
        return Ignored(f"action {action[:_SHOWN]}", action[:_SHOWN])
    job = _object(data, "workflow_job")
    labels = _labels(job)
    runner = _optional(job, "runner_name")
    if not is_ours(labels) and instance_of(runner) is None:
        return Ignored("labels are not ours", action)
    if action == "queued":
        return _queued(data, job, labels, now, servers)
    return replace(_moved(data, job, Step(action), now, servers), **_origin(data, job, servers))


def _queued(
    data: Mapping[str, Any], job: Mapping[str, Any], labels: tuple[str, ...], now: float, servers: Mapping[str, str]
) -> JobQueued:
    job_id, attempt = _number(job, "id"), _number(job, "run_attempt")
    repository = _object(data, "repository")
    server = _server(repository, servers)
    return JobQueued(
        job_id=job_id,
        attempt=attempt,
        repository=_text(repository, "full_name"),
        server=server,
        installation_id=_number(_object(data, "installation"), "id"),
        run_id=_number(job, "run_id"),
        workflow=_optional(job, "workflow_name"),
        name=_text(job, "name"),
        labels=labels,
        head_sha=_text(job, "head_sha"),
        queued_at=_time(job, "created_at") or _time(job, "started_at") or now,
        received_at=now,
        intake=Intake.WEBHOOK,
        traceparent=str(TraceContext.of_job(job_id, attempt, servers[server])),
        server_name=servers[server],
    )


def _moved(
    data: Mapping[str, Any], job: Mapping[str, Any], step: Step, now: float, servers: Mapping[str, str]
) -> JobMoved:
    job_id, attempt = _number(job, "id"), _number(job, "run_attempt")
    repository = _object(data, "repository")
    name = servers[_server(repository, servers)]
    return JobMoved(
        job_id=job_id,
        attempt=attempt,
        repository=_text(repository, "full_name"),
        kind=step,
        received_at=now,
        runner_name=_optional(job, "runner_name"),
        # GitHub writes 0 for a job that ended before it had a runner.
        runner_id=_number(job, "runner_id") if job.get("runner_id") else None,
        conclusion=_optional(job, "conclusion"),
        started_at=_time(job, "started_at"),
        completed_at=_time(job, "completed_at"),
        labels=_labels(job),
        traceparent=str(TraceContext.of_job(job_id, attempt, name)),
        server_name=name,
    )


def _origin(data: Mapping[str, Any], job: Mapping[str, Any], servers: Mapping[str, str]) -> dict[str, Any]:
    """Whose job it is; nothing of it where GitHub does not say all: the step itself is worth more than its origin."""
    try:
        return {
            "server": _server(_object(data, "repository"), servers),
            "installation_id": _number(_object(data, "installation"), "id"),
            "run_id": _number(job, "run_id"),
            "workflow": _optional(job, "workflow_name"),
            "name": _text(job, "name"),
            "head_sha": _text(job, "head_sha"),
        }
    except _Wrong:
        return {}


class _Wrong(ValueError):
    """A field that does not hold what GitHub documents."""


def _server(repository: Mapping[str, Any], servers: Mapping[str, str]) -> str:
    url, name = _text(repository, "url"), _text(repository, "full_name")
    server = url.removesuffix(f"/repos/{name}")
    if server not in servers:
        raise _Wrong(f"url: {url} is on none of this stack's servers whose secret signed it")
    return server


def _labels(job: Mapping[str, Any]) -> tuple[str, ...]:
    labels = job.get("labels")
    if not isinstance(labels, list) or len(labels) > MAX_LABELS:
        raise _Wrong(f"labels: expected a list of at most {MAX_LABELS}")
    return tuple(_checked("labels", label) for label in labels)


def _object(data: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = data.get(name)
    if not isinstance(value, dict):
        raise _Wrong(f"{name}: expected an object")
    return value


def _text(data: Mapping[str, Any], name: str) -> str:
    value = _checked(name, data.get(name))
    if not value:
        raise _Wrong(f"{name}: empty")
    return value


def _optional(data: Mapping[str, Any], name: str) -> str:
    value = data.get(name)
    return "" if value is None else _checked(name, value)


def _checked(name: str, value: object) -> str:
    if not isinstance(value, str) or len(value) > MAX_TEXT:
        raise _Wrong(f"{name}: expected a text of at most {MAX_TEXT} characters")
    try:
        # JSON can spell half a surrogate pair, which no queue and no table takes.
        value.encode()
    except UnicodeEncodeError as bad:
        raise _Wrong(f"{name}: not Unicode") from bad
    return value


def _number(data: Mapping[str, Any], name: str) -> int:
    value = data.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 < value < _BIGGEST:
        raise _Wrong(f"{name}: expected a positive number")
    return value


def _time(data: Mapping[str, Any], name: str) -> float | None:
    text = _optional(data, name)
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
        seconds = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError) as bad:
        raise _Wrong(f"{name}: {text!r} is not a time") from bad
    # GitHub writes the year 1 for "never".
    return seconds if seconds > 0 else None
