"""The listener's HTTP: OAuth token, broker and run service."""

from __future__ import annotations

import http.client
import json
import socket
import time
from collections.abc import Callable
from datetime import UTC, datetime
from urllib.parse import urlencode, urlsplit

from . import VERSION
from .jit import Settings
from .signing import client_assertion

POLL_S = 100.0
CALL_S = 30.0
RENEW_S = 60.0
"""How often the real one renews the ten minutes of its job's lease: a tenth of whatever it is given."""
LAST_WORD_S = 225.0
"""The real one says five times, five seconds apart, how its job ended, and each time asks five times over 40 s."""
_SERVER = 500


class ServiceError(Exception):
    """An answer that is no success."""

    def __init__(self, status: int, kind: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.kind = kind


class Unreachable(Exception):
    """No answer at all."""


class Service:
    """One runner's conversation with GitHub."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._token = ""
        self._session = ""
        self._polling: socket.socket | None = None

    def sign_in(self) -> None:
        """Trade the registration's key for an access token."""
        url = self._settings.token_url
        form = {
            "grant_type": "client_credentials",
            "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            "client_assertion": client_assertion(self._settings.client_id, url, self._settings.key),
        }
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        self._token = str(self._call("POST", url, urlencode(form).encode(), headers)["access_token"])

    def open_session(self, owner: str) -> None:
        """Say that this runner listens."""
        agent = {"id": self._settings.runner_id, "name": self._settings.name, "version": VERSION}
        answer = self._json("POST", "session", {"ownerName": owner, "agent": agent})
        self._session = str(answer["sessionId"])

    def close_session(self) -> None:
        """Say that it no longer does."""
        self._json("DELETE", "session", None)

    def message(self, status: str) -> dict[str, object]:
        """Wait for a message; empty when there was none."""
        query = {
            "sessionId": self._session,
            "status": status,
            "runnerVersion": VERSION,
            "os": "Linux",
            "architecture": "X64",
            "disableUpdate": str(self._settings.disable_update).lower(),
        }
        url = f"{self._settings.broker_url}message?{urlencode(query)}"
        return self._call("GET", url, None, self._bearer(), POLL_S)

    def hang_up(self) -> None:
        """Break off a poll under way."""
        if self._polling is not None:
            try:
                self._polling.shutdown(socket.SHUT_RDWR)
            except OSError:
                return

    def acknowledge(self, request_id: str) -> None:
        """Say that a job's message has arrived."""
        self._json("POST", f"acknowledge?sessionId={self._session}", {"runnerRequestId": request_id})

    def run_service(self, url: str, verb: str, body: dict[str, object]) -> dict[str, object]:
        """acquirejob, renewjob or completejob."""
        headers = {"Content-Type": "application/json", **self._bearer()}
        return self._call("POST", f"{url}{verb}", json.dumps(body).encode(), headers)

    def renew(self, url: str, identity: dict[str, object]) -> float:
        """Keep a job; in how many seconds to do so again."""
        return renewal(self.run_service(url, "renewjob", identity))

    def complete(self, url: str, body: dict[str, object], rest: Callable[[float], None]) -> None:
        """Say how a job ended, for as long as the real one tries; raises what it met at last."""
        until, pause = time.monotonic() + LAST_WORD_S, 0.2
        while True:
            try:
                self.run_service(url, "completejob", body)
            except (ServiceError, Unreachable) as error:
                refused = isinstance(error, ServiceError) and error.status < _SERVER
                if refused or time.monotonic() > until:
                    raise
            else:
                return
            rest(pause)
            pause = min(2 * pause, _SLOWEST_PAUSE_S)

    def _json(self, method: str, path: str, body: dict[str, object] | None) -> dict[str, object]:
        payload = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json", **self._bearer()}
        return self._call(method, f"{self._settings.broker_url}{path}", payload, headers)

    def _bearer(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._token}"}

    def _call(
        self, method: str, url: str, body: bytes | None, headers: dict[str, str], timeout: float = CALL_S
    ) -> dict[str, object]:
        parts = urlsplit(url)
        kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        connection = kind(parts.hostname or "", parts.port, timeout=timeout)
        try:
            connection.connect()
            if method == "GET":
                self._polling = connection.sock
            connection.request(method, f"{parts.path}?{parts.query}".rstrip("?"), body, {**_AGENT, **headers})
            answer = connection.getresponse()
            text = answer.read()
        except (OSError, http.client.HTTPException) as error:
            raise Unreachable(str(error) or type(error).__name__) from error
        finally:
            self._polling = None if method == "GET" else self._polling
            connection.close()
        return _document(answer.status, text)


_SLOWEST_PAUSE_S = 2.0


def renewal(leased: dict[str, object]) -> float:
    """In how many seconds a lease is to be renewed."""
    try:
        left = datetime.fromisoformat(str(leased.get("lockedUntil"))) - datetime.now(UTC)
    except (ValueError, TypeError):
        return RENEW_S
    return min(RENEW_S, max(0.1, left.total_seconds() / 10))


_AGENT = {"User-Agent": f"GitHubActionsRunner-linux-x64/{VERSION}"}


def _document(status: int, text: bytes) -> dict[str, object]:
    try:
        document = json.loads(text) if text else {}
    except ValueError:
        document = {}
    if not 200 <= status < 300:  # noqa: PLR2004 the class of success
        kind = str(document.get("errorKind") or document.get("error") or "")
        raise ServiceError(
            status, kind, str(document.get("errorMessage") or document.get("message") or f"HTTP {status}")
        )
    return document if isinstance(document, dict) else {}
