"""The machine's own journal: what the agent logged, kept on this disk in bounded space for `explain`.

`<home>/journal.jsonl`, before it `<home>/journal.1.jsonl`: one JSON object a line, oldest first, with `at`
(seconds since the epoch), `event`, and the event's own facts - the very lines of the log, secrets already taken out.
Worth looking for: `life` (version; one for each start), `state` (state), `metadata_not_ready`, `claim_answered`
(status, reason), `claim_refused`, `listener` (said, detail), `interruption` (action), `strained` (what), `runner_ended`
(result, next, reason, exit_code, strays), `post_mortem` (peaks, lines), `report_delayed`, `agent_crash` (error, trace),
`power_off` (command, code), `power_off_failed`. Readers ignore what they do not know.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

NAME = "journal.jsonl"
FORMER = "journal.1.jsonl"
MOST_BYTES = 512 * 1024
"""Of each of the two files."""


class Journal:
    """Appends lines; a journal that cannot be written is no reason to stop."""

    def __init__(self, home: Path, most_bytes: int = MOST_BYTES) -> None:
        self._home = home
        self._most = most_bytes

    def __call__(self, line: str) -> None:
        """Keep one line."""
        try:
            self._append(line.encode("utf-8", "replace") + b"\n")
        except OSError:
            return

    def _append(self, line: bytes) -> None:
        path = self._home / NAME
        # Opened for each line: it outlives a crash, and a link or a pipe that a job put there is of no use.
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
        descriptor = os.open(path, flags, 0o600)
        try:
            os.write(descriptor, line)
            full = os.fstat(descriptor).st_size > self._most
        finally:
            os.close(descriptor)
        if full:
            path.replace(self._home / FORMER)


def read(home: Path) -> Iterator[dict[str, object]]:
    """Every line there is, oldest first; what cannot be read is left out."""
    for name in (FORMER, NAME):
        try:
            text = (home / name).read_text("utf-8", "replace")
        except OSError:
            continue
        for line in text.splitlines():
            try:
                found = json.loads(line)
            except ValueError:
                continue
            if isinstance(found, dict):
                yield found
