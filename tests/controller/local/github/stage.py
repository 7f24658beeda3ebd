"""Callers of a local GitHub: the App, a runner, a receiver of webhooks; each as plain as the tests need it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import jwt
import psutil
import requests

from controller.local.github.exchange import Patience
from controller.local.github.server import GitHub
from controller.local.github.stand_in.jit import load, unpack
from controller.local.github.stand_in.service import Service
from runner_agent import unpack as archives
from tests.controller.local.github.contract import check_call

GENEROUS_S = 60.0
QUICK = Patience(long_poll_s=0.3)


class Clock:
    """A time that moves when it is told to."""

    def __init__(self) -> None:
        self.now = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def forward(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@dataclass
class Answer:
    """What a call came to."""

    status: int
    body: Any
    headers: requests.structures.CaseInsensitiveDict[str]


class App:
    """The App and its installation; every call is checked against GitHub's description."""

    def __init__(self, github: GitHub) -> None:
        self._github = github
        self.token = ""

    def jwt(self, **claims: object) -> str:
        return self.jwt_of(self._github.app_id, self._github.private_key_pem, **claims)

    def jwt_of(self, app_id: int, key: str, **claims: object) -> str:
        """That of another App."""
        now = int(time.time())
        defaults = {"iss": str(app_id), "iat": now - 30, "exp": now + 540}
        return jwt.encode({**defaults, **claims}, key, "RS256")

    def sign_in(self) -> None:
        path = f"/app/installations/{self._github.installation_id}/access_tokens"
        self.token = self.call("POST", path, token=self.jwt()).body["token"]

    def call(self, method: str, path: str, body: Any = None, *, token: str | None = None, **query: str) -> Answer:  # noqa: ANN401 - JSON
        if token is None and not self.token:
            self.sign_in()
        authorization = {"Authorization": f"Bearer {self.token if token is None else token}"}
        answer = requests.request(
            method, self._github.base_url + path, params=query, json=body, headers=authorization, timeout=GENEROUS_S
        )
        document = answer.json() if answer.content else None
        check_call(method, path, query, body, answer.status_code, document)
        return Answer(answer.status_code, document, answer.headers)

    def register(self, name: str, *labels: str, scope: str = "/repos/acme/shop") -> str:
        body = {"name": name, "runner_group_id": 1, "labels": list(labels)}
        answer = self.call("POST", f"{scope}/actions/runners/generate-jitconfig", body)
        assert answer.status == 201, answer.body
        return str(answer.body["encoded_jit_config"])


class Runner:
    """A runner that speaks the protocol and runs nothing."""

    def __init__(self, encoded: str, root: Path) -> None:
        root.mkdir(parents=True, exist_ok=True)
        unpack(encoded, root)
        self.service = Service(load(root))
        self.job: dict[str, Any] = {}
        self._url = ""

    def connect(self) -> None:
        self.service.sign_in()
        self.service.open_session("test")

    def take(self) -> dict[str, Any]:
        """Poll until a job is offered, and acquire it."""
        return self.acquire(self.offered())

    def offered(self) -> dict[str, Any]:
        deadline = time.monotonic() + GENEROUS_S
        while time.monotonic() < deadline:
            message = self.service.message("Online")
            if message:
                return json.loads(str(message["body"]))  # type: ignore[no-any-return]
        raise AssertionError("no job was offered")

    def acquire(self, offer: dict[str, Any]) -> dict[str, Any]:
        self._url = offer["run_service_url"]
        self.job = self.service.run_service(self._url, "acquirejob", {"jobMessageId": offer["runner_request_id"]})
        return self.job

    def renew(self) -> dict[str, Any]:
        return self.service.run_service(self._url, "renewjob", self._identity())

    def say_ended(self, rest: Callable[[float], None]) -> None:
        """As `complete`, as often as it takes."""
        self.service.complete(self._url, {**self._identity(), "conclusion": "Succeeded"}, rest)

    def complete(self, conclusion: str = "Succeeded", **outputs: str) -> None:
        named = {name: {"value": text} for name, text in outputs.items()}
        body = {**self._identity(), "conclusion": conclusion, "outputs": named, "stepResults": [], "annotations": []}
        self.service.run_service(self._url, "completejob", body)

    def _identity(self) -> dict[str, object]:
        return {"planId": self.job["plan"]["planId"], "jobId": self.job["jobId"]}


class Machine:
    """The stand-in listener as a process of its own, in a folder of its own."""

    HOSTED: ClassVar = {
        "ACTIONS_RUNNER_RETURN_JOB_RESULT_FOR_HOSTED": "1",
        "ACTIONS_RUNNER_RETURN_VERSION_DEPRECATED_EXIT_CODE": "1",
        "ACTIONS_RUNNER_PRINT_LOG_TO_STDOUT": "1",
    }

    def __init__(self, github: GitHub, root: Path) -> None:
        self.root = root
        archive = root.with_suffix(".tar.gz")
        archive.write_bytes(github.releases[0].archive)
        archives.unpack(archive, root)
        self._process: subprocess.Popen[str] | None = None
        self._output = root / "output.txt"

    def start(self, encoded: str, environment: dict[str, str] | None = None) -> Machine:
        given = Machine.HOSTED if environment is None else environment
        with self._output.open("w") as output:
            self._process = subprocess.Popen(
                [str(self.root / "bin" / "Runner.Listener"), "run"],
                env={"PATH": os.environ["PATH"], "ACTIONS_RUNNER_INPUT_JITCONFIG": encoded, **given},
                cwd=self.root,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                text=True,
            )
        return self

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def output(self) -> str:
        return self._output.read_text("utf-8")

    def prints(self, text: str) -> None:
        until(lambda: text in self.output)

    def signal(self, number: signal.Signals) -> None:
        os.kill(self.pid, number)

    def ends(self) -> int:
        assert self._process is not None
        return self._process.wait(GENEROUS_S)

    def destroy(self) -> None:
        if self._process is not None and self._process.poll() is None:
            for child in psutil.Process(self.pid).children(recursive=True):
                child.kill()
            self._process.kill()
            self._process.wait(GENEROUS_S)


@dataclass
class Received:
    """One webhook as it arrived."""

    headers: dict[str, str]
    body: bytes
    payload: dict[str, Any] = field(default_factory=dict)


class Receiver:
    """A place that webhooks are sent to."""

    def __init__(self) -> None:
        self.received: list[Received] = []
        self.status = 202
        self._lock = threading.Condition()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.take(Received({name.lower(): text for name, text in self.headers.items()}, body))
                self.send_response(receiver.status)
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 http.server's name
                """Be quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/webhook"

    def take(self, received: Received) -> None:
        received.payload = json.loads(received.body)
        with self._lock:
            self.received.append(received)
            self._lock.notify_all()

    def wait_for(self, count: int) -> list[Received]:
        with self._lock:
            assert self._lock.wait_for(lambda: len(self.received) >= count, GENEROUS_S), self.received
            return list(self.received)

    @contextmanager
    def running(self) -> Iterator[Receiver]:
        self._thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            self._server.server_close()
            self._thread.join()


def lives(pid: int) -> bool:
    """Whether a process still runs; an orphan that has ended may lie as a zombie until the first process looks."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def until(condition: Callable[[], bool]) -> None:
    """Wait for something that another process or thread does."""
    deadline = time.monotonic() + GENEROUS_S
    while not condition():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.01)


def workflow(folder: Path, text: str, name: str = "test.yml") -> Path:
    """A workflow file with one `on: push` more than the text says."""
    path = folder / name
    path.write_text("on: push\n" + text, "utf-8")
    return path
