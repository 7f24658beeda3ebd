"""Looks for the announced end of the machine, from a thread of its own."""

from __future__ import annotations

import threading

from runner_agent.cloud import Metadata, MetadataUnavailable
from runner_agent.lifecycle.inbox import Inbox, Rebalanced
from runner_agent.logs import Tell

MISSED = 3
"""Polls without an answer before it is worth a word: a job can firewall the metadata service."""


class Lookout:
    """Polls the metadata until the machine's end is announced."""

    def __init__(self, metadata: Metadata, inbox: Inbox, every_s: float, tell: Tell) -> None:
        self._metadata = metadata
        self._inbox = inbox
        self._every_s = every_s
        self._tell = tell
        self._over = threading.Event()
        self._missed = 0
        inbox.thread(self._work, "lookout")

    def stop(self) -> None:
        """Look no more."""
        self._over.set()

    def _work(self) -> None:
        while not self._look() and not self._over.wait(self._every_s):
            pass

    def _look(self) -> bool:
        """Whether the end has been announced."""
        try:
            notice = self._metadata.interruption()
            if notice:
                self._inbox.put(notice)
            elif not self._inbox.rebalanced and self._metadata.rebalance():
                self._inbox.put(Rebalanced())
        except MetadataUnavailable as silent:
            self._missed += 1
            if self._missed == MISSED:
                self._tell("metadata_unavailable", error=silent)
            return False
        self._missed = 0
        return notice is not None
