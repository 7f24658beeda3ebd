"""GitHub's side of the runner protocol on 127.0.0.1: token, session, messages, acquire, renew, complete."""

from __future__ import annotations

import json
import secrets
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from runner_agent.conformance.job import Job, lease
from runner_agent.conformance.keys import BadAssertion
from runner_agent.conformance.registration import Registration

POLL_S = 2.0
"""How long a message poll is held open; GitHub holds it for 50 s, which a check cannot wait for."""
MAX_BODY = 16 * 1024 * 1024
SOCKET_S = 60.0
_TOKEN_LIFE_S = 3_000
_BROKER, _RUN_SERVICE = "actions-broker-listener", "actions-run-service"


@dataclass(frozen=True, slots=True)
class Play:
    """How this GitHub behaves."""

    registered: bool = True
    """Whether the registration is known when the runner signs in."""
    removed: bool = False
    """Whether it is removed once the runner listens."""
    too_old: bool = False
    conflict: bool = False
    job: bool = False
    """Whether a job is offered."""
    acquire: HTTPStatus = HTTPStatus.OK
    """What the offered job is when the runner wants it."""


@dataclass(frozen=True, slots=True)
class Call:
    """One request of the runner."""

    name: str
    query: Mapping[str, str]
    body: Mapping[str, Any] = field(repr=False)


@dataclass(frozen=True, slots=True)
class _Answer:
    status: HTTPStatus
    body: Mapping[str, Any] | None = None


class Loopback:
    """One GitHub for one start of one runner; `calls` is what it was asked."""

    def __init__(self, registration: Registration, play: Play, extra: Mapping[str, Any] | None = None) -> None:
        self.url = ""
        self.play = play
        self.calls: list[Call] = []
        self.refused_assertion = ""
        self.job = Job()
        self._registration = registration
        self._extra = extra or {}
        self._tokens: set[str] = set()
        self._session = ""
        self._offered = False
        self._over = threading.Event()
        self._routes: dict[str, Callable[[Call], _Answer]] = {
            "POST session": self._open,
            "DELETE session": lambda _: _Answer(HTTPStatus.OK, {}),
            "GET message": self._message,
            "POST acknowledge": lambda _: _Answer(HTTPStatus.NO_CONTENT),
            "POST acquirejob": self._acquire,
            "POST renewjob": lambda _: _Answer(HTTPStatus.OK, {"lockedUntil": lease()}),
            "POST completejob": lambda _: _Answer(HTTPStatus.NO_CONTENT),
        }

    @property
    def jit_config(self) -> str:
        """What the runner is started with."""
        return self._registration.jit_config(self.url)

    def asked(self, name: str) -> list[Call]:
        """The requests of one kind, such as `POST session`."""
        return [call for call in self.calls if call.name == name]

    def over(self) -> None:
        """Hold no poll any longer."""
        self._over.set()

    def answer(self, call: Call, form: Mapping[str, str], token: str) -> _Answer:
        """Answer one request."""
        self.calls.append(call)
        if call.name == "POST token":
            return self._sign_in(form)
        if token not in self._tokens:
            return _Answer(HTTPStatus.UNAUTHORIZED, {})
        route = self._routes.get(call.name)
        return route(call) if route else _Answer(HTTPStatus.NOT_FOUND, {})

    def _sign_in(self, form: Mapping[str, str]) -> _Answer:
        unknown = _Answer(HTTPStatus.BAD_REQUEST, {"error": "invalid_client", "error_description": "not registered"})
        if not self.play.registered:
            return unknown
        try:
            self._registration.check(form.get("client_assertion", ""), time.time())
        except BadAssertion as bad:
            self.refused_assertion = str(bad)
            return unknown
        return _Answer(HTTPStatus.OK, {"access_token": self._token(), "expires_in": _TOKEN_LIFE_S, "token_type": "JWT"})

    def _token(self) -> str:
        token = secrets.token_urlsafe(32)
        self._tokens.add(token)
        return token

    def _open(self, call: Call) -> _Answer:
        if self.play.conflict:
            return _Answer(HTTPStatus.CONFLICT, {"message": "The runner has a session already."})
        self._session = str(uuid.uuid4())
        return _Answer(HTTPStatus.OK, {"sessionId": self._session, "ownerName": call.body.get("ownerName", "")})

    def _message(self, _: Call) -> _Answer:
        if self.play.too_old:
            return _error(_BROKER, HTTPStatus.FORBIDDEN, "The runner's version is deprecated.", "RunnerVersionTooOld")
        if self.play.removed:
            return _error(_BROKER, HTTPStatus.NOT_FOUND, "The runner is not registered.", "RunnerNotFound")
        if self.play.job and not self._offered:
            self._offered = True
            return _Answer(HTTPStatus.OK, self._offer())
        self._over.wait(POLL_S)
        return _Answer(HTTPStatus.ACCEPTED)

    def _offer(self) -> dict[str, Any]:
        body = {
            "id": "1",
            "runner_request_id": self.job.request_id,
            "run_service_url": self.url,
            "should_acknowledge": True,
        }
        return {"messageId": 1, "messageType": "RunnerJobRequest", "body": json.dumps(body)}

    def _acquire(self, _: Call) -> _Answer:
        if self.play.acquire is not HTTPStatus.OK:
            return _error(_RUN_SERVICE, self.play.acquire, "The job is gone or taken.")
        return _Answer(HTTPStatus.OK, self.job.message(self.url, self._token(), self._extra))


def _error(source: str, status: HTTPStatus, message: str, kind: str = "") -> _Answer:
    body = {"source": source, "statusCode": int(status), "errorKind": kind, "errorMessage": message}
    return _Answer(status, body)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = SOCKET_S
    loopback: Loopback

    def log_message(self, *_: object) -> None:
        """Say nothing: what matters is in `calls`."""

    def _serve(self) -> None:
        body = self._body()
        place = urlsplit(self.path)
        call = Call(f"{self.command} {place.path.strip('/')}", _last(place.query), _object(body))
        form = _last(body.decode("utf-8", "replace")) if call.name == "POST token" else {}
        token = self.headers.get("Authorization", "").removeprefix("Bearer ")
        self._send(self.loopback.answer(call, form, token))

    do_GET = do_POST = do_DELETE = _serve  # noqa: N815 - names that http.server prescribes

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(min(MAX_BODY, int(self.headers.get("Content-Length") or 0)))
        # .NET sends JSON in chunks, which http.server leaves to us.
        parts = []
        while size := int(self.rfile.readline(64).partition(b";")[0], 16):
            parts.append(self.rfile.read(min(MAX_BODY, size)))
            self.rfile.readline(2)
        self.rfile.readline(2)
        return b"".join(parts)

    def _send(self, answer: _Answer) -> None:
        text = b"" if answer.body is None else json.dumps(answer.body).encode()
        self.send_response(answer.status)
        self.send_header("Content-Type", "application/json; charset=utf-8")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """A runner that hangs up in a poll, or is killed, is part of the check."""


@contextmanager
def raised(loopback: Loopback) -> Iterator[Loopback]:
    """Answer at a free port of 127.0.0.1 until the block ends."""
    handler = type("Handler", (_Handler,), {"loopback": loopback})
    with _Server(("127.0.0.1", 0), handler) as server:
        loopback.url = f"http://127.0.0.1:{server.server_address[1]}/"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield loopback
        finally:
            loopback.over()
            server.shutdown()
            thread.join()


def _last(query: str) -> dict[str, str]:
    return {name: values[-1] for name, values in parse_qs(query).items()}


def _object(body: bytes) -> dict[str, Any]:
    try:
        data = json.loads(body)
    except ValueError:
        return {}
    return data if isinstance(data, dict) else {}
