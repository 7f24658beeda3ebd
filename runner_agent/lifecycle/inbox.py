"""Everything that happens to the machine arrives here, in order, for the one thread that decides."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from typing import TypeVar

from runner_agent.cloud import Notice
from runner_agent.contract.record import Record
from runner_agent.listener.lines import Said
from runner_agent.vitals import Vitals

T = TypeVar("T")

LONGEST_WAIT_S = 5.0
"""Between two signs of life to the watchdog."""


class Rebalanced(Record):
    """The cloud recommends to leave this machine."""


class Exited(Record):
    """The listener's process has ended."""

    code: int


class Closed(Record):
    """The listener's pipe has been read to its end."""

    dropped_bytes: int


class Broken(Record):
    """One of the agent's own threads has failed."""

    error: Exception


class Measured(Record):
    """One look at the machine's vitals."""

    vitals: Vitals


Happening = Said | Notice | Measured | Rebalanced | Exited | Closed | Broken


class TakenAway(Exception):
    """The machine is going to be taken away before a runner was started."""

    def __init__(self, notice: Notice) -> None:
        super().__init__(f"{notice.action} announced")
        self.notice = notice


class Inbox:
    """A queue that any thread and any signal handler may put into."""

    def __init__(self, alive: Callable[[], None]) -> None:
        self._queue: queue.SimpleQueue[Happening] = queue.SimpleQueue()
        self._alive = alive
        self.notice: Notice | None = None
        self.rebalanced = False

    def put(self, happening: Happening) -> None:
        """Add something that happened; of the machine's end the earliest counts."""
        if isinstance(happening, Notice):
            if self.notice is None or happening.at < self.notice.at:
                self.notice = happening
        elif isinstance(happening, Rebalanced):
            self.rebalanced = True
        self._queue.put(happening)

    def get(self, seconds: float) -> Happening | None:
        """The next happening, or None when none came in time."""
        self._alive()
        try:
            happening = self._queue.get(timeout=max(0.0, min(seconds, LONGEST_WAIT_S)))
        except queue.Empty:
            return None
        if isinstance(happening, Broken):
            raise happening.error
        return happening

    def clear(self) -> None:
        """Forget what nobody has asked for; the announced end of the machine stays known."""
        while not self._queue.empty():
            self.get(0.0)

    def thread(self, target: Callable[[], None], name: str) -> threading.Thread:
        """Start a thread whose failure is the deciding thread's failure, too."""

        def work() -> None:
            try:
                target()
            except Exception as error:  # noqa: BLE001 - raised again where it ends the life in good order
                self.put(Broken(error))

        thread = threading.Thread(target=work, name=name, daemon=True)
        thread.start()
        return thread

    def during(self, work: Callable[[], T], most_s: float, meanwhile: Callable[[], object] = lambda: None) -> T:
        """Do what waits for somebody else, alive all the while, though only for so long; `meanwhile` is done beside."""
        done: list[T] = []
        failed: list[BaseException] = []

        def attempt() -> None:
            try:
                done.append(work())
            except BaseException as error:  # noqa: BLE001 - raised again in the thread that waits for it
                failed.append(error)

        thread = threading.Thread(target=attempt, name="waiting", daemon=True)
        thread.start()
        meanwhile()
        until = time.monotonic() + most_s
        while thread.is_alive() and time.monotonic() < until:
            self._alive()
            thread.join(LONGEST_WAIT_S)
        # Whatever lasts longer is stuck: from here on the watchdog may strike.
        thread.join()
        if failed:
            raise failed[0]
        return done[0]

    def check(self) -> None:
        """While no runner is started: raise `TakenAway` once the machine's end is announced."""
        self._alive()
        if self.notice:
            raise TakenAway(self.notice)

    def pause(self, seconds: float) -> None:
        """Wait while no runner is started; raises `TakenAway`."""
        until = time.monotonic() + seconds
        self.check()
        while (left := until - time.monotonic()) > 0:
            self.get(left)
            self.check()
