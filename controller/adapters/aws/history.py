"""The jobs that are done with: no index holds them, so the whole table is read, which is for people only."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from controller.adapters.aws.clients import Clients, asking
from controller.adapters.aws.items import readable
from controller.domain.job import Job


@dataclass(frozen=True, slots=True)
class JobHistory:
    """Half a read unit for four kilobytes, as far back as records are kept."""

    clients: Clients
    table: str

    def latest(self, limit: int, wanted: Callable[[Job], bool]) -> list[Job]:
        """The wanted ones among the jobs that are done with, those that came into their state last first."""
        return heapq.nlargest(limit, filter(wanted, self._all()), key=lambda job: (job.since, job.id))

    def _all(self) -> Iterator[Job]:
        pages = self.clients.dynamodb.get_paginator("scan").paginate(
            TableName=self.table, FilterExpression="attribute_not_exists(stage)"
        )
        with asking(f"{self.table}: all records"):
            for page in pages:
                yield from readable(Job, page["Items"])
