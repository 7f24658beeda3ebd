"""HTTP over kept-alive connections, with one deadline for all that a request may take.

The standard library alone: the doors that answer machines and GitHub can not wait for more to load.
"""

from __future__ import annotations

import http.client
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from urllib.parse import SplitResult, urlsplit

from controller.errors import Unavailable

_STALE = (ConnectionError, http.client.BadStatusLine, ssl.SSLEOFError, ssl.SSLZeroReturnError)
"""How a connection that the other side has closed meanwhile fails, before anything was answered."""


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request; its body and headers may be secret."""

    method: str
    url: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class Answer:
    """One HTTP answer, with its header names in lower case."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)


class Connections:
    """Connections by origin. Several threads may ask; each gets a connection of its own."""

    def __init__(self) -> None:
        self._idle: dict[tuple[str, str], list[http.client.HTTPConnection]] = {}

    def ask(self, request: Request, limit_s: float) -> Answer:
        """The answer, whatever its status; raises `Unavailable` where there was none within the limit."""
        ends = time.monotonic() + limit_s
        parts = urlsplit(request.url)
        try:
            return self._ask(request, parts, ends)
        except (OSError, http.client.HTTPException) as fault:
            where = f"{request.method} {parts.scheme}://{parts.netloc}{parts.path}"
            raise Unavailable(f"{where}: {type(fault).__name__} {fault}") from fault

    def _ask(self, request: Request, parts: SplitResult, ends: float) -> Answer:
        waiting = self._idle.setdefault((parts.scheme, parts.netloc), [])
        if waiting:
            try:
                return self._exchange(waiting.pop(), request, parts, ends)
            except IndexError:  # another thread took it
                pass
            except _STALE:
                # Its siblings are as old; nothing was answered, so the request goes out once more.
                waiting.clear()
        return self._exchange(self._open(parts), request, parts, ends)

    def _exchange(
        self, connection: http.client.HTTPConnection, request: Request, parts: SplitResult, ends: float
    ) -> Answer:
        target = parts.path + (f"?{parts.query}" if parts.query else "")
        try:
            _limit(connection, ends)
            connection.request(request.method, target or "/", request.body, dict(request.headers))
            _limit(connection, ends)
            response = connection.getresponse()
            _limit(connection, ends)
            body = response.read()
        except BaseException:
            connection.close()
            raise
        if response.will_close:
            connection.close()
        else:
            self._idle[parts.scheme, parts.netloc].append(connection)
        return Answer(response.status, {name.lower(): value for name, value in response.getheaders()}, body)

    def _open(self, parts: SplitResult) -> http.client.HTTPConnection:
        if parts.scheme == "https":
            return http.client.HTTPSConnection(parts.netloc, context=self._tls)
        return http.client.HTTPConnection(parts.netloc)

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        return ssl.create_default_context()

    def close(self) -> None:
        """Close every idle connection."""
        for waiting in self._idle.values():
            while waiting:
                waiting.pop().close()


def _limit(connection: http.client.HTTPConnection, ends: float) -> None:
    remaining = ends - time.monotonic()
    if remaining <= 0:
        raise TimeoutError("the deadline has passed")
    connection.timeout = remaining
    if connection.sock is not None:
        connection.sock.settimeout(remaining)
