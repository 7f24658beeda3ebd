"""Everything an agent talks to, on 127.0.0.1: metadata, claims, queue, downloads, traces; with a say in how it goes."""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

from runner_agent.contract import wire
from runner_agent.contract.bundle import Bundle, Claim, IntendedJob, Limits, RunnerPackage, Targets, UserData
from runner_agent.contract.record import replace
from runner_agent.contract.reports import Report

INSTANCE = "i-0123456789abcdef0"
ROLE_SECRET = "canary-role-secret-key-0000000000"
ROLE_TOKEN = "canary-role-session-token-00000000"
LOG_SECRET = "canary-log-role-secret-000000000000"
LOG_TOKEN = "canary-log-role-session-token-00000"
ASSUMED = f"""<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult><Credentials>
<AccessKeyId>ASIALOGS</AccessKeyId><SecretAccessKey>{LOG_SECRET}</SecretAccessKey>
<SessionToken>{LOG_TOKEN}</SessionToken><Expiration>2999-01-01T00:00:00Z</Expiration>
</Credentials></AssumeRoleResult></AssumeRoleResponse>"""
LAUNCHED = "2026-11-20T10:00:00Z"
PATIENCE_S = 30.0
QUICK = Limits(idle_s=20.0, assigned_s=20.0, job_s=60.0, stop_s=5.0, notice_margin_s=4.5, poll_s=0.05, flush_s=5.0)


def until(condition: Callable[[], object], what: str = "the condition") -> None:
    """Wait until something is so, for as long as a busy machine may need."""
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not come"
        time.sleep(0.01)


@dataclass
class Metadata:
    """How the metadata service behaves."""

    tokens: set[str] = field(default_factory=set)
    issued: int = 0
    hanging: bool = False
    broken: int = 0
    """This many requests are answered with 503."""
    notice: dict[str, str] | None = None
    rebalance: bool = False
    life_cycle: str = "spot"
    tags: dict[str, str] = field(default_factory=lambda: {"spotrunner:launch": "launch-1"})
    user_data: str = ""
    asked: list[str] = field(default_factory=list)

    def expire_tokens(self) -> None:
        self.tokens.clear()

    def announce(self, seconds: float, action: str = "terminate") -> None:
        at = time.gmtime(time.time() + seconds)
        self.notice = {"action": action, "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", at)}


@dataclass
class Served:
    """A file to download, and what goes wrong with it."""

    data: bytes
    status: int = 200
    cut_after: int | None = None
    """The connection breaks after this many bytes."""
    location: str = ""
    headers: list[dict[str, str]] = field(default_factory=list)
    """Those of each request for it."""


@dataclass
class Stage:
    """The outside of one agent."""

    url: str = ""
    metadata: Metadata = field(default_factory=Metadata)
    claims: list[Claim] = field(default_factory=list)
    claim_headers: list[dict[str, str]] = field(default_factory=list)
    answers: list[tuple[int, str]] = field(default_factory=list)
    """Given to the first claims; the last one is repeated."""
    messages: list[str] = field(default_factory=list)
    queue_down: bool = False
    queue_attempts: int = 0
    files: dict[str, Served] = field(default_factory=dict)
    traces: list[dict[str, Any]] = field(default_factory=list)
    log_calls: list[tuple[str, dict[str, Any], str]] = field(default_factory=list)
    """Action, body and credential of each call to CloudWatch Logs."""
    logs_down: bool = False
    assumed: list[dict[str, list[str]]] = field(default_factory=list)
    puts: dict[str, bytes] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def reports(self) -> list[Report]:
        return [wire.loads(Report, text) for text in self.messages]

    @property
    def spans(self) -> dict[str, dict[str, Any]]:
        found = (span for document in self.traces for span in document["resourceSpans"][0]["scopeSpans"][0]["spans"])
        return {span["name"]: span for span in found}

    def grant(self, *bundles: Bundle) -> None:
        self.answers += [(200, wire.dumps(bundle)) for bundle in bundles]

    @property
    def logged(self) -> list[str]:
        """Every line that came to the log stream."""
        calls = (body for action, body, _ in self.log_calls if action == "PutLogEvents")
        return [event["message"] for body in calls for event in body["logEvents"]]

    def bundle(self, jit_config: str, **changes: Any) -> Bundle:  # noqa: ANN401 - any field of it
        plain = Bundle(
            instance_id=INSTANCE,
            runner_name="sr-1",
            jit_config=jit_config,
            package=RunnerPackage("2.336.0", "0" * 64, ()),
            job=IntendedJob(1, 1, "octo/repo", "build"),
            labels=("spotrunner/linux",),
            traceparent="00-" + "a" * 32 + "-" + "b" * 16 + "-01",
            targets=Targets("eu-west-1", f"{self.url}/000000000000/reports", otlp_endpoint=f"{self.url}/otlp"),
            limits=QUICK,
        )
        return replace(plain, **changes)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    stage: Stage

    def log_message(self, *_: object) -> None:
        pass

    def do_PUT(self) -> None:
        metadata = self.stage.metadata
        if not self.path.startswith("/latest/"):
            self._put()
            return
        if self._metadata_in_trouble():
            return
        if self.path != "/latest/api/token" or "X-aws-ec2-metadata-token-ttl-seconds" not in self.headers:
            self._answer(400)
            return
        metadata.issued += 1
        token = f"canary-imds-token-{metadata.issued}"
        metadata.tokens.add(token)
        self._answer(200, token.encode())

    def do_GET(self) -> None:
        if self.path.startswith("/latest/"):
            self._metadata(self.path.removeprefix("/latest/"))
            return
        served = self.stage.files.get(self.path)
        if served is None:
            self._answer(404)
            return
        served.headers.append(dict(self.headers))
        self._serve(served)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.path == "/claim":
            self._claim(body)
        elif self.path == "/otlp/v1/traces":
            self.stage.traces.append(json.loads(body))
            self._answer(200, b"{}")
        elif self.headers.get("X-Amz-Target") == "AmazonSQS.SendMessage":
            self._queue(json.loads(body))
        elif self.headers.get("X-Amz-Target", "").startswith("Logs_20140328."):
            self._log(json.loads(body))
        elif "/sts/aws4_request" in self.headers.get("Authorization", ""):
            self.stage.assumed.append(parse_qs(body.decode("ascii")))
            self._answer(200, ASSUMED.encode())
        else:
            self._answer(404)

    def _log(self, body: dict[str, Any]) -> None:
        stage = self.stage
        if stage.logs_down:
            self._answer(503)
            return
        action = self.headers["X-Amz-Target"].partition(".")[2]
        credential = self.headers["Authorization"].partition("Credential=")[2].partition("/")[0]
        stage.log_calls.append((action, body, credential))
        self._answer(200, b"{}")

    def _put(self) -> None:
        data = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        taken = self.path in self.stage.puts and self.headers.get("If-None-Match") == "*"
        proven = self.headers["X-Amz-Content-SHA256"] == hashlib.sha256(data).hexdigest()
        if proven and not taken:
            self.stage.puts[self.path] = data
        self._answer(412 if taken else 200 if proven else 400)

    def _claim(self, body: bytes) -> None:
        stage = self.stage
        with stage._lock:
            stage.claims.append(wire.loads(Claim, body))
            stage.claim_headers.append(dict(self.headers))
            status, text = stage.answers[min(len(stage.claims), len(stage.answers)) - 1]
        self._answer(status, text.encode())

    def _queue(self, body: dict[str, str]) -> None:
        stage = self.stage
        stage.queue_attempts += 1
        if stage.queue_down or not body["QueueUrl"].endswith("/000000000000/reports"):
            self._answer(503)
            return
        stage.messages.append(body["MessageBody"])
        self._answer(200, b'{"MessageId":"1"}')

    def _metadata_in_trouble(self) -> bool:
        metadata = self.stage.metadata
        if metadata.hanging:
            until(lambda: not metadata.hanging)
            self.close_connection = True
            return True
        if metadata.broken > 0:
            metadata.broken -= 1
            self._answer(503)
            return True
        return False

    def _metadata(self, path: str) -> None:
        metadata = self.stage.metadata
        metadata.asked.append(path)
        if self._metadata_in_trouble():
            return
        if self.headers.get("X-aws-ec2-metadata-token") not in metadata.tokens:
            self._answer(401)
            return
        text = self._item(path)
        self._answer(404 if text is None else 200, (text or "").encode())

    def _item(self, path: str) -> str | None:
        metadata = self.stage.metadata
        role = "meta-data/iam/security-credentials/"
        keys = {"AccessKeyId": "ASIAEXAMPLE", "SecretAccessKey": ROLE_SECRET, "Token": ROLE_TOKEN}
        items: dict[str, str | None] = {
            "user-data": metadata.user_data or wire.dumps(UserData(f"{self.stage.url}/claim", "test", 5.0)),
            "dynamic/instance-identity/document": json.dumps(
                {"instanceId": INSTANCE, "region": "eu-west-1", "pendingTime": LAUNCHED, "instanceType": "m7i.large"}
            ),
            role: "machine-role",
            role + "machine-role": json.dumps({**keys, "Expiration": "2999-01-01T00:00:00Z"}),
            "meta-data/instance-life-cycle": metadata.life_cycle,
            "meta-data/spot/instance-action": json.dumps(metadata.notice) if metadata.notice else None,
            "meta-data/events/recommendations/rebalance": "{}" if metadata.rebalance else None,
        }
        tag = metadata.tags.get(path.removeprefix("meta-data/tags/instance/"))
        return items.get(path, tag)

    def _serve(self, served: Served) -> None:
        self.send_response(served.status)
        self.send_header("Content-Length", str(len(served.data)))
        if served.location:
            self.send_header("Location", served.location)
        self.end_headers()
        self.wfile.write(served.data[: served.cut_after])
        self.close_connection = served.cut_after is not None

    def _answer(self, status: int, body: bytes = b"") -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """An agent that hangs up early is part of the play."""


@contextmanager
def raised(port: int = 0) -> Iterator[Stage]:
    """A stage that answers until the block ends."""
    stage = Stage()
    handler = type("Handler", (_Handler,), {"stage": stage})
    with _Server(("127.0.0.1", port), handler) as server:
        stage.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=lambda: server.serve_forever(poll_interval=0.02))
        thread.start()
        try:
            yield stage
        finally:
            stage.metadata.hanging = False
            server.shutdown()
            thread.join()
