"""A real moto server over HTTP, and an environment with nothing else of AWS in it."""

from __future__ import annotations

import os
import socket
import threading
import uuid
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from moto.backends import SERVICE_NAMES, get_backend
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from werkzeug.serving import make_server

from controller.adapters.aws.clients import Clients
from controller.adapters.github.api import GitHubApi
from controller.adapters.github.installations import Installations
from controller.servers import App, Server
from controller.settings import AwsAccess
from runner_agent.contract.sigv4 import Credentials
from tests.controller.adapters.github.server import GitHubServer
from tests.controller.adapters.scripted import ScriptedServer
from tests.fakes.stack import FakeSecrets

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

REGION = "us-east-1"
APP = App("12345", "app_key")


class OneAtATime:
    """A WSGI application that answers one request after the other: moto itself reads, then writes, without a lock."""

    def __init__(self, app: WSGIApplication) -> None:
        self._app = app
        self._lock = threading.Lock()

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> list[bytes]:
        with self._lock:
            return list(self._app(environ, start_response))


def warm(*services: SERVICE_NAMES) -> None:
    """Let moto load a service before a client with a deadline asks for it: on a busy machine that takes long."""
    for service in services:
        get_backend(service)["123456789012"][REGION]


@pytest.fixture(scope="session")
def moto_address() -> Iterator[str]:
    warm("dynamodb", "sqs", "ssm", "secretsmanager")
    get_backend("s3")["123456789012"]["aws"]  # of no region
    app = OneAtATime(DomainDispatcherApplication(create_backend_app))
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=MotoRequestHandler)
    server.daemon_threads = True  # type: ignore[attr-defined]  # of its threaded kind
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="session")
def clients(moto_address: str) -> Iterator[Clients]:
    """Clients of the moto server; made once, because loading the services' descriptions takes its time."""
    made = clients_of(moto_address)
    yield made
    made.close()


@pytest.fixture(scope="session")
def scripted_server() -> Iterator[ScriptedServer]:
    with ScriptedServer() as server:
        yield server


@pytest.fixture
def scripted(scripted_server: ScriptedServer) -> Iterator[ScriptedServer]:
    """A server that answers as a test has written down."""
    scripted_server.reset()
    yield scripted_server
    scripted_server.reset()


@pytest.fixture(scope="session")
def clients_of_script(scripted_server: ScriptedServer) -> Iterator[Clients]:
    made = clients_of(scripted_server.address)
    yield made
    made.close()


@pytest.fixture
def scripted_clients(scripted: ScriptedServer, clients_of_script: Clients) -> Clients:
    """Clients of the scripted server."""
    assert not scripted.seen
    return clients_of_script


def clients_of(address: str) -> Clients:
    """Clients that know one address and nothing else of this machine's environment."""
    made = Clients(REGION)
    with pytest.MonkeyPatch.context() as environment:
        for name in [name for name in os.environ if name.startswith(("AWS_", "SPOTRUNNER_", "OTEL_"))]:
            environment.delenv(name)
        environment.setenv("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE")
        environment.setenv("AWS_SECRET_ACCESS_KEY", "example")
        environment.setenv("AWS_EC2_METADATA_DISABLED", "true")
        environment.setenv("AWS_CONFIG_FILE", os.devnull)
        environment.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
        environment.setenv("AWS_ENDPOINT_URL", address)
        made.make_all()
    return made


@pytest.fixture
def access(moto_address: str) -> AwsAccess:
    """How the door without an AWS SDK reaches moto."""
    return AwsAccess(REGION, Credentials("AKIAEXAMPLE", "example"), moto_address)


@pytest.fixture
def stack() -> str:
    """A name that no other test uses, because all share one moto."""
    return f"test-{uuid.uuid4().hex[:12]}"


@pytest.fixture
def closed_address() -> str:
    """Where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return f"http://127.0.0.1:{server.getsockname()[1]}"


@pytest.fixture(scope="session")
def app_key() -> rsa.RSAPrivateKey:
    """A GitHub App's key."""
    return rsa.generate_private_key(public_exponent=65_537, key_size=2_048)


@pytest.fixture
def app_secrets(app_key: rsa.RSAPrivateKey) -> FakeSecrets:
    """The stack's secret with the App's key."""
    pem = app_key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
    return FakeSecrets(app_key=pem.decode())


@pytest.fixture
def github_server(app_key: rsa.RSAPrivateKey) -> Iterator[GitHubServer]:
    """GitHub's side of the contract."""
    with GitHubServer(app_key.public_key(), APP.app_id) as server:
        yield server


@pytest.fixture
def installations(app_secrets: FakeSecrets, github_server: GitHubServer) -> Iterator[Installations]:
    """The App's voice on one server."""
    made = Installations((Server("", github_server.address, "webhook", (APP,)),), app_secrets)
    yield made
    made.close()


@pytest.fixture
def api(installations: Installations) -> GitHubApi:
    """The real adapter; the server it speaks to stands in each registration."""
    return GitHubApi(installations)
