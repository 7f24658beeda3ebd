"""The one way into AWS: believe the signature, ask the judge, let the service answer, write the log."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from controller.local.aws.ambush import Ambushes, Moment
from controller.local.aws.calls import Call, CallLog, CallRecord
from controller.local.aws.iam import Access
from controller.local.aws.iam_patterns import Unclear
from controller.local.aws.principals import CredentialStore, Principal
from controller.local.aws.refusals import ServiceError, error, refusal
from controller.local.aws.signatures import Fault, Unverified, Verified, claimed, verify
from controller.local.aws.web import Reply, Request

Service = Callable[[Call], Reply]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a judge says to a call."""

    refusal: str = ""
    """Why it is refused, for the caller to read; empty where it is allowed."""
    needed: tuple[Access, ...] = ()
    """What the call was judged by."""


Judge = Callable[[Call], Verdict]
"""Raises `Unclear` for what it cannot judge, and `KeyError` and `TypeError` for a call that makes no sense."""


def allow(call: Call) -> Verdict:  # noqa: ARG001 - a Judge's shape
    """Let everybody do everything."""
    return Verdict()


class Gate:
    """Hands each believed and allowed call to its service; whatever has no service of its own goes to the store."""

    def __init__(self, credentials: CredentialStore, store: Service, judge: Judge, log: CallLog) -> None:
        self.services: dict[str, Service] = {}
        self.ambushes = Ambushes(lambda _: None)
        self._credentials = credentials
        self._store = store
        self._judge = judge
        self._log = log

    def answer(self, request: Request) -> Reply:
        """A request as it came over HTTP."""
        began = time.time()
        try:
            who = verify(request, self._credentials, began)
        except Unverified as stranger:
            return self._turn_away(request, stranger, began)
        return self.perform(Call(who.principal, who.service, who.region, request))

    def admit(self, request: Request) -> Verified | Reply:
        """The sender of a request for the HTTP API; or the refusal to send back, already written to the log."""
        began = time.time()
        try:
            who = verify(request, self._credentials, began)
        except Unverified as stranger:
            return self._turn_away(request, stranger, began, service="execute-api")
        if who.service == "execute-api":
            return who
        elsewhere = Unverified(Fault.MISMATCH, "Credential should be scoped to correct service: execute-api")
        return self._turn_away(request, elsewhere, began, service="execute-api")

    def perform(self, call: Call, service: Service | None = None) -> Reply:
        """A call whose sender is known: from outside, or from a part of the cloud that acts for the stack."""
        struck = self.ambushes.struck(call.principal)
        if struck is Moment.BEFORE:
            self.ambushes.strike(call.principal)
            return error(call.service, ServiceError("ServiceUnavailable", "Nobody is there to hear this.", 503))
        reply = self._performed(call, service)
        if struck is Moment.AFTER:
            self.ambushes.strike(call.principal)
        return reply

    def _performed(self, call: Call, service: Service | None) -> Reply:
        began, started = time.time(), time.perf_counter()
        verdict, reply = self._judged(call, service or self.services.get(call.service, self._store))
        ms = (time.perf_counter() - started) * 1000
        who, about = call.principal, (call.service, call.action, call.resource)
        sizes = len(call.request.body), len(reply.body)
        self._log.add(CallRecord(began, *about, who.kind, who.name, reply.status, ms, verdict.needed, *sizes))
        return reply

    def ask(self, principal: Principal, region: str, target: str, fields: Mapping[str, object]) -> dict[str, Any]:
        """A call that AWS itself makes on SQS; raises `ServiceError` where it is refused."""
        headers = {"x-amz-target": f"AmazonSQS.{target}"}
        request = Request("POST", "/", headers, json.dumps(fields).encode())
        reply = self.perform(Call(principal, "sqs", region, request))
        data: dict[str, Any] = json.loads(reply.body or b"{}")
        if reply.status != 200:  # noqa: PLR2004 - HTTP's OK
            raise ServiceError(str(data.get("__type")), str(data.get("message")), reply.status)
        return data

    def _judged(self, call: Call, service: Service) -> tuple[Verdict, Reply]:
        verdict = Verdict()
        try:
            verdict = self._judge(call)
            if verdict.refusal:
                return verdict, refusal(call.service, Fault.DENIED, verdict.refusal)
            return verdict, service(call)
        except Unclear as unclear:
            logging.getLogger(__name__).error("%s %s can not be judged: %s", call.service, call.action, unclear)  # noqa: TRY400 - where it was found says nothing
            return verdict, error(call.service, ServiceError("InternalFailure", f"{call.action}: {unclear}", 500))
        except ServiceError as problem:
            return verdict, error(call.service, problem)
        except (KeyError, TypeError, ValueError) as bad:
            return verdict, error(call.service, ServiceError("ValidationException", f"{call.action}: {bad!r}"))

    def _turn_away(self, request: Request, stranger: Unverified, began: float, service: str = "") -> Reply:
        try:
            claim = claimed(request)
            service, name = service or claim.service, claim.access_key
        except Unverified:
            service, name = service or _guess(request), ""
        reply = refusal(service, stranger.fault, str(stranger))
        action = "Invoke" if service == "execute-api" else _action(request)
        ms = (time.time() - began) * 1000
        self._log.add(CallRecord(began, service, action, "", None, name, reply.status, ms))
        return reply


def _action(request: Request) -> str:
    """What an unbelieved request wanted to do, as far as one can see from outside."""
    return request.headers.get("x-amz-target", "").rpartition(".")[2] or request.method


def _guess(request: Request) -> str:
    """The service that an unsigned request is meant for."""
    target = request.headers.get("x-amz-target", "").partition(".")[0].lower()
    for service in ("sqs", "dynamodb", "secretsmanager", "ssm", "logs"):
        if service in target:
            return service
    form = request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded")
    return "ec2" if form else "s3"
