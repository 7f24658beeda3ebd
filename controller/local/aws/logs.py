"""CloudWatch Logs: moto holds the log, and each stream of the machines' is a file that can be read as it grows."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from controller.local.aws.calls import Call
from controller.local.aws.gate import Service
from controller.local.aws.web import Reply

_OK = 200


@dataclass(frozen=True, slots=True)
class Logs:
    """Writes down what the store has taken."""

    group: str
    """The group whose streams become files."""
    folder: Path
    store: Service
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def answer(self, call: Call) -> Reply:
        """Answer one call."""
        reply = self.store(call)
        if reply.status == _OK and call.action == "PutLogEvents" and call.fields.get("logGroupName") == self.group:
            self._write(str(call.fields["logStreamName"]), call.fields["logEvents"])
        return reply

    def file(self, stream: str) -> Path:
        """Where a stream can be read."""
        # A stream's name may hold slashes and dots; a machine's own is its id.
        return self.folder / f"{PurePosixPath(stream).name}.log"

    def _write(self, stream: str, events: object) -> None:
        lines = [str(event["message"]) for event in events] if isinstance(events, list) else []
        with self._lock:
            self.folder.mkdir(parents=True, exist_ok=True)
            with self.file(stream).open("a", encoding="utf-8") as file:
                file.writelines(f"{line}\n" for line in lines)
