"""One call to AWS: which action of which service on what, and the log of all of them."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from urllib.parse import parse_qs, unquote

from controller.local.aws.iam import Access
from controller.local.aws.principals import Principal, PrincipalKind
from controller.local.aws.web import Request

_S3_OBJECT = {"GET": "GetObject", "PUT": "PutObject", "HEAD": "HeadObject", "DELETE": "DeleteObject"}
_S3_BUCKET = {"GET": "ListObjects", "PUT": "CreateBucket", "HEAD": "HeadBucket", "DELETE": "DeleteBucket"}
_NAMED_BY = ("QueueUrl", "TableName", "SecretId", "Name", "Path", "logGroupName")


@dataclass(frozen=True)
class Call:
    """A call whose sender is known."""

    principal: Principal
    service: str
    region: str
    request: Request

    @cached_property
    def action(self) -> str:
        """The action's name, wherever this service's protocol puts it."""
        target = self.request.headers.get("x-amz-target", "")
        if target:
            return target.rpartition(".")[2]
        if self.service == "execute-api":
            return "Invoke"
        if self.service == "s3":
            return self._s3_action()
        return self.form.get("Action", [self.request.method])[0]

    @cached_property
    def form(self) -> Mapping[str, list[str]]:
        """The parameters of the query protocol."""
        return parse_qs(self.request.body.decode() or self.request.query, keep_blank_values=True)

    @cached_property
    def fields(self) -> dict[str, object]:
        """The parameters of the JSON protocols; empty where the body is none."""
        try:
            data = json.loads(self.request.body or b"{}")
        except ValueError:
            return {}
        return data if isinstance(data, dict) else {}

    @cached_property
    def resource(self) -> str:
        """What the call is about, as far as one name can say it."""
        if self.service in {"s3", "execute-api"}:
            path = unquote(self.request.path)
            return path.lstrip("/") if self.service == "s3" else f"{self.request.method} {path}"
        return next((str(self.fields[name]) for name in _NAMED_BY if name in self.fields), "")

    def _s3_action(self) -> str:
        bucket, _, key = self.request.path.lstrip("/").partition("/")
        method = self.request.method
        if not bucket:
            return "ListBuckets"
        if key:
            return _S3_OBJECT.get(method, f"{method.title()}Object")
        sub = self.request.query.partition("&")[0].partition("=")[0]
        if sub and sub not in {"list-type", "prefix", "max-keys", "marker", "delimiter", "encoding-type"}:
            return f"{method.title()}Bucket{sub.title()}"
        return _S3_BUCKET.get(method, f"{method.title()}Bucket")


@dataclass(frozen=True, slots=True)
class CallRecord:
    """One line of the call log."""

    at: float
    service: str
    action: str
    resource: str
    kind: PrincipalKind | None
    """None where nobody could be believed."""
    principal: str
    status: int
    ms: float
    needed: tuple[Access, ...] = ()
    """What it was judged by; nothing where nobody judged."""
    asked: int = 0
    """Bytes of the request's body."""
    answered: int = 0


class CallLog:
    """Every call so far, in the order in which they were answered."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._records: list[CallRecord] = []

    def add(self, record: CallRecord) -> None:
        """Write one line."""
        with self._lock:
            self._records.append(record)

    def snapshot(self) -> tuple[CallRecord, ...]:
        """All lines until now."""
        with self._lock:
            return tuple(self._records)
