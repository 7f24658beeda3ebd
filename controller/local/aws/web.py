"""A small HTTP server on loopback: keep-alive, a thread per connection, and a stop that leaves nothing behind."""

from __future__ import annotations

import contextlib
import logging
import socket
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.client import responses
from http.server import BaseHTTPRequestHandler

_STOP_S = 2.0
_PAUSE_S = 0.02
_BODILESS = (204, 304)


@dataclass(frozen=True, slots=True)
class Request:
    """One request, exactly as it was sent."""

    method: str
    target: str
    """Path and query, still encoded."""
    headers: Mapping[str, str] = field(repr=False)
    """Names in lower case; a repeated header's values are joined by commas."""
    body: bytes = field(default=b"", repr=False)

    @property
    def path(self) -> str:
        """The path, still encoded."""
        return self.target.partition("?")[0]

    @property
    def query(self) -> str:
        """The query, still encoded."""
        return self.target.partition("?")[2]


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer; the length is added when it is sent."""

    status: int
    body: bytes = field(default=b"", repr=False)
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)


def typed(status: int, body: bytes | str, content_type: str) -> Reply:
    """A reply of one content type."""
    return Reply(status, body.encode() if isinstance(body, str) else body, (("Content-Type", content_type),))


App = Callable[[Request], Reply]


class Server:
    """Serves one app on a free port of 127.0.0.1 from the moment it is made; it answers once it is started."""

    def __init__(self, app: App, name: str) -> None:
        self.app = app
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self.url = f"http://{self.address}"
        self._name = name
        self._lock = threading.Lock()
        self._open: dict[socket.socket, threading.Thread] = {}
        self._stopping = False
        self._acceptor = threading.Thread(target=self._accept, name=f"{name}-accept", daemon=True)

    def start(self) -> None:
        """Begin to answer."""
        self._acceptor.start()

    def stop(self) -> None:
        """Hang up on everybody and free the port; a second stop does nothing."""
        with self._lock:
            if self._stopping:
                return
            self._stopping = True
        if self._acceptor.ident is not None:
            # accept() cannot be interrupted on every system; one last caller can always wake it.
            with contextlib.suppress(OSError):
                socket.create_connection(self._listener.getsockname()).close()
            self._acceptor.join(_STOP_S)
        self._listener.close()
        with self._lock:
            connections = dict(self._open)
            for connection in connections:
                with contextlib.suppress(OSError):  # the other side was first
                    connection.shutdown(socket.SHUT_RDWR)
        deadline = time.monotonic() + _STOP_S
        for thread in connections.values():
            thread.join(max(0.0, deadline - time.monotonic()))

    def _accept(self) -> None:
        while True:
            try:
                connection, peer = self._listener.accept()
            except OSError:
                if self._stopping:
                    return
                time.sleep(_PAUSE_S)  # out of file descriptors: somebody will hang up
                continue
            thread = threading.Thread(target=self._serve, args=(connection, peer), name=self._name, daemon=True)
            with self._lock:
                if self._stopping:
                    connection.close()
                    return
                self._open[connection] = thread
            thread.start()

    def _serve(self, connection: socket.socket, peer: tuple[str, int]) -> None:
        try:
            with contextlib.suppress(OSError):  # a client that went away is no error of ours
                _Connection(connection, peer, self)  # type: ignore[arg-type]  # it only wants `app` of its server
        finally:
            with self._lock:
                del self._open[connection]
            connection.close()


class _Connection(BaseHTTPRequestHandler):
    """The requests of one connection, one after another."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Server  # type: ignore[assignment]  # ours has the one attribute that is used here

    def __getattr__(self, name: str) -> Callable[[], None]:
        if name.startswith("do_"):
            return self._answer
        raise AttributeError(name)

    def _answer(self) -> None:
        headers: dict[str, str] = {}
        for name, value in self.headers.items():
            key = name.lower()
            headers[key] = f"{headers[key]},{value}" if key in headers else value
        request = Request(self.command, self.path, headers, self._body(headers))
        try:
            reply = self.server.app(request)
        except Exception:
            logging.getLogger(__name__).exception("%s %s", request.method, request.path)
            reply = typed(500, '{"message":"Internal Server Error"}', "application/json")
        self._send(reply)

    def _body(self, headers: Mapping[str, str]) -> bytes:
        if headers.get("transfer-encoding", "").lower() != "chunked":
            return self.rfile.read(int(headers.get("content-length") or 0))
        parts = []
        while size := int(self.rfile.readline().partition(b";")[0], 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass  # trailers say nothing we need
        return b"".join(parts)

    def _send(self, reply: Reply) -> None:
        lines = [f"HTTP/1.1 {reply.status} {responses.get(reply.status, 'Unknown')}"]
        lines += [f"{name}: {value}" for name, value in reply.headers if name.lower() != "content-length"]
        if reply.status not in _BODILESS:
            given = {name.lower(): value for name, value in reply.headers}.get("content-length")
            lines.append(f"Content-Length: {given if given and self.command == 'HEAD' else len(reply.body)}")
        body = b"" if self.command == "HEAD" or reply.status in _BODILESS else reply.body
        # One packet for the whole answer: two would wait for the peer's delayed acknowledgement.
        self.wfile.write("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's own name
        """Say nothing: every call is in the call log."""
