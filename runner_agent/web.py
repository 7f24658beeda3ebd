"""One HTTP exchange, with a timeout on every wait and no proxy."""

from __future__ import annotations

import http.client
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import BinaryIO
from urllib.parse import urljoin, urlsplit

from runner_agent.contract.record import Record, field

MAX_BODY = 1024 * 1024
REDIRECTS = 5
_DONE = range(200, 300)


class Unreachable(OSError):
    """No whole answer came; the message names the address, never a header or a body."""


class Request(Record):
    """What to send. Headers can hold secrets, so they are never shown."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes | BinaryIO = field(default=b"", repr=False)
    """A file is sent as it is read, and needs a Content-Length."""


class Answer(Record):
    """What came back, whatever the status."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)

    @property
    def ok(self) -> bool:
        """The request was done."""
        return self.status in _DONE


def exchange(request: Request, timeout: float) -> Answer:
    """Send and read the answer, at most `MAX_BODY` of it; raises `Unreachable`."""
    with opened(request, timeout) as response:
        try:
            body = response.read(MAX_BODY)
        except (OSError, http.client.HTTPException) as broken:
            raise Unreachable(f"{_place(request.url)}: {_say(broken)}") from broken
        if response.length and len(body) < MAX_BODY:
            raise Unreachable(f"{_place(request.url)}: the answer ended {response.length} bytes early")
        return Answer(response.status, _headers(response), body)


@contextmanager
def opened(request: Request, timeout: float, *, redirects: int = 0) -> Iterator[http.client.HTTPResponse]:
    """The answer with its body still to be read; a redirect is followed without the request's headers."""
    connection = _connection(request.url, timeout)
    try:
        response = _sent(connection, request)
        target = response.getheader("Location")
        if redirects and target and response.status in {301, 302, 303, 307, 308}:
            onward = urljoin(request.url, target)
            if request.url.startswith("https:") and not onward.startswith("https:"):
                raise Unreachable(f"{_place(request.url)}: redirected away from https")
            with opened(Request("GET", onward), timeout, redirects=redirects - 1) as last:
                yield last
        else:
            yield response
    finally:
        connection.close()


def _sent(connection: http.client.HTTPConnection, request: Request) -> http.client.HTTPResponse:
    parts = urlsplit(request.url)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    try:
        connection.request(request.method, path, request.body or None, dict(request.headers))
        return connection.getresponse()
    except (OSError, http.client.HTTPException, ValueError) as broken:
        raise Unreachable(f"{_place(request.url)}: {_say(broken)}") from broken


def _connection(url: str, timeout: float) -> http.client.HTTPConnection:
    parts = urlsplit(url)
    if parts.hostname and parts.scheme == "https":
        return http.client.HTTPSConnection(parts.hostname, parts.port, timeout=timeout)
    if parts.hostname and parts.scheme == "http":
        return _Plain(parts.hostname, parts.port, timeout=timeout)
    raise Unreachable(f"{_place(url)}: not an http or https address")


class _Plain(http.client.HTTPConnection):
    """For addresses on this machine and its link."""

    def connect(self) -> None:
        # A host in bytes spares a booting machine the tables of international domain names.
        found = socket.getaddrinfo(self.host.encode("ascii"), self.port, type=socket.SOCK_STREAM)
        family, kind, protocol, _, address = found[0]
        self.sock = socket.socket(family, kind, protocol)
        self.sock.settimeout(self.timeout)
        self.sock.connect(address)


def _headers(response: http.client.HTTPResponse) -> dict[str, str]:
    return {name.lower(): value for name, value in response.getheaders()}


def _place(url: str) -> str:
    """The address without its query, which may carry a signature."""
    return url.partition("?")[0]


def _say(error: Exception) -> str:
    return str(error) or type(error).__name__
