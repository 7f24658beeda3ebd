"""Clouds, doors and agents for the tests of the local cloud."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol

import boto3
import pytest

from controller.local.aws.calls import Call, CallLog
from controller.local.aws.cloud import LocalCloud, Options
from controller.local.aws.gate import Gate, Judge, Service, allow
from controller.local.aws.principals import CredentialStore, Principal, PrincipalKind
from controller.local.aws.provision import GitHubApp
from controller.local.aws.refusals import ServiceError
from controller.local.aws.web import Reply, Server

DOORS = """
def webhook(event, context):
    return {"statusCode": 202, "body": "queued"}

def dispatch(event, context):
    return {"batchItemFailures": []}

claim = reports = housekeeping = webhook
"""

GITHUB = GitHubApp("http://127.0.0.1:9/github", "4711", "-----KEY-----", "hush")


class Eventually(Protocol):
    def __call__(self, what: Callable[[], Any], deadline_s: float = 30.0) -> None: ...


class StartCloud(Protocol):
    def __call__(self, doors: str = ..., **options: Any) -> LocalCloud: ...


class Front:
    """A gate on a port, with the services of one test behind it."""

    def __init__(self, services: dict[str, Service], judge: Judge) -> None:
        self.credentials = CredentialStore()
        self.log = CallLog()
        self.gate = Gate(self.credentials, nothing_else, judge, self.log)
        self.gate.services |= services
        self.server = Server(self.gate.answer, "front")
        self.server.start()
        self.clients: list[Any] = []

    def client(self, service: str, principal: Principal | None = None, *, secret: str = "") -> Any:
        """A boto3 client of a principal; with another secret than the one it was given, where one is named."""
        who = principal or Principal(PrincipalKind.ADMIN, "admin", "admin", "admin")
        keys = self.credentials.issue(who, time.time() + 3600).keys
        session = boto3.Session(keys.access_key, secret or keys.secret_key, keys.token, region_name="us-east-1")
        client = session.client(service, endpoint_url=self.server.url)
        self.clients.append(client)
        return client

    def close(self) -> None:
        for client in self.clients:
            client.close()
        self.server.stop()


def nothing_else(call: Call) -> Reply:
    raise ServiceError("UnknownOperation", f"nobody answers {call.action}", 404)


@pytest.fixture
def front() -> Iterator[Callable[..., Front]]:
    fronts: list[Front] = []

    def start(services: dict[str, Service] | None = None, judge: Judge = allow) -> Front:
        fronts.append(Front(services or {}, judge))
        return fronts[-1]

    yield start
    for front in fronts:
        front.close()


@pytest.fixture(scope="session")
def eventually() -> Eventually:
    """Wait for something to become true."""

    def wait(what: Callable[[], Any], deadline_s: float = 30.0) -> None:
        end = time.monotonic() + deadline_s
        while not what():
            assert time.monotonic() < end, "it never happened"
            time.sleep(0.01)

    return wait


@pytest.fixture(scope="module")
def start_cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StartCloud]:
    """Start clouds that are stopped when the module's tests are done."""
    clouds: list[LocalCloud] = []

    def start(doors: str = DOORS, **options: Any) -> LocalCloud:
        folder: Path = tmp_path_factory.mktemp("cloud")
        (folder / "doors.py").write_text(doors)
        given = {"agent_command": (sys.executable, "-c", "input()"), "schedules": (), **options}
        cloud = LocalCloud(
            folder / "run", GITHUB, {"linux": '{"cpu":2}'}, Options(handlers="doors", task_root=folder, **given)
        )
        clouds.append(cloud)
        return cloud.start()

    yield start
    for cloud in clouds:
        cloud.stop()
