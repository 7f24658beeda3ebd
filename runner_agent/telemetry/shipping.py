"""Ships log lines: batched by size and age, in bounded memory, with what did not fit counted instead of kept."""

from __future__ import annotations

import random
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence

from runner_agent.logs import Redactor, Tell

BATCH_BYTES = 512 * 1024
BATCH_LINES = 5_000
AGE_S = 5.0
WAITING_BYTES = 4 * 1024 * 1024
LIFE_BYTES = 64 * 1024 * 1024
"""What one machine ships at most: a job that floods its log must not fill somebody's bill."""
LONGEST_LINE = 8 * 1024
RETRY_S = (0.5, 15.0)
ATTEMPT_S = 5.0

_JITTER = random.Random()  # noqa: S311 - no secret; its own, as a thread of ours must not stir everybody's

Line = tuple[float, str]
"""When, in seconds since the epoch, and what."""
Send = Callable[[Sequence[Line], float], None]
"""Take a batch within a time; raises OSError when that did not work."""


class Shipper:
    """Takes lines from any thread without ever waiting for the network; sends them from a thread of its own."""

    def __init__(self, send: Send, redactor: Redactor, tell: Tell) -> None:
        self._send = send
        self._redactor = redactor
        self._tell = tell
        self._lines: deque[Line] = deque()
        self._bytes = 0
        self._left = LIFE_BYTES
        self._lock = threading.Lock()
        self._full = threading.Event()
        self._until: float | None = None
        self._failed = 0
        self.dropped = 0
        self._thread = threading.Thread(target=self._work, name="log-shipping", daemon=True)
        self._thread.start()

    def put(self, line: str) -> None:
        """Take one line, or count it as dropped."""
        self.put_all([line])

    def put_all(self, lines: Sequence[str]) -> None:
        """Take lines that came together, and count those that have no room as dropped."""
        with self._lock:
            now = time.time()
            for line in lines:
                kept = line[:LONGEST_LINE]
                size = len(kept)
                if self._bytes + size > WAITING_BYTES or size > self._left:
                    self.dropped += 1
                    continue
                self._left -= size
                self._bytes += size
                self._lines.append((now, kept))
        if self._bytes >= BATCH_BYTES:
            self._full.set()

    def flush(self, seconds: float) -> bool:
        """Send what is left within a time; whether all of it is out."""
        if self.dropped:
            self._lines.append((time.time(), f'{{"event":"log_lines_dropped","lines":{self.dropped}}}'))
        self._until = time.monotonic() + seconds
        self._full.set()
        self._thread.join(seconds)
        return not self._thread.is_alive() and not self._lines

    def _work(self) -> None:
        while True:
            self._full.wait(AGE_S if self._until is None else 0.0)
            self._full.clear()
            while self._lines and self._delivered():
                pass
            until = self._until
            if until is None:
                self._full.wait(self._pause())
            elif not self._lines or time.monotonic() >= until:
                return
            else:
                time.sleep(min(0.2, max(0.0, until - time.monotonic())))

    def _delivered(self) -> bool:
        batch = self._batch()
        clean = [(at, self._redactor.text(line)) for at, line in batch]
        try:
            self._send(clean, ATTEMPT_S if self._until is None else max(0.1, self._until - time.monotonic()))
        except Exception as broken:  # noqa: BLE001 - a thread that dies would take the rest of the log with it
            self._failed += 1
            if self._failed == 1:
                self._tell("log_delayed", error=broken)
            return False
        self._failed = 0
        with self._lock:
            for _, line in batch:
                self._lines.popleft()
                self._bytes -= len(line)
        return True

    def _batch(self) -> list[Line]:
        batch: list[Line] = []
        size = 0
        # Only this thread takes lines away; others append, so the front stays as it is.
        for place in range(min(len(self._lines), BATCH_LINES)):
            line = self._lines[place]
            size += len(line[1])
            if batch and size > BATCH_BYTES:
                break
            batch.append(line)
        return batch

    def _pause(self) -> float:
        """After a failure: full jitter, so that a fleet does not knock in step."""
        least, most = RETRY_S
        return _JITTER.uniform(0.0, min(most, least * 2 ** min(self._failed, 8))) if self._failed else 0.0
