"""One REST call to GitHub, and what its answer means to us.

Nothing that stands in an error here is secret: the method, the path, the status, and GitHub's words.
"""

from __future__ import annotations

import json
import time
from collections import OrderedDict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from urllib.parse import urljoin, urlsplit

from controller import __version__
from controller.adapters.connection import Answer, Connections, Request
from controller.domain.events import ApiFailed
from controller.errors import Rejected, SpotRunnerError, Unavailable
from controller.ports import Tell

LIMIT_S = 8.0
API_VERSION = "2022-11-28"
SECONDARY_S = 60.0
"""How long GitHub asks to wait where it does not say how long."""

_UNAUTHORIZED, _FORBIDDEN, _TOO_MANY, _SERVER_FAULT = 401, 403, 429, 500
_TIMEOUT = 408
_NOT_MODIFIED = 304
_MOST_KEPT, _LONGEST_KEPT = 200, 256 * 1024
_MOVED = frozenset({301, 302, 307, 308})


class Unauthorized(Unavailable):
    """GitHub does not take the token; a new one may do."""


class Limited(Unavailable):
    """GitHub wants a pause, or would want one."""

    def __init__(self, message: str, retry_after_s: float, *, is_secondary: bool = False) -> None:
        super().__init__(message, retry_after_s)
        self.is_secondary = is_secondary
        """Whether it is about the pace of all calls, not about one hour's budget."""


@dataclass(frozen=True, slots=True)
class Call:
    """A call before anybody's token is on it."""

    method: str
    server: str
    path: str
    body: Mapping[str, object] | None = field(default=None, repr=False)
    polled: bool = False
    """Asked again and again: where nothing has changed, GitHub's answer costs nothing of the budget."""

    def __str__(self) -> str:
        return f"{self.method} {self.server}{self.path}"


class Rest:
    """GitHub's REST interface over kept-alive connections."""

    def __init__(self, tell: Tell | None = None) -> None:
        """`tell` hears of each call that GitHub did not serve."""
        self._connections = Connections()
        self._seen: OrderedDict[tuple[str, str], Answer] = OrderedDict()
        """What polled calls were answered, by token and address: a token sees what another may not."""
        self._tell = tell

    def send(self, call: Call, token: str, now: float, fine: Collection[int]) -> Answer:
        """The answer, where its status is a fine one; otherwise raises our error for it."""
        try:
            return self._sent(call, token, now, fine)
        except Unauthorized:
            # A token that has run out is replaced by whoever sent it.
            raise
        except Unavailable as failed:
            if self._tell is not None:
                self._tell(ApiFailed("github", call.method, str(failed)))
            raise

    def _sent(self, call: Call, token: str, now: float, fine: Collection[int]) -> Answer:
        ends = time.monotonic() + LIMIT_S
        seen = self._seen.get((token, str(call))) if call.polled else None
        answer = self._connections.ask(_request(call, call.server + call.path, token, seen), LIMIT_S)
        if seen is not None and answer.status == _NOT_MODIFIED:
            # The budget as it stands now, the rest as it was.
            return Answer(seen.status, {**seen.headers, **answer.headers}, seen.body)
        if answer.status in _MOVED and _stays(call, answer):
            # A renamed repository; GitHub wants the same request at its new address.
            url = urljoin(call.server, answer.headers["location"])
            answer = self._connections.ask(_request(call, url, token), ends - time.monotonic())
        if answer.status in fine:
            if call.polled:
                self._remember((token, str(call)), answer)
            return answer
        raise _failure(call, answer, now)

    def _remember(self, what: tuple[str, str], answer: Answer) -> None:
        if "etag" in answer.headers and len(answer.body) <= _LONGEST_KEPT:
            self._seen[what] = answer
            self._seen.move_to_end(what)
        while len(self._seen) > _MOST_KEPT:
            self._seen.popitem(last=False)

    def close(self) -> None:
        """Close the kept connections."""
        self._connections.close()


def fields(call: Call, answer: Answer) -> Mapping[str, object]:
    """The JSON object in an answer."""
    data = _json(answer)
    if not isinstance(data, dict):
        raise Unavailable(f"{call}: answered {answer.status} without a JSON object")
    return data


def rows(call: Call, answer: Answer) -> list[Mapping[str, object]]:
    """The JSON list of objects in an answer."""
    data = _json(answer)
    if not isinstance(data, list):
        raise Unavailable(f"{call}: answered {answer.status} without a JSON list")
    return [row for row in data if isinstance(row, dict)]


def _request(call: Call, url: str, token: str, seen: Answer | None = None) -> Request:
    headers = {
        "Accept": "application/vnd.github+json",
        "Authorization": f"Bearer {token}",
        "User-Agent": f"spotrunner/{__version__}",
        "X-GitHub-Api-Version": API_VERSION,
    }
    if seen is not None:
        headers["If-None-Match"] = seen.headers["etag"]
    if call.body is None:
        return Request(call.method, url, headers)
    return Request(call.method, url, {**headers, "Content-Type": "application/json"}, json.dumps(call.body).encode())


def _stays(call: Call, answer: Answer) -> bool:
    """A token is never carried to another server."""
    here, there = urlsplit(call.server), urlsplit(urljoin(call.server, answer.headers.get("location", "")))
    return "location" in answer.headers and (here.scheme, here.netloc) == (there.scheme, there.netloc)


def _failure(call: Call, answer: Answer, now: float) -> SpotRunnerError:
    data = _json(answer)
    message = str(data.get("message", "")) if isinstance(data, dict) else ""
    text = f"{call}: {answer.status} {message}".rstrip()
    if answer.status == _UNAUTHORIZED:
        return Unauthorized(text)
    if answer.status == _TOO_MANY or (answer.status == _FORBIDDEN and _is_limit(answer, message)):
        is_spent = answer.headers.get("x-ratelimit-remaining") == "0" and "retry-after" not in answer.headers
        return Limited(text, _wait(answer, now), is_secondary=not is_spent)
    if answer.status >= _SERVER_FAULT or answer.status == _TIMEOUT:
        return Unavailable(text)
    return Rejected(text)


def _is_limit(answer: Answer, message: str) -> bool:
    return (
        "retry-after" in answer.headers
        or answer.headers.get("x-ratelimit-remaining") == "0"
        or "rate limit" in message.lower()
    )


def _wait(answer: Answer, now: float) -> float:
    after = answer.headers.get("retry-after", "")
    if after.isdecimal():
        return float(after)
    reset = answer.headers.get("x-ratelimit-reset", "")
    if answer.headers.get("x-ratelimit-remaining") == "0" and reset.isdecimal():
        return max(1.0, float(reset) - now)
    return SECONDARY_S


def _json(answer: Answer) -> object:
    try:
        data: object = json.loads(answer.body)
    except (ValueError, RecursionError):
        return None
    return data
