"""The local cloud as one object: start it, use it through the AWS API, stop it, and nothing is left."""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from controller import wiring
from controller.local.aws.calls import CallLog, CallRecord
from controller.local.aws.collector import Collector
from controller.local.aws.ec2 import Ec2
from controller.local.aws.environment import Deployed
from controller.local.aws.event_source import EventSource, Source
from controller.local.aws.fleet import Capacity, endless
from controller.local.aws.functions import LambdaFunction, Tally
from controller.local.aws.gate import Gate, Judge, allow
from controller.local.aws.http_api import HttpApi
from controller.local.aws.instances import Instance, Instances, Latencies, Software
from controller.local.aws.machines import Process
from controller.local.aws.metadata import Metadata
from controller.local.aws.network import Network
from controller.local.aws.parameters import Parameters
from controller.local.aws.principals import ACCOUNT, CredentialStore, Principal, PrincipalKind
from controller.local.aws.provision import GitHubApp, Stack, deploy
from controller.local.aws.queue import Depth
from controller.local.aws.sqs import Sqs
from controller.local.aws.store import Store
from controller.local.aws.timers import Timers
from controller.local.aws.web import Server
from controller.settings import Settings
from runner_agent.contract.sigv4 import Credentials

_FOREVER_S = 7 * 86_400.0
_ROOT = Path(__file__).parents[3]


class Stopped(Exception):
    """The cloud was told to stop before it had started."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How this cloud differs from the real one, and what is deployed into it."""

    stack: str = "demo-local"
    region: str = "us-east-1"
    speed: float = 1.0
    """How much faster schedules and batching windows run."""
    latencies: Latencies = field(default_factory=Latencies)
    settings: Mapping[str, Any] = field(default_factory=dict)
    """Settings to replace, by name."""
    agent_command: Sequence[str] = (sys.executable, "-m", "runner_agent", "run")
    agent_environment: Mapping[str, str] = field(default_factory=dict)
    concurrency: Mapping[str, int] = field(default_factory=lambda: {"claim": 2})
    """How many processes a function may have; one, where it is not named."""
    capacity: Capacity = endless
    judge: Judge = allow
    functions: Sequence[wiring.Function] = wiring.FUNCTIONS
    schedules: Sequence[wiring.Schedule] = wiring.SCHEDULES
    queues: Sequence[wiring.Queue] = wiring.QUEUES
    handlers: str = ""
    """The module of the handlers, where they are not the ones that `wiring` names."""
    task_root: Path = _ROOT
    """The folder that functions import from."""


class LocalCloud:
    """The AWS of one stack, on this machine's loopback."""

    def __init__(
        self, run_dir: Path, github: GitHubApp, configs: Mapping[str, str], options: Options | None = None
    ) -> None:
        self.run_dir = run_dir
        self.options = options or Options()
        self.settings: Settings
        self._github = github
        self._configs = configs
        self._log = CallLog()
        self._credentials = CredentialStore()
        self._stack = ExitStack()
        self._stop_wanted = threading.Event()
        self._life = threading.Lock()
        self._client_lock = threading.Lock()
        self._clients: dict[str, Any] = {}
        self._functions: dict[str, LambdaFunction] = {}
        self._sources: list[EventSource] = []

    def start(self) -> Self:
        """Bring everything up; raises `Stopped` when somebody stops it meanwhile."""
        with self._life:
            try:
                for step in (self._serve, self._deploy, self._wire, self._open):
                    self._go_on()
                    step()
            except BaseException:
                self._stack.close()
                raise
        return self

    def _go_on(self) -> None:
        if self._stop_wanted.is_set():
            raise Stopped("the local cloud was stopped while it started")

    def stop(self) -> None:
        """Bring everything down; a second stop does nothing."""
        self._stop_wanted.set()
        with self._life:
            self._stack.close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def front_url(self) -> str:
        """The one address of every AWS service."""
        return self._front.url

    @property
    def webhook_url(self) -> str:
        """Where GitHub sends its webhooks."""
        return self._door.url + _path(wiring.WEBHOOK)

    @property
    def claim_url(self) -> str:
        """Where machines ask for work."""
        return self._door.url + _path(wiring.CLAIM)

    @property
    def api_url(self) -> str:
        """The HTTP API, without a route."""
        return self._door.url

    @property
    def otlp_url(self) -> str:
        """The base address of the OTLP collector."""
        return self._otlp.url

    @property
    def traces(self) -> Path:
        """What the collector has collected, one export a line."""
        return self.run_dir / "traces.jsonl"

    @property
    def calls(self) -> tuple[CallRecord, ...]:
        """Every call so far."""
        return self._log.snapshot()

    def instances(self) -> tuple[Instance, ...]:
        """Every instance there ever was."""
        return self._instances.all()

    def processes(self) -> tuple[Process, ...]:
        """Every living process of every machine there ever was, from the process table."""
        return self._instances.machines.processes()

    def queue_depths(self) -> dict[str, Depth]:
        """How many messages stand where, by queue; dead-letter queues are `<name>-dead`."""
        prefix = f"{self.options.stack}-"
        return {queue.name.removeprefix(prefix): queue.depth() for queue in self._sqs.queues()}

    def functions(self) -> dict[str, Tally]:
        """What each function has done."""
        return {name: function.tally() for name, function in self._functions.items()}

    def environment(self, name: str) -> Mapping[str, str]:
        """The environment that a function runs in."""
        return self._functions[name].deployed.environment

    def function_log(self, name: str) -> str:
        """What a function has written to its output."""
        path = self._function_log(name)
        return path.read_text("utf-8", "replace") if path.exists() else ""

    def console(self, instance_id: str) -> str:
        """What a machine has written to its console."""
        return self._instances.console(instance_id)

    def announce_interruption(self, instance_id: str, *, action: str = "terminate", in_s: float = 120.0) -> None:
        """Let a machine see a spot notice in its metadata; nothing else happens to it."""
        self._metadata.announce(instance_id, action=action, at=time.time() + in_s)

    def recommend_rebalance(self, instance_id: str) -> None:
        """Let a machine see a rebalance recommendation in its metadata."""
        self._metadata.recommend_rebalance(instance_id)

    def client(self, service: str) -> Any:  # noqa: ANN401 - boto3 has a class for each service
        """A boto3 client of the operator, the same one each time."""
        with self._client_lock:
            if service not in self._clients:
                self._clients[service] = self._session.client(service, endpoint_url=self.front_url)
                self._stack.callback(self._clients[service].close)
            return self._clients[service]

    @cached_property
    def _session(self) -> Any:  # noqa: ANN401 - boto3 is imported late
        import boto3  # noqa: PLC0415 - a fifth of a second that importing this module should not cost

        return boto3.Session(
            self._admin.access_key, self._admin.secret_key, self._admin.token, region_name=self.options.region
        )

    def _serve(self) -> None:
        """Open the ports."""
        options = self.options
        self.run_dir.mkdir(parents=True, exist_ok=True)
        self._admin = self._issue(PrincipalKind.ADMIN, "admin", "admin")
        store = Store()
        self._stack.callback(store.close)
        self._gate = Gate(self._credentials, store.answer, options.judge, self._log)
        self._metadata = Metadata()
        self._api = HttpApi(self._gate)
        self._front = self._server(Server(self._gate.answer, "front"))
        self._door = self._server(Server(self._api.answer, "http-api"))
        self._imds = self._server(Server(self._metadata.answer, "imds"))
        self._otlp = self._server(Server(Collector(self.traces).answer, "otlp"))
        self._sqs = Sqs(self.front_url, options.region)
        self._timers = Timers()
        self._stack.callback(self._timers.stop)
        software = Software(
            self.run_dir / "machines",
            self.front_url,
            self._imds.url,
            tuple(options.agent_command),
            options.agent_environment,
        )
        self._instances = Instances(
            options.region, software, options.latencies, self._timers, self._metadata, self._credentials
        )
        self._stack.callback(self._instances.machines.stop)
        self._network = Network(options.region)
        self._gate.services |= {
            "sqs": self._sqs.answer,
            "ssm": Parameters(options.region).answer,
            "ec2": Ec2(self._network, self._instances, options.capacity, store.answer).answer,
        }

    def _server(self, server: Server) -> Server:
        self._stack.callback(server.stop)
        server.start()
        return server

    def _deploy(self) -> None:
        """Create the stack's resources."""
        options = self.options
        stack = Stack(
            options.stack,
            options.region,
            self._github,
            self._configs,
            options.queues,
            options.speed,
            self.claim_url,
            self.otlp_url,
        )
        self.settings = deploy(stack, self.client, options.settings)

    def _wire(self) -> None:
        """Put the functions behind their triggers."""
        (self.run_dir / "functions").mkdir(exist_ok=True)
        self._stack.callback(self._join_sources)
        for function in self.options.functions:
            deployed = LambdaFunction(self._deployed(function), self.options.concurrency.get(function.name, 1))
            self._functions[function.name] = deployed
            self._stack.callback(deployed.close)
            match function.trigger:
                case wiring.Route() as route:
                    self._api.add(route, deployed)
                case wiring.Poll() as poll:
                    self._sources.append(EventSource(self._source(function.name, poll), deployed, self._gate))
        # Last in, first out: whoever waits for a message or for a function is sent home before he is waited for.
        self._stack.callback(self._sqs.close)
        for source in self._sources:
            self._stack.callback(source.stop)

    def _join_sources(self) -> None:
        for source in self._sources:
            source.join()

    def _open(self) -> None:
        """Let things happen."""
        self._instances.machines.start()
        for function in self._functions.values():
            function.warm()
        for source in self._sources:
            source.start()
        for schedule in self.options.schedules:
            self._timers.every(schedule.every_s / self.options.speed, self._scheduled(schedule))
        self._timers.start()

    def _scheduled(self, schedule: wiring.Schedule) -> Callable[[], None]:
        sender = Principal(PrincipalKind.SERVICE, f"schedule:{schedule.name}", self._role("scheduler"), schedule.name)
        url = self._sqs.url(f"{self.options.stack}-{schedule.queue.name}")
        fields = {"QueueUrl": url, "MessageBody": json.dumps(schedule.body)}

        def send() -> None:
            self._gate.ask(sender, self.options.region, "SendMessage", fields)

        return send

    def _source(self, name: str, poll: wiring.Poll) -> Source:
        queue = f"{self.options.stack}-{poll.queue.name}"
        return Source(
            name,
            self._role(name),
            self._sqs.url(queue),
            self._sqs.arn(queue),
            self.options.region,
            poll.batch,
            poll.window_s / self.options.speed,
            poll.max_concurrency,
        )

    def _deployed(self, function: wiring.Function) -> Deployed:
        options = self.options
        physical = self._role(function.name)
        keys = self._issue(PrincipalKind.FUNCTION, function.name, physical)
        handler = f"{options.handlers}.{function.name}" if options.handlers else function.handler
        environment = {
            **self.settings.environ(),
            "AWS_REGION": options.region,
            "AWS_DEFAULT_REGION": options.region,
            "AWS_ACCESS_KEY_ID": keys.access_key,
            "AWS_SECRET_ACCESS_KEY": keys.secret_key,
            "AWS_SESSION_TOKEN": keys.token,
            "AWS_ENDPOINT_URL": self.front_url,
            "AWS_LAMBDA_FUNCTION_NAME": physical,
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory_mb),
            "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{physical}",
            "AWS_LAMBDA_LOG_STREAM_NAME": "local",
            "LAMBDA_TASK_ROOT": str(options.task_root),
            "_HANDLER": handler,
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "LANG": "en_US.UTF-8",
            "TZ": ":UTC",
        }
        arn = f"arn:aws:lambda:{options.region}:{ACCOUNT}:function:{physical}"
        return Deployed(function.name, arn, function.timeout_s, environment, self._function_log(function.name))

    def _function_log(self, name: str) -> Path:
        return self.run_dir / "functions" / f"{name}.log"

    def _role(self, name: str) -> str:
        return wiring.role_name(self.options.stack, name)

    def _issue(self, kind: PrincipalKind, name: str, role: str) -> Credentials:
        return self._credentials.issue(Principal(kind, name, role, role), time.time() + _FOREVER_S).keys


def _path(function: wiring.Function) -> str:
    return function.trigger.path if isinstance(function.trigger, wiring.Route) else "/"
