"""EC2's instance metadata service, version 2 only: one server, one base path for each machine."""

from __future__ import annotations

import json
import secrets
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from controller.local.aws.principals import ACCOUNT, Issued
from controller.local.aws.web import Reply, Request, typed

MAX_TTL_S = 21_600
_TTL = "x-aws-ec2-metadata-token-ttl-seconds"
_TOKEN = "x-aws-ec2-metadata-token"  # noqa: S105 - a header's name


@dataclass(slots=True)
class Facts:
    """What one machine may learn about itself."""

    instance_id: str
    instance_type: str
    image: str
    zone: str
    region: str
    lifecycle: str
    launched_at: float
    role: str
    credentials: Callable[[], Issued] = field(repr=False)
    user_data: bytes = field(repr=False)
    tags: Mapping[str, str]
    action: str = ""
    """The spot notice, as JSON."""
    rebalance: str = ""
    """The rebalance recommendation, as JSON."""


class Metadata:
    """Answers `/<instance id>/latest/...`."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._facts: dict[str, Facts] = {}
        self._tokens: dict[str, tuple[str, float]] = {}

    def tell(self, facts: Facts) -> None:
        """Begin to answer for a machine."""
        with self._lock:
            self._facts[facts.instance_id] = facts

    def announce(self, instance_id: str, *, action: str, at: float) -> None:
        """Let the machine see a spot notice."""
        self._facts[instance_id].action = json.dumps({"action": action, "time": _second(at)})

    def recommend_rebalance(self, instance_id: str) -> None:
        """Let the machine see a rebalance recommendation."""
        self._facts[instance_id].rebalance = json.dumps({"noticeTime": _second(self._clock())})

    def answer(self, request: Request) -> Reply:
        """Answer one request."""
        instance_id, _, path = request.path.lstrip("/").partition("/")
        facts = self._facts.get(instance_id)
        if facts is None or not path.startswith("latest/"):
            return _page(404)
        if path == "latest/api/token":
            return self._token(request, instance_id)
        if request.method != "GET":
            return _page(405)
        owner, until = self._tokens.get(request.headers.get(_TOKEN, ""), ("", 0.0))
        if owner != instance_id or until <= self._clock():
            return _page(401)
        found = self._item(facts, path.removeprefix("latest/"))
        return _page(404) if found is None else typed(200, found, "text/plain")

    def _token(self, request: Request, instance_id: str) -> Reply:
        if request.method != "PUT":
            return _page(405)
        if "x-forwarded-for" in request.headers:
            return _page(403)
        ttl = request.headers.get(_TTL, "")
        if not ttl.isdigit() or not 1 <= int(ttl) <= MAX_TTL_S:
            return _page(400)
        token = secrets.token_urlsafe(42)
        with self._lock:
            self._tokens[token] = (instance_id, self._clock() + int(ttl))
        return Reply(200, token.encode(), (("Content-Type", "text/plain"), (_TTL, ttl)))

    def _item(self, facts: Facts, path: str) -> bytes | str | None:
        """The item's text, None where there is no such item."""
        if path == "user-data":
            return facts.user_data or None
        if path == "dynamic/instance-identity/document":
            return _document(facts)
        base = "meta-data/iam/security-credentials/"
        if facts.role and path.rstrip("/") == base.rstrip("/"):
            return facts.role
        if facts.role and path == base + facts.role:
            return self._credentials(facts)
        tags = "meta-data/tags/instance/"
        if path.startswith(tags):
            return facts.tags.get(path.removeprefix(tags)) if path != tags else "\n".join(facts.tags)
        return _simple(facts).get(path)

    def _credentials(self, facts: Facts) -> str:
        issued = facts.credentials()
        return json.dumps(
            {
                "Code": "Success",
                "LastUpdated": _second(self._clock()),
                "Type": "AWS-HMAC",
                "AccessKeyId": issued.keys.access_key,
                "SecretAccessKey": issued.keys.secret_key,
                "Token": issued.keys.token,
                "Expiration": _second(issued.expires),
            }
        )


def _simple(facts: Facts) -> dict[str, str | None]:
    return {
        "meta-data/instance-id": facts.instance_id,
        "meta-data/instance-type": facts.instance_type,
        "meta-data/ami-id": facts.image,
        "meta-data/instance-life-cycle": facts.lifecycle,
        "meta-data/placement/availability-zone": facts.zone,
        "meta-data/placement/region": facts.region,
        "meta-data/spot/instance-action": facts.action or None,
        "meta-data/spot/termination-time": json.loads(facts.action)["time"] if facts.action else None,
        "meta-data/events/recommendations/rebalance": facts.rebalance or None,
        "meta-data/events/maintenance/scheduled": "[]",
    }


def _document(facts: Facts) -> str:
    return json.dumps(
        {
            "accountId": ACCOUNT,
            "availabilityZone": facts.zone,
            "imageId": facts.image,
            "instanceId": facts.instance_id,
            "instanceType": facts.instance_type,
            "pendingTime": _second(facts.launched_at),
            "region": facts.region,
            "version": "2017-09-30",
        }
    )


def _second(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _page(status: int) -> Reply:
    return typed(status, "", "text/html")
