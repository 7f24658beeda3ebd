"""What Lambda runs around a handler: fetch an event, call, post the answer, over Lambda's Runtime API.

    python -I runtime.py

Reads the variables that Lambda sets. Runs without the package, so that a function sees nothing of the
local cloud; only its own folder, LAMBDA_TASK_ROOT, is added to the path.
"""

from __future__ import annotations

import contextlib
import fcntl
import http.client
import importlib
import json
import os
import sys
import time
import traceback
from collections.abc import Callable
from typing import Any

_API = "/2018-06-01/runtime"


class Context:
    """What a handler may ask about its invocation."""

    def __init__(self, headers: http.client.HTTPMessage) -> None:
        self.aws_request_id = headers["Lambda-Runtime-Aws-Request-Id"]
        self.invoked_function_arn = headers["Lambda-Runtime-Invoked-Function-Arn"]
        self.function_name = os.environ["AWS_LAMBDA_FUNCTION_NAME"]
        self.function_version = os.environ["AWS_LAMBDA_FUNCTION_VERSION"]
        self.memory_limit_in_mb = os.environ["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"]
        self.log_group_name = os.environ["AWS_LAMBDA_LOG_GROUP_NAME"]
        self.log_stream_name = os.environ["AWS_LAMBDA_LOG_STREAM_NAME"]
        self._deadline_ms = int(headers["Lambda-Runtime-Deadline-Ms"])

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until the invocation is cut off."""
        return max(0, self._deadline_ms - int(time.time() * 1000))


def main() -> None:
    """Serve invocations until the cloud goes away."""
    _end_with_the_cloud()
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]  # a log nobody replaced
    sys.path.insert(0, os.environ["LAMBDA_TASK_ROOT"])
    api = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
    try:
        handler = _handler(os.environ["_HANDLER"])
    except BaseException as failed:
        _post(api, "/init/error", _told(failed))
        raise SystemExit(1) from failed
    while True:
        _serve_one(api, handler)


def _serve_one(api: http.client.HTTPConnection, handler: Callable[[Any, Context], Any]) -> None:
    api.request("GET", f"{_API}/invocation/next")
    response = api.getresponse()
    event, context = json.loads(response.read()), Context(response.headers)
    try:
        answer = json.dumps(handler(event, context)).encode()
    except Exception as failed:  # noqa: BLE001 - a function's error is an answer too
        traceback.print_exc()
        _post(api, f"/invocation/{context.aws_request_id}/error", _told(failed))
    else:
        _post(api, f"/invocation/{context.aws_request_id}/response", answer)


def _handler(name: str) -> Callable[[Any, Context], Any]:
    module, _, function = name.rpartition(".")
    found: Callable[[Any, Context], Any] = getattr(importlib.import_module(module), function)
    return found


def _post(api: http.client.HTTPConnection, path: str, body: bytes) -> None:
    api.request("POST", _API + path, body, {"Content-Type": "application/json"})
    api.getresponse().read()


def _told(failed: BaseException) -> bytes:
    stack = traceback.format_list(traceback.extract_tb(failed.__traceback__))
    told = {"errorMessage": str(failed), "errorType": type(failed).__name__, "stackTrace": stack}
    return json.dumps(told).encode()


def _end_with_the_cloud() -> None:
    """Be killed by SIGIO, even in the middle of a loop, when the other end of standard input is gone."""
    with contextlib.suppress(OSError):  # where pipes cannot do this, the next call to the API fails
        fcntl.fcntl(0, fcntl.F_SETOWN, os.getpid())
        fcntl.fcntl(0, fcntl.F_SETFL, fcntl.fcntl(0, fcntl.F_GETFL) | os.O_ASYNC)


if __name__ == "__main__":
    main()
