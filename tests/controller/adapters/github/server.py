"""GitHub's runner routes, just enough of them to tell the client's side of the contract."""

from __future__ import annotations

import json
import re
import threading
from collections import deque
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.controller.adapters.github.run_routes import RunRoutes

RELEASE = "https://github.com/actions/runner/releases/download/v2.336.0"
DOWNLOADS = [
    {
        "os": os,
        "architecture": arch,
        "download_url": f"{RELEASE}/actions-runner-{os}-{arch}-2.336.0.{kind}",
        "filename": f"actions-runner-{os}-{arch}-2.336.0.{kind}",
        "sha256_checksum": "5" * 64,
    }
    for os, arch, kind in (("linux", "x64", "tar.gz"), ("linux", "arm64", "tar.gz"), ("win", "x64", "zip"))
]


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer of the server."""

    status: int
    data: object = None
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Asked:
    """One request as it came in."""

    method: str
    path: str
    headers: dict[str, str]
    data: dict[str, Any]


class GitHubServer:
    """Runners by id; `interject` puts answers before the coming requests for runners."""

    def __init__(self, public_key: rsa.RSAPublicKey, app_id: str) -> None:
        self.asked: list[Asked] = []
        self.tokens: list[str] = []
        self.revoked: set[str] = set()
        self.token_text = "ghs_token"
        self.token_lives_until = "2100-01-01T00:00:00Z"
        self.downloads: list[dict[str, Any]] = [dict(row) for row in DOWNLOADS]
        self.runners: dict[int, tuple[str, str]] = {}
        self.run_routes = RunRoutes()
        self._interjected: deque[Reply] = deque()
        self._key = public_key
        self.app_ids = {app_id}
        """Apps, all of one key."""
        self.installed: dict[str, int] = {}
        """Where further Apps are installed, by their ids."""
        self.remaining: dict[str, int] = {}
        """Calls left in an installation's hour; no limit where none is written down."""
        self.resets_at = 0
        self.forbidden: set[str] = set()
        """Installations that may do nothing."""
        self._installation_of: dict[str, str] = {}
        self._lock = threading.Lock()
        self._server = _Server(self)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def interject(self, *replies: Reply) -> None:
        self._interjected.extend(replies)

    @property
    def mints(self) -> int:
        return sum(asked.path.endswith("/access_tokens") for asked in self.asked)

    def reply(self, asked: Asked) -> Reply:
        with self._lock:
            self.asked.append(asked)
            if mint := re.fullmatch(r"/app/installations/(\d+)/access_tokens", asked.path):
                return self._mint(asked, mint[1])
            token = asked.headers.get("authorization", "").removeprefix("Bearer ")
            if asked.path.endswith("/installation"):
                installed = self.installed.get(self._issuer(token))
                return Reply(200, {"id": installed}) if installed else Reply(404, {"message": "Not Found"})
            if token not in self.tokens or token in self.revoked:
                return Reply(401, {"message": "Bad credentials"})
            if self._interjected:
                return self._interjected.popleft()
            if listed := re.fullmatch(r"/(.+)/actions/runners\?per_page=(\d+)&page=(\d+)", asked.path):
                return self._page(listed[1], int(listed[2]), int(listed[3]))
            return self._limited(asked, self._installation_of[token])

    def _limited(self, asked: Asked, installation: str) -> Reply:
        if installation in self.forbidden:
            return Reply(403, {"message": "Resource not accessible by integration"})
        if installation in self.remaining:
            return self._counted(asked, installation)
        return self._routed(asked)

    def _routed(self, asked: Asked) -> Reply:
        answered = self.run_routes.answer(asked.method, asked.path, asked.data)
        return Reply(*answered) if answered else self._runner_route(asked)

    def _counted(self, asked: Asked, installation: str) -> Reply:
        left = self.remaining[installation]
        self.remaining[installation] = max(0, left - 1)
        told = {
            "X-RateLimit-Limit": "5000",
            "X-RateLimit-Remaining": str(self.remaining[installation]),
            "X-RateLimit-Reset": str(self.resets_at),
        }
        reply = self._routed(asked) if left else Reply(403, {"message": "API rate limit exceeded"})
        return Reply(reply.status, reply.data, told)

    def _issuer(self, signature: str) -> str:
        claims = jwt.decode(
            signature, self._key, algorithms=["RS256"], options={"verify_exp": False, "verify_iat": False}
        )
        return str(claims["iss"])

    def _mint(self, asked: Asked, installation: str) -> Reply:
        signature = asked.headers.get("authorization", "").removeprefix("Bearer ")
        claims = jwt.decode(
            signature, self._key, algorithms=["RS256"], options={"verify_exp": False, "verify_iat": False}
        )
        if claims["iss"] not in self.app_ids or claims["exp"] - claims["iat"] > 600:
            return Reply(401, {"message": "'Expiration time' claim ('exp') is too far in the future"})
        if installation == "404":
            return Reply(404, {"message": "Not Found"})
        self.tokens.append(f"{self.token_text}{len(self.tokens)}")
        self._installation_of[self.tokens[-1]] = installation
        return Reply(201, {"token": self.tokens[-1], "expires_at": self.token_lives_until})

    def _runner_route(self, asked: Asked) -> Reply:
        route = re.fullmatch(r"/(orgs/[^/]+|repos/[^/]+/[^/]+)/actions/runners/(.+)", asked.path)
        if route is None:
            return Reply(404, {"message": "Not Found"})
        place, what = route.groups()
        if what == "generate-jitconfig":
            return self._register(place, asked.data)
        if what == "downloads":
            return Reply(200, self.downloads)
        known = self.runners.get(int(what))
        if known is None or known[0] != place:
            return Reply(404, {"message": "Not Found"})
        if asked.method == "DELETE":
            del self.runners[int(what)]
            return Reply(204)
        return Reply(200, {"id": int(what), "name": known[1]})

    def _page(self, place: str, size: int, page: int) -> Reply:
        here = [{"id": number, "name": name} for number, (where, name) in self.runners.items() if where == place]
        return Reply(200, {"total_count": len(here), "runners": here[(page - 1) * size : page * size]})

    def _register(self, place: str, data: dict[str, Any]) -> Reply:
        if not isinstance(data.get("runner_group_id"), int) or not data.get("labels"):
            return Reply(422, {"message": "Invalid request.\n\nrunner_group_id wasn't supplied."})
        if (place, data["name"]) in self.runners.values():
            return Reply(409, {"message": "Already exists - A runner with the name already exists."})
        runner_id = len(self.asked) + 100
        self.runners[runner_id] = (place, data["name"])
        return Reply(
            201, {"runner": {"id": runner_id, "name": data["name"]}, "encoded_jit_config": f"jit-of-{data['name']}"}
        )

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

    def __init__(self, github: GitHubServer) -> None:
        self.github = github
        super().__init__(("127.0.0.1", 0), _Handler)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # headers and body in one packet: two would wait for each other's acknowledgement
    server: _Server

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        reply = self.server.github.reply(Asked(self.command, self.path, headers, json.loads(body) if body else {}))
        data = b"" if reply.data is None else json.dumps(reply.data).encode()
        self.send_response(reply.status)
        for name, value in ({"Content-Length": str(len(data))} | reply.headers).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST = do_DELETE = _answer  # noqa: N815 - the names http.server looks for

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's own name
        """Nothing: a test prints what it asserts."""
