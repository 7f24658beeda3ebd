"""A collector for OTLP over HTTP in JSON: each request becomes one line of a file."""

from __future__ import annotations

import gzip
import json
import threading
import zlib
from pathlib import Path

from controller.local.aws.web import Reply, Request, typed


class Collector:
    """Answers `POST /v1/traces`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()

    def answer(self, request: Request) -> Reply:
        """Keep one export."""
        if (request.method, request.path) != ("POST", "/v1/traces"):
            return typed(404, "{}", "application/json")
        try:
            packed = request.headers.get("content-encoding") == "gzip"
            line = json.dumps(json.loads(gzip.decompress(request.body) if packed else request.body))
        except (ValueError, OSError, EOFError, zlib.error):
            return typed(400, '{"code":3,"message":"not JSON"}', "application/json")
        with self._lock, self._path.open("a", encoding="utf-8") as file:
            file.write(line + "\n")
        return typed(200, "{}", "application/json")
