"""A small HTTP server: routes by template, JSON in and out, a log of every request, a stop that leaves nothing."""

from __future__ import annotations

import contextlib
import json
import re
import socket
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit


@dataclass(frozen=True, slots=True)
class Request:
    """One request as a handler sees it."""

    method: str
    path: str
    headers: Mapping[str, str]
    """Names in lower case."""
    query: Mapping[str, str]
    body: bytes = field(repr=False)
    params: Mapping[str, str] = field(default_factory=dict)
    """What the route's template matched."""
    url: str = ""
    """The whole address, without the query."""
    installation: int = 0
    """Whose token it bears; 0 for none."""
    app: int = 0
    """The App that asks as itself; 0 for anybody else."""

    def json(self) -> dict[str, object]:
        """The body as a JSON object; empty when it is none."""
        try:
            document = json.loads(self.body or b"{}")
        except ValueError:
            return {}
        return document if isinstance(document, dict) else {}

    @property
    def bearer(self) -> str:
        """The token of the Authorization header, whichever of GitHub's two words precedes it."""
        scheme, _, token = self.headers.get("authorization", "").partition(" ")
        return token.strip() if scheme.lower() in ("bearer", "token") else ""


@dataclass(frozen=True, slots=True)
class Response:
    """One answer; a body that is not bytes is sent as JSON, None as no body."""

    status: int
    body: object = None
    headers: Mapping[str, str] = field(default_factory=dict)
    caller: str = ""
    """Who asked, for the request log."""

    def payload(self) -> bytes:
        """The bytes of the body."""
        if self.body is None:
            return b""
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


@dataclass(frozen=True, slots=True)
class RequestRecord:
    """One line of the request log."""

    at: datetime
    method: str
    route: str
    """The route's template, such as `/repos/{owner}/{repo}/actions/runs`."""
    status: int
    caller: str
    duration_s: float


Handler = Callable[[Request], Response]


class Route:
    """A method, a path template such as `/orgs/{org}`, and what answers it."""

    def __init__(self, method: str, template: str, handler: Handler) -> None:
        self.method = method
        self.template = template
        self.handler = handler
        # A template's literal parts hold no character that a regex would take for its own, except the dot;
        # and of its parameters only a file's path may hold a slash.
        literal = template.replace(".", r"\.").replace("{path}", r"(?P<path>.+)")
        self.pattern = re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", literal))


class Door:
    """A loopback HTTP server over a list of routes."""

    def __init__(self, not_found: Response, *, port: int = 0, base_path: str = "") -> None:
        self.routes: Sequence[Route] = ()
        self._base_path = base_path
        self._not_found = not_found
        self._lock = threading.Lock()
        self._records: list[RequestRecord] = []
        self._server = _Server(("127.0.0.1", port), self)
        self._port = int(self._server.server_address[1])
        self._thread = self._server.thread()

    @property
    def base_url(self) -> str:
        """Where the server listens, down to the path that every route lives below."""
        return f"http://127.0.0.1:{self._port}{self._base_path}"

    @property
    def records(self) -> tuple[RequestRecord, ...]:
        """Every request so far."""
        with self._lock:
            return tuple(self._records)

    def start(self) -> None:
        """Begin to answer."""
        self._thread.start()

    def reopen(self) -> None:
        """Answer again, on the same port, after a stop."""
        self._server = _Server(("127.0.0.1", self._port), self)
        self._thread = self._server.thread()
        self._thread.start()

    def stop(self) -> None:
        """Close the port and every connection, and wait for every thread."""
        self._server.shutdown()
        self._server.close_connections()
        self._server.server_close()
        self._thread.join()

    def answer(self, request: Request) -> Response:
        """Find the route, let it answer, write the log."""
        began = time.monotonic()
        route, response = self._answer(request)
        took = time.monotonic() - began
        record = RequestRecord(datetime.now(UTC), request.method, route, response.status, response.caller, took)
        with self._lock:
            self._records.append(record)
        return response

    def _answer(self, request: Request) -> tuple[str, Response]:
        path = request.path.removeprefix(self._base_path)
        if request.path.startswith(self._base_path):
            for route in self.routes:
                match = route.pattern.fullmatch(path) if route.method == request.method else None
                if match:
                    params = {name: unquote(text) for name, text in match.groupdict().items()}
                    asked = replace(request, path=path, params=params, url=self.base_url + path)
                    return route.template, route.handler(asked)
        return request.path, self._not_found


class _Server(ThreadingHTTPServer):
    """Remembers its connections, so that stopping does not wait for idle ones."""

    request_queue_size = 512
    daemon_threads = False

    def __init__(self, address: tuple[str, int], door: Door) -> None:
        self.door = door
        self._connections: set[socket.socket] = set()
        self._connections_lock = threading.Lock()
        self._closing = False
        super().__init__(address, _Connection)

    def thread(self) -> threading.Thread:
        """What serves, before it is started."""
        return threading.Thread(target=self.serve_forever, args=(0.05,), name="github-door")

    def remember(self, connection: socket.socket) -> None:
        with self._connections_lock:
            self._connections.add(connection)
            if self._closing:
                _hang_up(connection)

    def forget(self, connection: socket.socket) -> None:
        with self._connections_lock:
            self._connections.discard(connection)

    def close_connections(self) -> None:
        with self._connections_lock:
            self._closing = True
            for connection in self._connections:
                _hang_up(connection)

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that went away is no error of ours; anything else must be seen."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


def _hang_up(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):  # the other side was first
        connection.shutdown(socket.SHUT_RDWR)


class _Connection(BaseHTTPRequestHandler):
    """One connection, kept alive between requests."""

    server: _Server
    protocol_version = "HTTP/1.1"
    server_version = "GitHub.com"
    sys_version = ""
    # The answer goes out as one packet: two would wait for the peer's delayed ACK.
    wbufsize = -1
    disable_nagle_algorithm = True

    def setup(self) -> None:
        super().setup()
        self.server.remember(self.connection)

    def finish(self) -> None:
        self.server.forget(self.connection)
        super().finish()

    def _serve(self) -> None:
        response = self.server.door.answer(self._request())
        payload = response.payload()
        self.send_response(response.status)
        kind = "application/octet-stream" if isinstance(response.body, bytes) else "application/json; charset=utf-8"
        for name, value in {"Content-Type": kind, **response.headers}.items():
            self.send_header(name, value)
        if response.status != 204:  # noqa: PLR2004 No Content
            self.send_header("Content-Length", str(len(payload)))
        self.end_headers()
        self.wfile.write(payload)
        self.wfile.flush()

    def _request(self) -> Request:
        parts = urlsplit(self.path)
        return Request(
            method=self.command,
            path=parts.path,
            headers={name.lower(): value for name, value in self.headers.items()},
            query={name: values[-1] for name, values in parse_qs(parts.query, keep_blank_values=True).items()},
            body=self.rfile.read(int(self.headers.get("content-length") or 0)),
        )

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _serve  # noqa: N815 the names http.server asks for

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 http.server's name
        """The request log is the door's; standard error stays clean."""
