"""Things to do later, one after another, on one thread that ends when it is told to."""

from __future__ import annotations

import heapq
import itertools
import logging
import threading
import time
from collections.abc import Callable

_STOP_S = 2.0


class Timers:
    """Calls back in due time; a callback must be quick."""

    def __init__(self) -> None:
        self._wake = threading.Condition()
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()
        self._stopped = False
        self._thread = threading.Thread(target=self._run, name="timers", daemon=True)

    def start(self) -> None:
        """Begin to call."""
        self._thread.start()

    def after(self, seconds: float, do: Callable[[], None]) -> None:
        """Call once, this long from now."""
        with self._wake:
            heapq.heappush(self._due, (time.monotonic() + seconds, next(self._order), do))
            self._wake.notify()

    def every(self, seconds: float, do: Callable[[], None]) -> None:
        """Call again and again, for the first time this long from now."""

        def again() -> None:
            self.after(seconds, again)
            do()

        self.after(seconds, again)

    def stop(self) -> None:
        """Call nobody any more; a second stop does nothing."""
        with self._wake:
            self._stopped = True
            self._wake.notify()
        if self._thread.ident is not None and self._thread is not threading.current_thread():
            self._thread.join(_STOP_S)

    def _run(self) -> None:
        while do := self._next():
            try:
                do()
            except Exception:
                logging.getLogger(__name__).exception("a timer's call failed")

    def _next(self) -> Callable[[], None] | None:
        with self._wake:
            while not self._stopped:
                left = self._due[0][0] - time.monotonic() if self._due else None
                if left is not None and left <= 0:
                    return heapq.heappop(self._due)[2]
                self._wake.wait(left)
            return None
