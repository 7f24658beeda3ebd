"""The jobs that are done with: all of them are read, days of them, which is for people only."""

from __future__ import annotations

import heapq
import sys
from collections.abc import Callable
from dataclasses import dataclass

from controller import schema
from controller.adapters.aws.clients import Clients
from controller.adapters.aws.items import readable
from controller.adapters.aws.reads import TableReader
from controller.domain.job import Job


@dataclass(frozen=True, slots=True)
class JobHistory:
    """Half a read unit for four kilobytes, as far back as records are kept before they are archived."""

    clients: Clients
    table: str
    home: str

    def latest(self, limit: int, wanted: Callable[[Job], bool]) -> list[Job]:
        """The wanted ones among a region's jobs that are done with, those that came into their state last first."""
        reader = TableReader(self.clients, self.table, schema.JOBS.indexes[0], self.home)
        found = readable(Job, reader.stage(schema.ENDED, sys.maxsize))
        return heapq.nlargest(limit, filter(wanted, found), key=lambda job: (job.since, job.id))
