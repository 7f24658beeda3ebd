"""The machine's metadata as EC2 serves it (IMDSv2), and requests to AWS signed with the machine's role."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import datetime
from typing import Any
from urllib.parse import quote, urlsplit

from runner_agent.cloud import Identity, MetadataUnavailable, Notice
from runner_agent.contract.record import Record
from runner_agent.contract.sigv4 import Credentials, Scope, sign
from runner_agent.web import Answer, Request, Unreachable, exchange

ENDPOINT = "http://169.254.169.254"
TOKEN_TTL_S = 21_600
TIMEOUT_S = 1.0
RENEW_CREDENTIALS_S = 300.0
_NOT_FOUND = 404
_UNAUTHORIZED = 401


class Imds:
    """EC2's instance metadata: session tokens only, short timeouts, one renewal when a token is refused."""

    def __init__(
        self, endpoint: str = ENDPOINT, timeout: float = TIMEOUT_S, learn: Callable[[list[str]], None] | None = None
    ) -> None:
        self._endpoint = endpoint.rstrip("/")
        self._timeout = timeout
        self._learn = learn or (lambda _secrets: None)
        self._token = ""
        self._token_until = 0.0
        self._role: dict[str, Any] = {}
        self._life_cycle: str | None = None

    def identity(self) -> Identity:
        """The instance identity document, in our words."""
        document = self._json("dynamic/instance-identity/document")
        try:
            return Identity(
                instance_id=str(document["instanceId"]),
                region=str(document["region"]),
                zone=str(document.get("availabilityZone", "")),
                instance_type=str(document.get("instanceType", "")),
                image=str(document.get("imageId", "")),
                launched_at=_time(document.get("pendingTime")),
            )
        except KeyError as lacking:
            raise MetadataUnavailable(f"instance identity document: no {lacking}") from lacking

    def credentials(self) -> Credentials:
        """The instance role's key pair, read again when it is about to expire."""
        until = _time(self._role.get("Expiration"))
        if not self._role or (until is not None and until - time.time() < RENEW_CREDENTIALS_S):
            path = "meta-data/iam/security-credentials/"
            name = self._text(path).split("\n", 1)[0].strip()
            self._role = self._json(path + name)
            self._learn([str(self._role.get(name, "")) for name in ("SecretAccessKey", "Token")])
        try:
            return Credentials(self._role["AccessKeyId"], self._role["SecretAccessKey"], self._role.get("Token", ""))
        except KeyError as lacking:
            self._role = {}
            raise MetadataUnavailable(f"instance role credentials: no {lacking}") from lacking

    def user_data(self) -> bytes:
        """The launch template's user data."""
        return self._get("user-data") or b""

    def tag(self, name: str) -> str:
        """A tag, where the launch made tags visible to the instance."""
        return (self._get(f"meta-data/tags/instance/{name}") or b"").decode("utf-8", "replace").strip()

    def interruption(self) -> Notice | None:
        """The spot notice; an on-demand instance never gets one, so it is asked for its life cycle once."""
        if self._life_cycle is None:
            self._life_cycle = (self._get("meta-data/instance-life-cycle") or b"").decode("ascii", "replace").strip()
        if self._life_cycle == "on-demand":
            return None
        found = self._get("meta-data/spot/instance-action")
        if found is None:
            return None
        notice = _object(found, "spot notice")
        at = _time(notice.get("time"))
        # A notice that cannot be read is still a notice: two minutes is what EC2 promises.
        return Notice(str(notice.get("action", "terminate")), time.time() + 120.0 if at is None else at)

    def rebalance(self) -> bool:
        """Whether EC2 has sent a rebalance recommendation."""
        return self._get("meta-data/events/recommendations/rebalance") is not None

    def _text(self, path: str) -> str:
        found = self._get(path)
        if found is None:
            raise MetadataUnavailable(f"{path}: not there")
        return found.decode("utf-8", "replace")

    def _json(self, path: str) -> dict[str, Any]:
        return _object(self._text(path), path)

    def _get(self, path: str) -> bytes | None:
        """The item's text, None where there is no such item."""
        answer = self._asked(path)
        if answer.status == _UNAUTHORIZED:
            self._token = ""
            answer = self._asked(path)
        if answer.status == _NOT_FOUND:
            return None
        if not answer.ok:
            raise MetadataUnavailable(f"{path}: status {answer.status}")
        return answer.body

    def _asked(self, path: str) -> Answer:
        headers = {"X-aws-ec2-metadata-token": self._session()}
        return self._sent(Request("GET", f"{self._endpoint}/latest/{path}", headers))

    def _session(self) -> str:
        """The session token, renewed at half its life."""
        now = time.monotonic()
        if not self._token or now > self._token_until:
            headers = {"X-aws-ec2-metadata-token-ttl-seconds": str(TOKEN_TTL_S)}
            answer = self._sent(Request("PUT", f"{self._endpoint}/latest/api/token", headers))
            if not answer.ok:
                raise MetadataUnavailable(f"api/token: status {answer.status}")
            self._token = answer.body.decode("ascii", "replace").strip()
            self._learn([self._token])
            self._token_until = now + TOKEN_TTL_S / 2
        return self._token

    def _sent(self, request: Request) -> Answer:
        try:
            return exchange(request, self._timeout)
        except Unreachable as silent:
            raise MetadataUnavailable(str(silent)) from silent


class Signer(Record):
    """Makes requests that AWS believes to come from this machine."""

    region: str
    credentials: Callable[[], Credentials]
    endpoint: str = ""
    """Stands in for the address of SQS and S3, where it is set."""

    def request(self, request: Request, service: str) -> Request:
        """The request with its signature, good for five minutes."""
        scope = Scope(self.region, service)
        body = request.body if isinstance(request.body, bytes) else b""
        keys, now = self.credentials(), time.time()
        headers = sign(request.method, request.url, dict(request.headers), body, keys, scope, now)
        return Request(request.method, request.url, headers, request.body)

    def message(self, queue_url: str, body: bytes) -> Request:
        """A request to SQS's JSON protocol about one queue."""
        parts = urlsplit(queue_url)
        base = self.endpoint.rstrip("/") or f"{parts.scheme}://{parts.netloc}"
        headers = {"Content-Type": "application/x-amz-json-1.0", "X-Amz-Target": "AmazonSQS.SendMessage"}
        return self.request(Request("POST", f"{base}/", headers, body), "sqs")

    def logs(self, action: str, body: bytes) -> Request:
        """A request to CloudWatch Logs."""
        headers = {"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": f"Logs_20140328.{action}"}
        return self.request(Request("POST", f"{self._base('logs')}/", headers, body), "logs")

    def assume(self, form: bytes) -> Request:
        """A request for another role."""
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        return self.request(Request("POST", f"{self._base('sts')}/", headers, form), "sts")

    def s3_object(self, url: str) -> Request:
        """A GET of `s3://bucket/key`; the bucket is in the path: one form for AWS and for a local cloud."""
        parts = urlsplit(url)
        return self.request(Request("GET", f"{self._base('s3')}/{parts.netloc}{quote(parts.path)}"), "s3")

    def _base(self, service: str) -> str:
        domain = "amazonaws.com.cn" if self.region.startswith("cn-") else "amazonaws.com"
        return self.endpoint.rstrip("/") or f"https://{service}.{self.region}.{domain}"


def _object(text: str | bytes, what: str) -> dict[str, Any]:
    try:
        data = json.loads(text)
    except ValueError as bad:
        raise MetadataUnavailable(f"{what}: not JSON") from bad
    if not isinstance(data, dict):
        raise MetadataUnavailable(f"{what}: not an object")
    return data


def _time(text: object) -> float | None:
    try:
        return datetime.fromisoformat(str(text)).timestamp()
    except ValueError:
        return None
