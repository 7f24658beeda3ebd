"""The embedded GitHub as one object: start it, submit workflows, look at everything, stop it without a trace."""

from __future__ import annotations

import shutil
import sys
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Self

from controller.local.github.account import Person, Repository
from controller.local.github.api import NOT_FOUND, Gate, faulty
from controller.local.github.api_app import AppRoutes
from controller.local.github.api_checks import CheckRoutes
from controller.local.github.api_deployments import DeploymentRoutes
from controller.local.github.api_repositories import RepositoryRoutes
from controller.local.github.api_runners import RunnerRoutes
from controller.local.github.api_runs import RunRoutes
from controller.local.github.api_statuses import StatusRoutes
from controller.local.github.broker import Broker, Tools, version_numbers
from controller.local.github.commits import CheckRun, Commits, CommitStatus
from controller.local.github.config import Config
from controller.local.github.exchange import Exchange
from controller.local.github.identity import AppKey, Identity, process_key, system_clock
from controller.local.github.job import Job, Status
from controller.local.github.mishaps import Mishaps
from controller.local.github.payloads import Place, imagined_event, workflow_job_event
from controller.local.github.people import People
from controller.local.github.ratelimit import RateLimits
from controller.local.github.registry import Registry
from controller.local.github.release import Release, releases
from controller.local.github.repositories import Repositories
from controller.local.github.runbook import Entry, Runbook
from controller.local.github.runs_seen import RunsSeen
from controller.local.github.scheduler import Change
from controller.local.github.trouble import Trouble
from controller.local.github.views import RunnerView, RunView, runner_view_of, view_of
from controller.local.github.web import Door, Request, RequestRecord, Response, Route
from controller.local.github.webhooks import Delivery, Webhooks

SWEEP_S = 0.25
_OCTOCAT_ID = 583_231


class GitHub(People, Mishaps):
    """A whole GitHub on one loopback port; every member may be used from any thread."""

    def __init__(self, config: Config | None = None, clock: Callable[[], datetime] = system_clock) -> None:
        self._config = config = config or Config()
        self._clock = clock
        self._lock = threading.RLock()
        self._moved = threading.Condition(self._lock)
        self._keys = {app_id: AppKey.of(process_key(f"app {n}")) for n, app_id in enumerate(config.apps)}
        self._door = Door(NOT_FOUND, base_path=config.base_path)
        further = [each for app in config.further_apps for each in app.installations]
        self._repositories = Repositories(config.installations, self.base_url, further)
        self._identity = Identity(self._keys, clock)
        self._limits = RateLimits(clock, config.budgets, counts=not config.base_path)
        self._trouble = Trouble()
        self._webhooks = Webhooks(config.webhook_url, config.webhook_secret, config.app_id, clock)
        self._runbook = Runbook(config.actor, clock, self._lock, config.protected_environments)
        self._runbook.listen(self._announce)
        self._commits = Commits(self._runbook.head)
        self._registry = Registry(self.base_url, clock, self._lock)
        self._exchange = Exchange(self._runbook, self._registry, config.patience, clock, self._lock)
        self._broker = Broker(self._registry, self._exchange, self.base_url, self._tools(), clock)
        self._releases = releases()
        self._door.routes = self._routes()
        self._stopping = threading.Event()
        self._leaving = threading.Lock()
        self._back_at: datetime | None = None
        """When the door opens again; None while it is open."""
        self._sweeper = threading.Thread(target=self._sweep, name="github-sweeper")

    def start(self) -> None:
        """Begin to answer."""
        self._door.start()
        self._sweeper.start()

    def stop(self) -> None:
        """End every thread and close every connection and the port."""
        self._stopping.set()
        self._sweeper.join()
        self._webhooks.stop()
        self._exchange.close()
        if self._back_at is None:
            self._door.stop()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def base_url(self) -> str:
        """The API's address, as `https://api.github.com` or an Enterprise Server's `/api/v3`."""
        return self._door.base_url

    @property
    def app_id(self) -> int:
        """The App's id, the issuer of its JWTs."""
        return self._config.app_id

    @property
    def installation_id(self) -> int:
        """The App's installation on the organisation."""
        return self._config.installation_id

    @property
    def private_key_pem(self) -> str:
        """The App's private key."""
        return self._keys[self.app_id].private_pem

    @property
    def further_keys(self) -> dict[int, str]:
        """The private keys of the further Apps, by their ids."""
        return {app_id: key.private_pem for app_id, key in self._keys.items() if app_id != self.app_id}

    @property
    def webhook_secret(self) -> str:
        """What deliveries are signed with."""
        return self._config.webhook_secret

    def connect(self, webhook_url: str) -> None:
        """Say where webhooks go, when that is known only after the start."""
        self._webhooks.url = webhook_url

    @property
    def organisation(self) -> str:
        """The login of the account the App is installed on."""
        return self._config.organisation

    @property
    def repositories(self) -> tuple[str, ...]:
        """The full names of its repositories."""
        return self._repositories.names

    @property
    def runs(self) -> tuple[RunView, ...]:
        """Every run, oldest first."""
        with self._lock:
            return tuple(view_of(entry) for entry in self._runbook.entries)

    @property
    def jobs(self) -> tuple[Job, ...]:
        """Every job of every run's latest attempt that exists so far."""
        return tuple(job for run in self.runs for job in run.jobs)

    @property
    def runners(self) -> tuple[RunnerView, ...]:
        """Every runner registered now."""
        with self._lock:
            return tuple(runner_view_of(each) for each in self._registry.runners)

    @property
    def requests(self) -> tuple[RequestRecord, ...]:
        """Every request so far, by route template; REST routes are those whose caller is an app or installation."""
        return self._door.records

    @property
    def deliveries(self) -> tuple[Delivery, ...]:
        """Every webhook delivery so far."""
        return self._webhooks.deliveries

    @property
    def check_runs(self) -> tuple[CheckRun, ...]:
        """Every check run that was posted, as it was last told."""
        return self._commits.check_runs

    @property
    def statuses(self) -> tuple[CommitStatus, ...]:
        """Every commit status that was posted."""
        return self._commits.statuses

    @property
    def releases(self) -> tuple[Release, ...]:
        """The runner archives that can be downloaded."""
        return self._releases

    @property
    def finished(self) -> bool:
        """Whether every run has ended."""
        return all(run.status is Status.COMPLETED for run in self.runs)

    def wait_for(self, condition: Callable[[], bool], timeout_s: float) -> bool:
        """Wait until a condition on this GitHub's runs and jobs holds; False when it did not in time."""
        with self._moved:
            return self._moved.wait_for(condition, timeout_s)

    def log_of(self, job_id: int) -> str:
        """What a job's steps printed; empty until it has ended."""
        return self._broker.logs.get(job_id, "")

    def restart(self, away_s: float) -> None:
        """Refuse every connection for so long; whatever was known is known afterwards."""
        with self._leaving:
            if self._back_at is None:
                self._exchange.hang_up()
                self._door.stop()
            self._back_at = self._clock() + timedelta(seconds=away_s)

    def send_forged(self, labels: tuple[str, ...] = ("spotrunner/linux-2cpu",)) -> Delivery:
        """Send a queued job that does not exist, signed with a wrong secret; the answer is in the delivery."""
        repository = self._repositories.find("")
        event = imagined_event(labels, self._clock(), self._place(repository))
        return self._webhooks.forge("workflow_job", event)

    def _routes(self) -> list[Route]:
        config, repositories, clock = self._config, self._repositories, self._clock
        installed = [each for installations in config.apps.values() for each in installations]
        gate = Gate(self._identity, self._limits, self._trouble, installed)
        seen = RunsSeen(self._runbook, lambda entry: self._place(entry.repository), self._lock)
        rest = (
            AppRoutes(self._identity, config.apps, repositories.owners, self._webhooks, clock),
            RunnerRoutes(self._registry, self._releases, self.base_url, config.runner_groups),
            RunRoutes(seen),
            DeploymentRoutes(seen, clock),
            CheckRoutes(self._commits, repositories, config.app_id, clock),
            StatusRoutes(self._commits, repositories, clock),
            RepositoryRoutes(self._commits, repositories),
        )
        others = [*self._broker.routes(), *(Route("GET", each.path, _download(each)) for each in self._releases)]
        return [*map(self._troubled, others), *(route for each in rest for route in each.routes(gate))]

    def _troubled(self, route: Route) -> Route:
        """Runners' routes and downloads fail when they are named; the gate sees to the others."""

        def handler(request: Request) -> Response:
            failure = self._trouble.take(route.template, rest=False)
            response = route.handler(request) if failure is None or failure.done else NOT_FOUND
            return response if failure is None else faulty(failure.status)

        return Route(route.method, route.template, handler)

    def _tools(self) -> Tools:
        return Tools(self._config.act or _act(), version_numbers(self._config.minimum_runner_version))

    def _announce(self, entry: Entry, change: Change) -> None:
        self._moved.notify_all()
        if change.action == "cancel" or not self._webhooks.url:
            return
        event = workflow_job_event(change.action, change.job, entry.facts(), self._place(entry.repository))
        self._webhooks.send("workflow_job", event)

    def _place(self, repository: Repository) -> Place:
        person = Person(self._config.actor, _OCTOCAT_ID)
        return Place(self.base_url, repository, person, self._repositories.installation_of(repository))

    def _sweep(self) -> None:
        while not self._stopping.wait(SWEEP_S):
            self._exchange.sweep()
            self._webhooks.sweep()
            self._come_back()

    def _come_back(self) -> None:
        with self._leaving:
            if self._back_at is not None and self._back_at <= self._clock():
                self._door.reopen()
                self._back_at = None


def _download(release: Release) -> Callable[[Request], Response]:
    return lambda _: Response(200, release.archive)


def _act() -> str:
    beside = Path(sys.executable).with_name("act")
    return str(beside) if beside.exists() else shutil.which("act") or "act"
