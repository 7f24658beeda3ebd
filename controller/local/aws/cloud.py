"""The local cloud as one object: start it, use it through the AWS API, stop it, and nothing is left."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from contextlib import ExitStack
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from controller import wiring
from controller.local.aws.calls import CallLog, CallRecord
from controller.local.aws.collector import Collector
from controller.local.aws.deployment import Deployment, Ground
from controller.local.aws.ec2 import Ec2
from controller.local.aws.functions import Tally
from controller.local.aws.gate import Gate
from controller.local.aws.http_api import HttpApi
from controller.local.aws.instances import Instance, Instances, Software
from controller.local.aws.judging import Iam
from controller.local.aws.machines import Process
from controller.local.aws.metadata import Metadata
from controller.local.aws.network import Network
from controller.local.aws.options import Options
from controller.local.aws.parameters import Parameters
from controller.local.aws.principals import FOREVER_S, CredentialStore, Principal, PrincipalKind
from controller.local.aws.provision import GitHubApp, Stack, deploy
from controller.local.aws.queue import Depth
from controller.local.aws.roles import account, names, roles
from controller.local.aws.sqs import Sqs
from controller.local.aws.store import Store
from controller.local.aws.timers import Timers
from controller.local.aws.web import Server
from controller.settings import Settings

__all__ = ["LocalCloud", "Options", "Stopped"]


class Stopped(Exception):
    """The cloud was told to stop before it had started."""


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
        return {name: function.tally() for name, function in self._doors.functions.items()}

    def environment(self, name: str) -> Mapping[str, str]:
        """The environment that a function runs in."""
        return self._doors.functions[name].deployed.environment

    def function_log(self, name: str) -> str:
        """What a function has written to its output."""
        path = self._doors.log(name)
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
        admin = Principal(PrincipalKind.ADMIN, "admin", "admin", "admin")
        self._admin = self._credentials.issue(admin, time.time() + FOREVER_S).keys
        store = Store()
        self._stack.callback(store.close)
        self._iam = Iam()
        self._gate = Gate(self._credentials, store.answer, options.judge or self._iam.judge, self._log)
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
        known = names(options, self.settings, self._network)
        self._iam.enact(roles(options, known), account(known, self._network, self._instances))

    def _wire(self) -> None:
        """Put the functions behind their triggers."""
        ground = Ground(self.front_url, self._gate, self._api, self._sqs, self._timers, self._credentials)
        self._doors = Deployment(self.options, self.settings, self.run_dir / "functions", ground)
        self._stack.callback(self._doors.close)

    def _open(self) -> None:
        """Let things happen."""
        self._instances.machines.start()
        self._doors.open()
        self._timers.start()


def _path(function: wiring.Function) -> str:
    return function.trigger.path if isinstance(function.trigger, wiring.Route) else "/"
