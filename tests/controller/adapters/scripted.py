"""An HTTP server that plays a script: for each request the next answer, with the requests kept."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self


@dataclass(frozen=True, slots=True)
class Play:
    """One answer. `hang` keeps the client waiting till the test ends; `drop` closes without an answer."""

    status: int = 200
    body: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    hang: bool = False
    drop: bool = False
    close_after: bool = False
    """Answer well, then close the connection without having said so, as an idle one is closed."""


@dataclass(frozen=True, slots=True)
class Seen:
    """One request as it came in."""

    method: str
    path: str
    headers: dict[str, str]
    body: str
    client: tuple[str, int]


class ScriptedServer:
    """Answers 500 once its script is over."""

    def __init__(self) -> None:
        self.seen: list[Seen] = []
        self._script: deque[Play] = deque()
        self._over = threading.Event()
        self._server = _Server(self)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def play(self, *plays: Play) -> None:
        """Add to the script."""
        self._script.extend(plays)

    def take(self, seen: Seen) -> Play:
        self.seen.append(seen)
        return self._script.popleft() if self._script else Play(500, "the script is over")

    def wait_for_the_end(self) -> None:
        self._over.wait(30)

    def reset(self) -> None:
        """A new test: an empty script, and nobody is kept waiting any longer."""
        self._over.set()
        self._over = threading.Event()
        self._script.clear()
        self.seen = []

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    # A kept-alive connection would otherwise hold its thread, and `server_close` with it.
    daemon_threads = True

    def __init__(self, script: ScriptedServer) -> None:
        self.script = script
        super().__init__(("127.0.0.1", 0), _Handler)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # headers and body in one packet: two would wait for each other's acknowledgement
    server: _Server

    def _answer(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length).decode()
        headers = {name.lower(): value for name, value in self.headers.items()}
        play = self.server.script.take(Seen(self.command, self.path, headers, body, self.client_address))
        if play.hang:
            self.server.script.wait_for_the_end()
        if play.hang or play.drop:
            self.close_connection = True
            return
        data = play.body.encode()
        self.send_response(play.status)
        for name, value in ({"Content-Length": str(len(data))} | play.headers).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)
        self.close_connection = play.close_after

    do_GET = do_POST = do_DELETE = do_PUT = _answer  # noqa: N815 - the names http.server looks for

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's own name
        """Nothing: a test prints what it asserts."""
