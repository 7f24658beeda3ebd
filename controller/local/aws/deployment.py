"""The stack's functions in their processes, behind the triggers that `wiring` gives them."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from controller import wiring
from controller.local.aws.environment import Deployed
from controller.local.aws.event_source import EventSource, Source
from controller.local.aws.functions import LambdaFunction
from controller.local.aws.gate import Gate
from controller.local.aws.http_api import HttpApi
from controller.local.aws.options import Options
from controller.local.aws.principals import ACCOUNT, FOREVER_S, CredentialStore, Principal, PrincipalKind
from controller.local.aws.roles import SCHEDULER
from controller.local.aws.sqs import Sqs
from controller.local.aws.timers import Timers
from controller.settings import Settings


@dataclass(frozen=True, slots=True)
class Ground:
    """What functions and their triggers stand on."""

    front: str
    gate: Gate
    api: HttpApi
    sqs: Sqs
    timers: Timers
    credentials: CredentialStore


class Deployment:
    """All functions of one stack; nothing calls them before `open`."""

    def __init__(self, options: Options, settings: Settings, logs: Path, ground: Ground) -> None:
        self.functions: dict[str, LambdaFunction] = {}
        self._options = options
        self._settings = settings
        self._logs = logs
        self._ground = ground
        self._sources: list[EventSource] = []
        logs.mkdir(exist_ok=True)
        for function in options.functions:
            self._add(function)

    def log(self, name: str) -> Path:
        """Where a function's output is kept."""
        return self._logs / f"{name}.log"

    def open(self) -> None:
        """Let events come."""
        for function in self.functions.values():
            function.warm()
        for source in self._sources:
            source.start()
        for schedule in self._options.schedules:
            self._ground.timers.every(schedule.every_s / self._options.speed, self._scheduled(schedule))

    def close(self) -> None:
        """End everything: whoever waits for a message or for a function is sent home before he is waited for."""
        for source in self._sources:
            source.stop()
        self._ground.sqs.close()
        for function in self.functions.values():
            function.close()
        for source in self._sources:
            source.join()

    def _add(self, function: wiring.Function) -> None:
        deployed = LambdaFunction(self._deployed(function), self._options.concurrency.get(function.name, 1))
        self.functions[function.name] = deployed
        match function.trigger:
            case wiring.Route() as route:
                self._ground.api.add(route, deployed)
            case wiring.Poll() as poll:
                self._sources.append(EventSource(self._source(function.name, poll), deployed, self._ground.gate))

    def _scheduled(self, schedule: wiring.Schedule) -> Callable[[], None]:
        name = f"schedule:{schedule.name}"
        sender = Principal(PrincipalKind.SERVICE, name, self._role(SCHEDULER), schedule.name)
        url = self._ground.sqs.url(f"{self._options.stack}-{schedule.queue.name}")
        fields = {"QueueUrl": url, "MessageBody": json.dumps(schedule.body)}

        def send() -> None:
            self._ground.gate.ask(sender, self._options.region, "SendMessage", fields)

        return send

    def _source(self, name: str, poll: wiring.Poll) -> Source:
        queue = f"{self._options.stack}-{poll.queue.name}"
        return Source(
            name,
            self._role(name),
            self._ground.sqs.url(queue),
            self._ground.sqs.arn(queue),
            self._options.region,
            poll.batch,
            poll.window_s / (self._options.window_speed or self._options.speed),
            poll.max_concurrency,
        )

    def _deployed(self, function: wiring.Function) -> Deployed:
        options, physical = self._options, self._role(function.name)
        arn = f"arn:aws:lambda:{options.region}:{ACCOUNT}:function:{physical}"
        environment = self._environment(function, physical)
        return Deployed(function.name, arn, function.timeout_s, environment, self.log(function.name))

    def _environment(self, function: wiring.Function, physical: str) -> dict[str, str]:
        options = self._options
        principal = Principal(PrincipalKind.FUNCTION, function.name, physical, physical)
        keys = self._ground.credentials.issue(principal, time.time() + FOREVER_S).keys
        return {
            **self._settings.environ(),
            "AWS_REGION": options.region,
            "AWS_DEFAULT_REGION": options.region,
            "AWS_ACCESS_KEY_ID": keys.access_key,
            "AWS_SECRET_ACCESS_KEY": keys.secret_key,
            "AWS_SESSION_TOKEN": keys.token,
            "AWS_ENDPOINT_URL": self._ground.front,
            "AWS_LAMBDA_FUNCTION_NAME": physical,
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory_mb),
            "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{physical}",
            "AWS_LAMBDA_LOG_STREAM_NAME": "local",
            "LAMBDA_TASK_ROOT": str(options.task_root),
            "_HANDLER": f"{options.handlers}.{function.name}" if options.handlers else function.handler,
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "LANG": "en_US.UTF-8",
            "TZ": ":UTC",
        }

    def _role(self, name: str) -> str:
        return wiring.role_name(self._options.stack, name)
