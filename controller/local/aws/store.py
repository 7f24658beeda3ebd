"""moto, in this process, as the store behind every service that the local cloud does not play itself."""

from __future__ import annotations

import io
import logging
import sys
import threading
from collections import defaultdict
from typing import Any
from urllib.parse import unquote_to_bytes

from werkzeug.test import run_wsgi_app

from controller.local.aws import items
from controller.local.aws.calls import Call
from controller.local.aws.capacity_units import Meter
from controller.local.aws.principals import ACCOUNT
from controller.local.aws.web import Reply, Request

_one_at_a_time = threading.Lock()


class Store:
    """moto keeps its records for the whole process, so only one store can be open in it."""

    def __init__(self) -> None:
        if not _one_at_a_time.acquire(blocking=False):
            raise RuntimeError("another local cloud is open in this process")
        try:
            # Imported here because it takes a second that no other user of this package should pay.
            from moto.moto_server.werkzeug_app import (  # noqa: PLC0415
                DomainDispatcherApplication,
                create_backend_app,
            )

            logging.getLogger("werkzeug").setLevel(logging.ERROR)
            self._app = DomainDispatcherApplication(create_backend_app)
            # moto reads, then writes, without a lock of its own: a conditional write is atomic only in here.
            self._locks: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)
            self._reset()
        except BaseException:
            _one_at_a_time.release()
            raise
        self._closed = False
        self.meter = Meter()

    def answer(self, call: Call) -> Reply:
        """Let moto answer."""
        with self._locks[call.service]:
            if call.service == "dynamodb":
                return items.answer(call, self._slow, self.meter)
            return self._slow(call)

    def close(self) -> None:
        """Forget everything; a second close does nothing."""
        if not self._closed:
            self._closed = True
            self._reset()
            _one_at_a_time.release()

    @staticmethod
    def _reset() -> None:
        """Forget this account; what others in this process keep in moto is theirs."""
        from moto.core.base_backend import BackendDict  # noqa: PLC0415 - as above

        everything: list[Any] = BackendDict._instances  # type: ignore[misc]  # noqa: SLF001 - it has no other list
        for service in list(everything):
            if ACCOUNT in service.keys():  # noqa: SIM118 - moto's own `in` would create the account
                service[ACCOUNT].reset()
                del service[ACCOUNT]

    def _slow(self, call: Call) -> Reply:
        environ = _environ(call.request)
        body, status, headers = run_wsgi_app(self._app.get_application(environ), environ, buffered=True)
        return Reply(int(status.partition(" ")[0]), b"".join(body), tuple(headers))


def _environ(request: Request) -> dict[str, Any]:
    host = request.headers.get("host", "127.0.0.1")
    environ = {
        "REQUEST_METHOD": request.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(request.path).decode("latin-1"),
        "QUERY_STRING": request.query,
        "RAW_URI": request.target,
        "REQUEST_URI": request.target,
        "SERVER_NAME": host.partition(":")[0],
        "SERVER_PORT": host.partition(":")[2] or "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(request.body),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    for name, value in request.headers.items():
        key = name.upper().replace("-", "_")
        environ[key if key in {"CONTENT_TYPE", "CONTENT_LENGTH"} else f"HTTP_{key}"] = value
    # A chunked body was put together before it came here.
    environ.pop("HTTP_TRANSFER_ENCODING", None)
    environ["HTTP_X_MOTO_ACCOUNT_ID"] = ACCOUNT
    environ["CONTENT_LENGTH"] = str(len(request.body))
    return environ
