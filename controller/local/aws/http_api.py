"""API Gateway's HTTP API: routes to functions, in payload format 2.0, some for signed callers only."""

from __future__ import annotations

import json
import time
import uuid
from base64 import b64decode, b64encode
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, unquote

from controller.local.aws.calls import Call
from controller.local.aws.environment import Outcome
from controller.local.aws.functions import LambdaFunction
from controller.local.aws.gate import Gate
from controller.local.aws.principals import ACCOUNT
from controller.local.aws.signatures import Verified
from controller.local.aws.web import Reply, Request, typed
from controller.wiring import Route

INTEGRATION_S = 30.0
_API_ID = "local"
_TEXT = ("text/", "application/json", "application/xml", "application/javascript")
Fields = dict[str, Any]


def execution_arn(region: str, method: str, path: str) -> str:
    """What calling a route is a right on."""
    return f"arn:aws:execute-api:{region}:{ACCOUNT}:{_API_ID}/$default/{method}{path}"


class HttpApi:
    """Answers requests by calling the function behind their route."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate
        self._routes: dict[tuple[str, str], tuple[Route, LambdaFunction]] = {}
        self._is_open = True

    def close(self) -> None:
        """From now on there is nobody behind the routes."""
        self._is_open = False

    def add(self, route: Route, function: LambdaFunction) -> None:
        """Open a route."""
        self._routes[route.method, route.path] = (route, function)

    def answer(self, request: Request) -> Reply:
        """Answer one request."""
        found = self._routes.get((request.method, unquote(request.path)))
        if found is None:
            return _told(404, "Not Found")
        if not self._is_open:
            return _told(503, "Service Unavailable")
        route, function = found
        if not route.iam:
            return _called(function, route, request, None)
        who = self._gate.admit(request)
        if isinstance(who, Reply):
            return who
        call = Call(who.principal, "execute-api", who.region, request)
        return self._gate.perform(call, lambda _: _called(function, route, request, who))


def _called(function: LambdaFunction, route: Route, request: Request, who: Verified | None) -> Reply:
    event = json.dumps(_event(route, request, who)).encode()
    outcome = function.invoke(event, INTEGRATION_S)
    if outcome is None:
        return _told(503, "Service Unavailable")
    try:
        return _reply(outcome)
    except (ValueError, TypeError, KeyError, AttributeError):
        return _told(500, "Internal Server Error")


def _event(route: Route, request: Request, who: Verified | None) -> Fields:
    now = time.time()
    text = request.headers.get("content-type", "text/plain").startswith(_TEXT)
    http = {
        "method": request.method,
        "path": unquote(request.path),
        "protocol": "HTTP/1.1",
        "sourceIp": "127.0.0.1",
        "userAgent": request.headers.get("user-agent", ""),
    }
    context: Fields = {
        "accountId": ACCOUNT,
        "apiId": _API_ID,
        "domainName": request.headers.get("host", ""),
        "domainPrefix": _API_ID,
        "http": http,
        "requestId": str(uuid.uuid4()),
        "routeKey": f"{route.method} {route.path}",
        "stage": "$default",
        "time": datetime.fromtimestamp(now, UTC).strftime("%d/%b/%Y:%H:%M:%S +0000"),
        "timeEpoch": int(now * 1000),
    }
    if who:
        context["authorizer"] = {"iam": _identity(who)}
    event: Fields = {
        "version": "2.0",
        "routeKey": context["routeKey"],
        "rawPath": unquote(request.path),
        "rawQueryString": request.query,
        "headers": dict(request.headers),
        "requestContext": context,
        "isBase64Encoded": bool(request.body) and not text,
    }
    if request.query:
        event["queryStringParameters"] = _joined(parse_qsl(request.query, keep_blank_values=True))
    if request.body:
        event["body"] = request.body.decode("utf-8", "replace") if text else b64encode(request.body).decode()
    return event


def _identity(who: Verified) -> Fields:
    return {
        "accessKey": who.access_key,
        "accountId": ACCOUNT,
        "callerId": who.principal.user_id,
        "cognitoIdentity": None,
        "principalOrgId": None,
        "userArn": who.principal.arn,
        "userId": who.principal.user_id,
    }


def _joined(pairs: list[tuple[str, str]]) -> Mapping[str, str]:
    joined: dict[str, str] = {}
    for name, value in pairs:
        joined[name] = f"{joined[name]},{value}" if name in joined else value
    return joined


def _reply(outcome: Outcome) -> Reply:
    """The function's answer as HTTP; whatever is no answer in format 2.0 is a plain JSON body."""
    if outcome.error:
        return _told(500, "Internal Server Error")
    answer = json.loads(outcome.payload)
    if not isinstance(answer, dict) or "statusCode" not in answer:
        return typed(200, json.dumps(answer), "application/json")
    headers = {str(name).lower(): str(value) for name, value in (answer.get("headers") or {}).items()}
    headers.setdefault("content-type", "text/plain; charset=utf-8")
    cookies = tuple(("set-cookie", str(cookie)) for cookie in answer.get("cookies") or ())
    body = str(answer.get("body") or "")
    data = b64decode(body) if answer.get("isBase64Encoded") else body.encode()
    return Reply(int(answer["statusCode"]), data, (*headers.items(), *cookies))


def _told(status: int, message: str) -> Reply:
    return typed(status, json.dumps({"message": message}, separators=(",", ":")), "application/json")
