"""What the listener prints, diagnoses and counts, in the words of the real one."""

from __future__ import annotations

import os
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path

PRINT_LOG = "ACTIONS_RUNNER_PRINT_LOG_TO_STDOUT"
PERFLOG = "RUNNER_PERFLOG"


class Terminal:
    """Standard output, with diagnostic lines among it when they are asked for."""

    def __init__(self) -> None:
        self._print_log = os.environ.get(PRINT_LOG, "").lower() in ("1", "true")
        self._perf = os.environ.get(PERFLOG, "")
        self._lock = threading.Lock()

    def line(self, text: str = "") -> None:
        """One line for people; the diagnostics repeat it."""
        self.trace("Terminal", f"WRITE LINE: {text}")
        self._write(text)

    def error(self, text: str) -> None:
        """One line for people about an error."""
        self.trace("Terminal", f"WRITE ERROR: {text}", level="ERR ")
        with self._lock:
            sys.stderr.write(f"{text}\n")
            sys.stderr.flush()

    def timed(self, text: str) -> None:
        """A line that begins with the time."""
        self.line(f"{stamp()}: {text}")

    def trace(self, source: str, text: str, *, level: str = "INFO", process: str = "RUNNER") -> None:
        """Diagnostics; each line of a record has the prefix, which keeps job-made text apart."""
        if self._print_log:
            for part in text.splitlines() or [""]:
                self._write(f"[{process} {stamp()} {level} {source}] {part}")

    def count(self, counter: str, *, process: str = "Runner") -> None:
        """A performance counter: a name and the moment."""
        if self._perf:
            folder = Path(self._perf)
            folder.mkdir(parents=True, exist_ok=True)
            moment = datetime.now(UTC).isoformat().replace("+00:00", "0Z")
            with (folder / f"{process}.perf").open("a", encoding="utf-8") as file:
                file.write(f"{counter}:{moment}\n")

    def _write(self, text: str) -> None:
        with self._lock:
            sys.stdout.write(f"{text}\n")
            sys.stdout.flush()


def stamp() -> str:
    """The time as the listener prints it."""
    return datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%SZ")
