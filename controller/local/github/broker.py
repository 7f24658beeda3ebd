"""The runner's side of GitHub: token, session, message poll, and the run service's acquire, renew and complete."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import parse_qs

import jwt

from controller.local.github.account import Json
from controller.local.github.exchange import Exchange, Held, Refused
from controller.local.github.expressions import ExpressionError
from controller.local.github.job import Conclusion, Job, Status, StepRecord
from controller.local.github.registry import Registry, Runner, Session
from controller.local.github.runbook import Entry
from controller.local.github.scheduler import Ending
from controller.local.github.single_job import LABEL, OUTPUTS_STEP, rewrite, step_names
from controller.local.github.web import Handler, Request, Response, Route

_BROKER = "actions-broker-listener"
_RUN_SERVICE = "actions-run-service"
_CONCLUSIONS = {
    "succeeded": Conclusion.SUCCESS,
    "succeededwithissues": Conclusion.SUCCESS,
    "canceled": Conclusion.CANCELLED,
    "skipped": Conclusion.SKIPPED,
}
_TOKEN_LIFE_S = 3_000
_NO_RUNNER = {
    "source": _BROKER,
    "statusCode": 404,
    "errorKind": "RunnerNotFound",
    "errorMessage": "The runner registration has been deleted from the server.",
}


@dataclass(frozen=True, slots=True)
class Tools:
    """What a job message tells the stand-in about this machine."""

    act: str
    """The program that executes workflows."""
    minimum_version: tuple[int, ...]


class Broker:
    """Answers runners."""

    def __init__(
        self, registry: Registry, exchange: Exchange, base_url: str, tools: Tools, clock: Callable[[], datetime]
    ) -> None:
        self._registry = registry
        self._exchange = exchange
        self._base_url = base_url
        self._tools = tools
        self._clock = clock
        self.logs: dict[int, str] = {}
        """What each job printed."""

    def routes(self) -> list[Route]:
        """Everything a runner calls."""
        return [
            Route("POST", "/_oauth/token", self._token),
            Route("POST", "/_broker/session", self._signed_in(self._open_session)),
            Route("DELETE", "/_broker/session", self._signed_in(self._close_session)),
            Route("GET", "/_broker/message", self._signed_in(self._message)),
            Route("POST", "/_broker/acknowledge", self._signed_in(_acknowledge)),
            Route("POST", "/_run/acquirejob", self._signed_in(self._acquire)),
            Route("POST", "/_run/renewjob", self._signed_in(self._renew)),
            Route("POST", "/_run/completejob", self._signed_in(self._complete)),
        ]

    def _signed_in(self, answer: Callable[[Request, Runner], Response]) -> Handler:
        def handler(request: Request) -> Response:
            runner = self._registry.by_token(request.bearer)
            if runner is None:
                return Response(404 if request.path.endswith("/message") else 401, _NO_RUNNER)
            try:
                response = answer(request, runner)
            except Refused as refused:
                response = _run_service_error(refused.status, str(refused))
            return Response(response.status, response.body, response.headers, f"runner {runner.id}")

        return handler

    def _token(self, request: Request) -> Response:
        """OAuth client credentials: a JWT signed with the key of the JIT config."""
        form = {name: values[-1] for name, values in parse_qs(request.body.decode()).items()}
        runner = self._claimed(form.get("client_assertion", ""))
        if runner is None or not self._registry.admits(runner):
            return Response(400, {"error": "invalid_client", "error_description": "The client is not known."})
        token = self._registry.mint_token(runner)
        body = {"access_token": token, "expires_in": _TOKEN_LIFE_S, "token_type": "JWT", "scope": ""}
        return Response(200, body, caller=f"runner {runner.id}")

    def _claimed(self, assertion: str) -> Runner | None:
        try:
            client_id = str(jwt.decode(assertion, options={"verify_signature": False}).get("iss", ""))
            runner = self._registry.by_client(client_id)
            if runner is not None:
                jwt.decode(assertion, runner.key.public_key(), ["RS256"], options={"verify_aud": False}, leeway=300)
        except jwt.PyJWTError:
            return None
        return runner

    def _open_session(self, request: Request, runner: Runner) -> Response:
        agent = request.json().get("agent")
        version = str(agent.get("version", "")) if isinstance(agent, dict) else ""
        if version_numbers(version) < self._tools.minimum_version:
            return _too_old(version)
        if runner.session is not None:
            return Response(409, {"message": f"A session for runner {runner.name} already exists."})
        runner.version = version
        runner.session = Session(str(uuid.uuid4()), self._clock())
        return Response(200, {"sessionId": runner.session.id, "ownerName": request.json().get("ownerName", "")})

    def _close_session(self, _request: Request, runner: Runner) -> Response:
        if runner.session is not None:
            runner.session.mailbox.put(None)
        runner.session = None
        return Response(200, {})

    def _message(self, request: Request, runner: Runner) -> Response:
        if version_numbers(request.query.get("runnerVersion", "")) < self._tools.minimum_version:
            return _too_old(request.query.get("runnerVersion", ""))
        busy = request.query.get("status", "").lower() == "busy"
        message = self._exchange.wait(runner, request.query.get("sessionId", ""), busy=busy)
        if message is None:
            gone = self._registry.find(runner.id) is None
            return Response(404, _NO_RUNNER) if gone else Response(202)
        body = dict(message.body)
        if message.kind == "RunnerJobRequest":
            body |= {"id": str(message.id), "run_service_url": f"{self._base_url}/_run/", "should_acknowledge": True}
        return Response(200, {"messageId": message.id, "messageType": message.kind, "body": json.dumps(body)})

    def _acquire(self, request: Request, runner: Runner) -> Response:
        entry, job, held = self._exchange.acquire(runner, str(request.json().get("jobMessageId", "")))
        try:
            workflow = rewrite(entry.run, job.id, runner.name)
            steps = step_names(entry.run, job.id, runner.name)
        except ExpressionError as error:
            self._exchange.fail(job.id, str(error))
            return _run_service_error(422, str(error))
        return Response(200, self._job_message(entry, job, held, {"yaml": workflow, "steps": steps}))

    def _job_message(self, entry: Entry, job: Job, held: Held, workflow: Json) -> Json:
        github = entry.run.github
        variables = {name: github[name] for name in ("run_id", "run_number", "sha", "ref", "repository", "actor")}
        return {
            "messageType": "PipelineAgentJobRequest",
            "plan": {"planId": held.plan_id, "planType": "actions"},
            "jobId": held.job_guid,
            "jobDisplayName": job.name,
            "jobName": job.key,
            "requestId": job.id,
            "lockedUntil": held.until.isoformat(),
            "variables": {
                **variables,
                "run_attempt": str(job.attempt),
                "event_name": entry.event,
                "default_branch": entry.repository.default_branch,
            },
            "event": github["event"],
            "timeoutMinutes": job.timeout_minutes,
            "workflow": {**workflow, "label": LABEL, "outputsStep": OUTPUTS_STEP},
            "act": self._tools.act,
        }

    def _renew(self, request: Request, runner: Runner) -> Response:
        until = self._exchange.renew(runner, str(request.json().get("jobId", "")))
        return Response(200, {"lockedUntil": until.isoformat()})

    def _complete(self, request: Request, runner: Runner) -> Response:
        body = request.json()
        if runner.job_id is not None:
            self.logs[runner.job_id] = str(body.get("log", ""))
        self._exchange.complete(runner, str(body.get("jobId", "")), _ending(body))
        return Response(204)


def _acknowledge(_request: Request, _runner: Runner) -> Response:
    return Response(204)


def _ending(body: Mapping[str, object]) -> Ending:
    outputs, steps, notes = body.get("outputs"), body.get("stepResults"), body.get("annotations")
    return Ending(
        conclusion=_CONCLUSIONS.get(str(body.get("conclusion", "")).lower(), Conclusion.FAILURE),
        steps=tuple(_step(step) for step in steps) if isinstance(steps, list) else (),
        outputs=_outputs(outputs) if isinstance(outputs, dict) else {},
        note="; ".join(str(note["message"]) for note in notes) if isinstance(notes, list) else "",
    )


def _outputs(outputs: dict[str, Json]) -> dict[str, str]:
    return {name: str(variable.get("value", "")) for name, variable in outputs.items()}


def _step(step: Json) -> StepRecord:
    started, completed = step.get("started_at"), step.get("completed_at")
    return StepRecord(
        number=int(str(step["number"])),
        name=str(step["name"]),
        status=Status.COMPLETED,
        conclusion=_CONCLUSIONS.get(str(step["conclusion"]).lower(), Conclusion.FAILURE),
        started_at=datetime.fromisoformat(str(started)) if started else None,
        completed_at=datetime.fromisoformat(str(completed)) if completed else None,
    )


def _run_service_error(status: int, message: str) -> Response:
    return Response(status, {"source": _RUN_SERVICE, "statusCode": status, "errorMessage": message})


def _too_old(version: str) -> Response:
    return Response(
        403,
        {
            "source": _BROKER,
            "statusCode": 403,
            "errorKind": "RunnerVersionTooOld",
            "errorMessage": f"Runner version v{version} is deprecated and cannot receive messages.",
        },
    )


def version_numbers(version: str) -> tuple[int, ...]:
    """`2.337.0` as numbers that compare."""
    return tuple(int(part) for part in version.split(".") if part.isdigit())
