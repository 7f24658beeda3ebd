"""A relay in front of a server that passes requests on and loses some of the answers."""

from __future__ import annotations

import http.client
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit


class Relay:
    """Counts the requests it passed on."""

    def __init__(self, address: str) -> None:
        self.target = urlsplit(address).netloc
        self.requests = 0
        self._to_lose = 0
        self._server = _Server(self)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def lose_answers(self, count: int) -> None:
        """The requests go through; the coming answers do not."""
        self._to_lose = count

    def loses(self) -> bool:
        """Whether the answer to this request is lost."""
        self.requests += 1
        lost, self._to_lose = self._to_lose > 0, max(0, self._to_lose - 1)
        return lost

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, relay: Relay) -> None:
        self.relay = relay
        super().__init__(("127.0.0.1", 0), _Handler)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1
    server: _Server

    def _pass_on(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        connection = http.client.HTTPConnection(self.server.relay.target)
        connection.request(self.command, self.path, body, dict(self.headers.items()))
        answer = connection.getresponse()
        data = answer.read()
        connection.close()
        if self.server.relay.loses():
            self.close_connection = True
            return
        self.send_response(answer.status)
        kept = {
            name: value for name, value in answer.getheaders() if name.lower() not in {"connection", "date", "server"}
        }
        for name, value in (kept | {"Content-Length": str(len(data))}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST = _pass_on  # noqa: N815 - the names http.server looks for

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's own name
        """Nothing: a test prints what it asserts."""
