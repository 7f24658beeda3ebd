"""Deeds that stand still at any outside call while others go on, the same way for the same seed.

Each deed runs in a thread of its own, and only one thread runs at a time: the token goes to a deed,
and comes back when the deed pauses or ends.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from tests.reliability.calls import PowerCut
from tests.reliability.timeline import Deed, Timeline


class Strands:
    """Does deeds for a timeline; `pause_s` says how long a deed stands still at a call, 0 for not at all."""

    def __init__(self, timeline: Timeline, pause_s: Callable[[], float]) -> None:
        self._timeline, self._pause_s = timeline, pause_s
        self._back = threading.Semaphore(0)
        self._idle: list[_Worker] = []
        self._here = threading.local()
        self._paused: set[_Worker] = set()
        self._error: BaseException | None = None
        self._closed = False
        self._resumed: list[_Worker] = []
        """Who gets the token next; one at most."""
        timeline.perform = self.perform

    def perform(self, deed: Deed) -> None:
        """Start the deed; returns when it has ended or stands still."""
        worker = self._idle.pop() if self._idle else _Worker(self._work)
        worker.deed = deed
        self._hand_to(worker)

    def pause(self) -> None:
        """Called by a deed: stand still for a while, and let others go on."""
        seconds = self._pause_s()
        worker: _Worker | None = getattr(self._here, "worker", None)
        if not seconds or worker is None:
            return
        self._paused.add(worker)
        self._timeline.after(seconds, lambda: self._go_on(worker))
        self._back.release()
        worker.go.acquire()
        if self._closed:
            raise PowerCut("the day is over")

    def close(self) -> None:
        """End every thread."""
        self._closed = True
        for worker in [*self._paused, *self._idle]:
            worker.deed = None
            worker.go.release()
            worker.thread.join()

    def _go_on(self, worker: _Worker) -> None:
        # This runs in a worker of its own, which must end before the other gets the token.
        self._paused.discard(worker)
        self._resumed.append(worker)

    def _hand_to(self, worker: _Worker) -> None:
        worker.go.release()
        self._back.acquire()
        if self._error is not None:
            raise self._error
        if self._resumed:
            self._hand_to(self._resumed.pop())

    def _work(self, worker: _Worker) -> None:
        self._here.worker = worker
        while True:
            worker.go.acquire()
            if worker.deed is None:
                return
            try:
                worker.deed()
            except PowerCut:
                if self._closed:
                    return
                raise
            except BaseException as error:  # noqa: BLE001 - handed to whoever waits
                self._error = error
            self._idle.append(worker)
            self._back.release()


class _Worker:
    def __init__(self, work: Callable[[_Worker], None]) -> None:
        self.go = threading.Semaphore(0)
        self.deed: Deed | None = None
        self.thread = threading.Thread(target=work, args=(self,), daemon=True)
        self.thread.start()
