"""The jobs in DynamoDB, which are also the line."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence

from controller import schema
from controller.adapters.aws.clients import Clients
from controller.adapters.aws.items import item_of, readable, record_of
from controller.adapters.aws.reads import TableReader
from controller.adapters.aws.writes import ATOMIC, Put, Writer
from controller.domain.job import Job
from controller.domain.job_key import JobKey


class DynamoJobs:
    """The `Jobs` port; the line and the other stages are those of one region."""

    def __init__(self, clients: Clients, table: str, home: str) -> None:
        self._table = table
        self._reader = TableReader(clients, table, schema.JOBS.indexes[0], home)
        self._writer = Writer(clients)

    def add(self, jobs: Sequence[Job]) -> frozenset[JobKey]:
        """Write down the jobs that are not known yet; the keys of those that were new."""
        # Two copies of a job in one batch are one job, and would be refused in one transaction.
        wanted = list({job.key: job for job in reversed(jobs)}.values())[::-1]
        new: set[JobKey] = set()
        for start in range(0, len(wanted), ATOMIC):
            new |= self._add(wanted[start : start + ATOMIC])
        return frozenset(new)

    def _add(self, jobs: Sequence[Job]) -> set[JobKey]:
        while jobs:
            puts = [Put(self._table, item_of(dataclasses.replace(job, version=0))) for job in jobs]
            known = self._writer.put(puts)
            if not known:
                break
            jobs = [job for job in jobs if job.id not in known]
        return {job.key for job in jobs}

    def get(self, keys: Iterable[JobKey]) -> dict[JobKey, Job]:
        """The known ones among these jobs, as last written."""
        jobs = [record_of(Job, item) for item in self._reader.batch(str(key) for key in keys)]
        return {job.key: job for job in jobs}

    def waiting(self, limit: int) -> list[Job]:
        """Jobs in line, longest queued first."""
        return readable(Job, self._reader.stage(schema.WAITING, limit))

    def under_way(self, limit: int) -> list[Job]:
        """Jobs with a machine launching, booting or at work, longest queued first."""
        return readable(Job, self._reader.stage(schema.UNDER_WAY, limit))

    def owed(self, limit: int) -> list[Job]:
        """Jobs about which something is still to be said or done at GitHub."""
        return readable(Job, self._reader.stage(schema.OWED, limit))

    def ended(self, queued_from: float, queued_before: float, limit: int) -> list[Job]:
        """Jobs of which nothing is left to do, longest queued first."""
        return readable(Job, self._reader.stage(schema.ENDED, limit, queued_before, queued_from))
