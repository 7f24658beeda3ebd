"""The local cloud as one object: start it, use it through the AWS API, stop it, and nothing is left."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from contextlib import ExitStack
from functools import cache, cached_property
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from controller import wiring
from controller.local.aws.account import Account
from controller.local.aws.ambush import Ambushes, Moment
from controller.local.aws.boots import Boot, Boots, Start
from controller.local.aws.buckets import Buckets
from controller.local.aws.calls import CallLog, CallRecord
from controller.local.aws.collector import Collector
from controller.local.aws.deployment import Deployment, Ground
from controller.local.aws.ec2 import Ec2, Supply
from controller.local.aws.events import Event, EventBus
from controller.local.aws.fate import Fate
from controller.local.aws.functions import Tally
from controller.local.aws.gate import Gate
from controller.local.aws.http_api import HttpApi
from controller.local.aws.instance import Instance
from controller.local.aws.instances import Instances, Software, Surroundings
from controller.local.aws.judging import Iam
from controller.local.aws.logs import Logs
from controller.local.aws.machines import Process
from controller.local.aws.metadata import Metadata
from controller.local.aws.network import Network
from controller.local.aws.options import Options
from controller.local.aws.parameters import Parameters
from controller.local.aws.pools import Pools
from controller.local.aws.prices import Prices
from controller.local.aws.principals import EVENTS_SERVICE, FOREVER_S, CredentialStore, Principal, PrincipalKind
from controller.local.aws.provision import GitHubApp, Stack, deploy
from controller.local.aws.queue import Depth
from controller.local.aws.roles import account, names, roles, trusts
from controller.local.aws.sales import price_list
from controller.local.aws.service_quotas import ServiceQuotas
from controller.local.aws.sqs import Sqs
from controller.local.aws.store import Store
from controller.local.aws.sts import Sts
from controller.local.aws.timers import Timers
from controller.local.aws.web import Server
from controller.settings import Settings

__all__ = ["LocalCloud", "Options", "Stopped"]


class Stopped(Exception):
    """The cloud was told to stop before it had started."""


class LocalCloud:
    """The AWS of one stack, on this machine's loopback."""

    def __init__(
        self,
        run_dir: Path,
        github: GitHubApp,
        configs: Mapping[str, str],
        options: Options | None = None,
        beside: LocalCloud | None = None,
    ) -> None:
        """`beside`: the same account in another region, whose tables this one shares; it must be open already."""
        self._beside = beside
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

    def capacity_units(self) -> Mapping[tuple[str, str], float]:
        """DynamoDB's request units: (table or table/index, "read" or "write") to a number."""
        return self._account.store.meter.total()

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

    def queue_ages(self) -> dict[str, float]:
        """How many seconds ago the oldest message was sent, by queue."""
        prefix = f"{self.options.stack}-"
        return {queue.name.removeprefix(prefix): queue.oldest_s() for queue in self._sqs.queues()}

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

    def machine_log(self, instance_id: str) -> str:
        """What a machine has shipped to its log stream; empty where it never did."""
        path = self._logs.file(instance_id)
        return path.read_text("utf-8", "replace") if path.exists() else ""

    @property
    def pools(self) -> Pools:
        """The capacity behind fleets."""
        return self._pools

    @property
    def events(self) -> tuple[Event, ...]:
        """Every event that EC2 has told EventBridge."""
        return self._bus.snapshot()

    def price(self, instance_type: str, zone: str, lifecycle: str) -> float:
        """Dollars an hour now; raises `LookupError` for a type without a published price."""
        return self._prices.now(instance_type, zone, lifecycle)

    def fail_next(self, action: str, code: str, times: int = 1) -> None:
        """Let the next calls of an EC2 action fail outright with this code."""
        self._ec2.fail_next(action, code, times)

    def next_boot(self, boot: Boot, times: int = 1, extra_s: float = 0.0) -> None:
        """Let the next machines that are launched come up like this."""
        self._boots.order(Start(boot, extra_s), times)

    def interrupt(self, instance_id: str, notice_s: float | None = None) -> None:
        """Give a spot machine its notice, and take it away when that is over."""
        self._fate.interrupt(instance_id, notice_s)

    def interrupt_pool(
        self, instance_type: str = "*", zone: str = "*", notice_s: float | None = None
    ) -> tuple[str, ...]:
        """Interrupt all spot machines of the pools that fit these patterns; which ones they were."""
        return self._fate.interrupt_pool(instance_type, zone, notice_s)

    def rebalance(self, instance_id: str) -> None:
        """Recommend to leave a spot machine."""
        self._fate.rebalance(instance_id)

    def kill(self, instance_id: str) -> None:
        """Take a machine away at once and without notice."""
        self._fate.kill(instance_id)

    def kill_agent(self, instance_id: str) -> None:
        """Let the agent on a machine be gone at once."""
        self._fate.kill_agent(instance_id)

    def kill_function(self, name: str, call: int = 1, moment: Moment = Moment.AFTER) -> None:
        """Let a function's process be gone at its next call but `call - 1`; raises `KeyError` for no function."""
        self._gate.ambushes.lay(self._doors.functions[name].deployed.name, call, moment)

    def spare_functions(self) -> None:
        """Let no function be killed any more that has not made the call for it."""
        self._gate.ambushes.lift()

    def go_dark(self) -> None:
        """From now on none of the region's doors opens, while its machines live on: the control plane is dead."""
        self._api.close()
        self._doors.close()

    def freeze(self, instance_id: str) -> None:
        """Let a machine hang, while EC2 takes it for running."""
        self._fate.freeze(instance_id)

    def client(self, service: str) -> Any:  # noqa: ANN401 - boto3 has a class for each service
        """A boto3 client of the operator, the same one each time."""
        with self._client_lock:
            if service not in self._clients:
                self._clients[service] = self._session.client(service, endpoint_url=self.front_url)
                self._stack.callback(self._clients[service].close)
            return self._clients[service]

    def operator_environment(self) -> dict[str, str]:
        """The variables with which any AWS SDK, and the `spotrunner` command, speaks to this cloud as its operator."""
        return {
            "AWS_ENDPOINT_URL": self.front_url,
            "AWS_REGION": self.options.region,
            "AWS_DEFAULT_REGION": self.options.region,
            "AWS_ACCESS_KEY_ID": self._admin.access_key,
            "AWS_SECRET_ACCESS_KEY": self._admin.secret_key,
            "AWS_SESSION_TOKEN": self._admin.token,
            "SPOTRUNNER_STACK": self.options.stack,
        }

    @cached_property
    def _session(self) -> Any:  # noqa: ANN401 - boto3 is imported late
        import boto3  # noqa: PLC0415 - a fifth of a second that importing this module should not cost
        from botocore.session import get_session  # noqa: PLC0415 - the same

        session = get_session()
        session.register_component("data_loader", _descriptions())
        keys = self._admin.access_key, self._admin.secret_key, self._admin.token
        return boto3.Session(*keys, region_name=self.options.region, botocore_session=session)

    def _serve(self) -> None:
        """Open the ports."""
        options = self.options
        self.run_dir.mkdir(parents=True, exist_ok=True)
        admin = Principal(PrincipalKind.ADMIN, "admin", "admin", "admin")
        self._admin = self._credentials.issue(admin, time.time() + FOREVER_S).keys
        if self._beside is None:
            store = Store()
            self._stack.callback(store.close)
            self._account = Account(options.region, store)
        else:
            self._account = self._beside._account  # noqa: SLF001 - the very account, seen from another region
        store = self._account.store
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
            options.room,
        )
        self._pools, self._boots, self._prices = Pools(), Boots(), Prices(time.time)
        latencies = options.latencies
        self._bus = EventBus(options.region, options.rules, self._deliver, self._timers, latencies.event_s)
        around = Surroundings(
            options.region,
            self._timers,
            self._metadata,
            self._credentials,
            self._pools,
            self._boots,
            self._bus.changed,
        )
        self._instances = Instances(around, software, latencies)
        self._stack.callback(self._instances.machines.stop)
        self._fate = Fate(self._instances, self._metadata, self._bus, self._timers)
        self._network = Network(options.region)
        supply = Supply(self._pools, Buckets(options.limits, time.monotonic), self._prices)
        self._ec2 = Ec2(self._network, self._instances, supply, store.answer)
        self._logs = Logs(wiring.runner_log(options.stack), self.run_dir / "logs", store.answer)
        self._account.queues[options.region] = self._sqs
        self._gate.services |= {
            "dynamodb": self._account.tables,
            "sqs": self._account.messages,
            "ssm": Parameters(options.region).answer,
            "ec2": self._ec2.answer,
            "logs": self._logs.answer,
            "pricing": price_list,
            "servicequotas": ServiceQuotas().answer,
            "sts": Sts(self._credentials, store.answer).answer,
        }

    def _deliver(self, rule: wiring.Rule, body: str) -> None:
        """Put an event on a rule's queue, in EventBridge's own name."""
        sender = Principal(PrincipalKind.SERVICE, EVENTS_SERVICE, EVENTS_SERVICE, rule.name)
        url = self._sqs.url(f"{self.options.stack}-{rule.queue.name}")
        self._gate.ask(sender, self.options.region, "SendMessage", {"QueueUrl": url, "MessageBody": body})

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
            further=options.further,
            own_roles=options.own_roles,
            makes_tables=self._beside is None,
        )
        self.settings = deploy(stack, self.client, options.settings)
        known = names(options, self.settings, self._network)
        self._iam.enact(roles(options, known), account(known, self._network, self._instances), trusts(known))

    def _wire(self) -> None:
        """Put the functions behind their triggers."""
        ground = Ground(self.front_url, self._gate, self._api, self._sqs, self._timers, self._credentials)
        self._doors = Deployment(self.options, self.settings, self.run_dir / "functions", ground)
        self._stack.callback(self._doors.close)
        self._gate.ambushes = Ambushes(lambda name: self._doors.functions[name].kill())

    def _open(self) -> None:
        """Let things happen."""
        self._instances.machines.start()
        self._doors.open()
        self._timers.start()


@cache
def _descriptions() -> Any:  # noqa: ANN401 - boto3 is imported late
    """The services' descriptions, read once for all clouds of this process: they are megabytes of JSON."""
    from botocore.loaders import create_loader  # noqa: PLC0415 - as above

    return create_loader()


def _path(function: wiring.Function) -> str:
    return function.trigger.path if isinstance(function.trigger, wiring.Route) else "/"
