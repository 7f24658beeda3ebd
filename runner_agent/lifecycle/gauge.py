"""Looks at the machine's own vitals, from a thread of its own, for whoever measures and for whoever must act."""

from __future__ import annotations

import threading

from runner_agent.lifecycle.inbox import Inbox, Measured
from runner_agent.vitals import Look


class Gauge:
    """Puts one look after the other into the inbox."""

    def __init__(self, look: Look, inbox: Inbox, every_s: float) -> None:
        self._look = look
        self._inbox = inbox
        self._every_s = every_s
        self._over = threading.Event()
        inbox.thread(self._work, "gauge")

    def stop(self) -> None:
        """Look no more."""
        self._over.set()

    def _work(self) -> None:
        while not self._over.wait(self._every_s):
            self._inbox.put(Measured(self._look()))
