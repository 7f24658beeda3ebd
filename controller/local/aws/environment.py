"""One execution environment of a function: a process of its own, and the Runtime API that feeds it."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from controller.local.aws.web import Reply, Request, Server, typed

_RUNTIME = Path(__file__).with_name("runtime.py")
_API = "/2018-06-01/runtime"
_INIT_S = 10.0
_LOOK_S = 0.1
"""How often a caller looks whether the process it waits for is still there."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of an invocation; an empty `error` means that the function answered."""

    payload: bytes = field(default=b"null", repr=False)
    error: str = ""


@dataclass(frozen=True, slots=True)
class Deployed:
    """A function as it is deployed."""

    name: str
    arn: str
    timeout_s: float
    environment: Mapping[str, str] = field(repr=False)
    log: Path


@dataclass(slots=True)
class _Work:
    id: str
    event: bytes
    deadline: float


class Environment:
    """Handles one invocation at a time; once broken it is of no use any more."""

    def __init__(self, function: Deployed) -> None:
        self._function = function
        self._changed = threading.Condition()
        self._ready = False
        self._work: _Work | None = None
        self._current = ""
        self._outcome: Outcome | None = None
        # Before the process is there: its first question may come before this ends.
        self.broken = False
        self._server = Server(self._answer, f"runtime-{function.name}")
        self._server.start()
        with function.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-I", str(_RUNTIME)],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                env={**function.environment, "AWS_LAMBDA_RUNTIME_API": self._server.address},
                start_new_session=True,
            )

    def invoke(self, event: bytes) -> Outcome:
        """Call the handler once; an environment whose process ended or ran out of time is closed."""
        with self._changed:
            # A start that takes longer than Lambda's ten seconds is begun again, in the time of the first call.
            if self._wait(lambda: self._ready, _INIT_S + self._function.timeout_s):
                outcome = self._hand_over(event)
            else:
                outcome = self._outcome or self._fault("Runtime.InitError", "did not start")
                self.broken = True
        if self.broken:
            self.close()
        return outcome

    def kill(self) -> None:
        """End the process; whoever waits for its answer hears of it."""
        if self._process.poll() is None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)

    def close(self) -> None:
        """End the process and its port; a second close does nothing."""
        # Killed before anybody is woken: the process must not see its API go and complain in the function's log.
        self.broken = True
        self.kill()
        self._process.wait()
        with self._changed:
            self._changed.notify_all()
        if self._process.stdin:
            self._process.stdin.close()
        self._server.stop()

    def _hand_over(self, event: bytes) -> Outcome:
        timeout = self._function.timeout_s
        self._forget()
        self._current = str(uuid.uuid4())
        self._work = _Work(self._current, event, time.time() + timeout)
        self._changed.notify_all()
        if self._wait(lambda: self._outcome is not None, timeout) and self._outcome is not None:
            return self._outcome
        running = self._process.poll() is None
        outcome = (
            self._fault("Sandbox.Timedout", f"Task timed out after {timeout:.2f} seconds")
            if running
            else self._fault("Runtime.ExitError", f"Runtime exited with {self._process.returncode}")
        )
        self.broken = True
        return outcome

    def _forget(self) -> None:
        self._outcome = None

    def _wait(self, what: Callable[[], bool], seconds: float) -> bool:
        """Wait for something to become true, for as long as the process lives."""
        deadline = time.monotonic() + seconds
        while not what():
            left = deadline - time.monotonic()
            if left <= 0 or self.broken or self._process.poll() is not None:
                return what()
            self._changed.wait(min(left, _LOOK_S))
        return True

    def _fault(self, kind: str, message: str) -> Outcome:
        if self.broken:
            return Outcome(b'{"errorType":"Sandbox.Closed"}', "Sandbox.Closed")
        with self._function.log.open("a") as log:
            log.write(f"{self._current or '-'} {kind}: {message}\n")
        told = json.dumps({"errorType": kind, "errorMessage": message})
        return Outcome(told.encode(), kind)

    def _answer(self, request: Request) -> Reply:
        path = request.path.removeprefix(_API)
        if path == "/invocation/next":
            return self._next()
        if path == "/init/error":
            self._done(Outcome(request.body, "Runtime.InitError"))
        elif path == f"/invocation/{self._current}/response":
            self._done(Outcome(request.body))
        elif path == f"/invocation/{self._current}/error":
            self._done(Outcome(request.body, "Unhandled"))
        else:
            return typed(404, '{"errorType":"InvalidRequestID"}', "application/json")
        return typed(202, '{"status":"OK"}', "application/json")

    def _next(self) -> Reply:
        with self._changed:
            self._ready = True
            self._changed.notify_all()
            while self._work is None and not self.broken:
                self._changed.wait()
            work, self._work = self._work, None
        if work is None:
            return typed(410, "", "text/plain")
        return Reply(
            200,
            work.event,
            (
                ("Content-Type", "application/json"),
                ("Lambda-Runtime-Aws-Request-Id", work.id),
                ("Lambda-Runtime-Deadline-Ms", str(int(work.deadline * 1000))),
                ("Lambda-Runtime-Invoked-Function-Arn", self._function.arn),
            ),
        )

    def _done(self, outcome: Outcome) -> None:
        with self._changed:
            self._outcome = outcome
            self._changed.notify_all()
