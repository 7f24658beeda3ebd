"""Brings reports to the queue: from a thread of its own, over a folder on disk while the queue is down."""

from __future__ import annotations

import json
import queue
import random
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from runner_agent.aws import Signer
from runner_agent.contract import wire
from runner_agent.contract.reports import Report
from runner_agent.logs import Tell
from runner_agent.web import Unreachable, exchange

ATTEMPT_S = 5.0
FIRST_RETRY_S = 0.5
SLOWEST_RETRY_S = 15.0
_JITTER = random.Random()  # noqa: S311 - no secret; its own, as a thread of ours must not stir everybody's

Post = Callable[[str, float], None]
"""Put one message's text on the queue within a time; raises OSError when that did not work."""


def to_queue(signer: Signer, queue_url: str) -> Post:
    """Post by SQS's JSON protocol, signed with the machine's role."""

    def post(text: str, timeout: float) -> None:
        body = {"QueueUrl": queue_url, "MessageBody": text}
        if queue_url.endswith(".fifo"):
            report = json.loads(text)
            identity = f"{report['instance_id']}/{report['sequence']}"
            body |= {"MessageGroupId": report["instance_id"], "MessageDeduplicationId": identity}
        answer = exchange(signer.message(queue_url, json.dumps(body).encode()), timeout)
        if not answer.ok:
            raise Unreachable(f"reports queue: status {answer.status}")

    return post


class Courier:
    """Delivers reports in order, each at least once; a copy has the same identity and does no harm."""

    def __init__(self, post: Post, spool: Path, tell: Tell) -> None:
        self._post = post
        self._spool = spool
        self._tell = tell
        self._arriving: queue.SimpleQueue[tuple[str, str] | None] = queue.SimpleQueue()
        self._waiting: deque[tuple[str, str]] = deque()
        self._until: float | None = None
        self._thread = threading.Thread(target=self._work, name="courier", daemon=True)
        self._thread.start()

    def send(self, report: Report) -> None:
        """Hand over one report; never waits."""
        self._arriving.put((f"{report.sequence:06d}-{report.kind}.json", wire.dumps(report)))

    def flush(self, seconds: float) -> bool:
        """Deliver what is left within a time; whether all of it is out."""
        self._until = time.monotonic() + seconds
        self._arriving.put(None)
        self._thread.join(seconds)
        return not self._thread.is_alive() and not self._waiting

    def _work(self) -> None:
        self._waiting.extend((path.name, path.read_text("utf-8")) for path in sorted(self._spool.glob("*.json")))
        failures = 0
        while self._until is None or (self._waiting and time.monotonic() < self._until) or not self._arriving.empty():
            self._take(failures)
            failures = 0 if self._deliver() else failures + 1

    def _take(self, failures: int) -> None:
        """Wait for a report; while some are undelivered, no longer than until the next attempt."""
        try:
            item = self._arriving.get(timeout=self._pause(failures) if self._waiting else None)
            while item is not None:
                self._waiting.append(item)
                item = self._arriving.get_nowait()
        except queue.Empty:
            return

    def _deliver(self) -> bool:
        while self._waiting:
            name, text = self._waiting[0]
            try:
                self._post(text, ATTEMPT_S if self._until is None else max(0.1, self._until - time.monotonic()))
            except Exception as broken:  # noqa: BLE001 - a thread that dies would take every later report with it
                self._tell("report_delayed", report=name, error=broken)
                self._keep()
                return False
            self._waiting.popleft()
            with suppress(OSError):
                (self._spool / name).unlink()
        return True

    def _keep(self) -> None:
        """Write down what is undelivered, for whoever looks at this machine's disk."""
        try:
            self._spool.mkdir(mode=0o700, parents=True, exist_ok=True)
            for name, text in self._waiting:
                fresh = self._spool / f"{name}.new"
                fresh.write_text(text, "utf-8")
                fresh.replace(self._spool / name)
        except OSError as broken:
            self._tell("report_not_spooled", error=broken)

    def _pause(self, failures: int) -> float:
        # Full jitter, so that a fleet does not knock in step on a queue that comes back.
        pause = _JITTER.uniform(0.05, min(SLOWEST_RETRY_S, FIRST_RETRY_S * 2 ** min(failures, 8)))
        return pause if self._until is None else max(0.0, min(pause, FIRST_RETRY_S, self._until - time.monotonic()))
