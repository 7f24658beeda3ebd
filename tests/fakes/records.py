"""The tables in memory: one shelf of records, and each port that looks at it.

shelf = Shelf()
jobs, runners, launches, ledger = FakeJobs(shelf), FakeRunners(shelf), FakeLaunches(shelf), FakeLedger(shelf)
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from typing import TypeVar

from controller import schema
from controller.domain.job import Job
from controller.domain.job_key import JobKey
from controller.domain.launch import Launch
from controller.domain.runner import Runner
from controller.ports import Record
from tests.fakes.faults import Faults

ATOMIC = 100
HOME = "us-east-1"

R = TypeVar("R", Job, Runner, Launch)
_partitions = cache(schema.stages)


@dataclass
class Shelf:
    """Every record by its id, as it is stored; `indexed` may be held back, as an index lags behind its table."""

    records: dict[str, Record] = field(default_factory=dict)
    _held: dict[str, Record] | None = None
    _places: dict[str, tuple[Record, str | None]] = field(default_factory=dict)
    """Where a record was last seen to stand: indexes are looked at far more often than records change."""

    def put(self, *records: Record) -> None:
        """Store records as another function would have: under their next version, unasked."""
        for record in records:
            self.records[record.id] = replace(record, version=record.version + 1)

    def hold_indexes(self) -> None:
        """From now on the indexes show what is stored now."""
        self._held = dict(self.records)

    def release_indexes(self) -> None:
        """The indexes have caught up."""
        self._held = None

    def stage(self, kind: type[R], name: str, home: str = HOME) -> list[R]:
        """The records of a kind that an index shows in a region's stage."""
        partitions = _partitions(name, home)
        shown = self.records if self._held is None else self._held
        return [r for key, r in shown.items() if isinstance(r, kind) and self._place(key, r) in partitions]

    def _place(self, key: str, record: Record) -> str | None:
        known = self._places.get(key)
        if known is None or known[0] is not record:
            known = self._places[key] = record, schema.stage_of(record)
        return known[1]

    def get(self, kind: type[R], record_id: str) -> R | None:
        """One record, read consistently."""
        record = self.records.get(record_id)
        return record if isinstance(record, kind) else None


class FakeJobs:
    """The jobs table and its line."""

    def __init__(self, shelf: Shelf, home: str = HOME) -> None:
        self.faults = Faults()
        self._shelf = shelf
        self._home = home

    def add(self, jobs: Sequence[Job]) -> frozenset[JobKey]:
        self.faults.strike()
        new: set[JobKey] = set()
        for job in jobs:
            if job.id not in self._shelf.records:
                self._shelf.put(replace(job, version=0))
                new.add(job.key)
        return frozenset(new)

    def get(self, keys: Iterable[JobKey]) -> dict[JobKey, Job]:
        self.faults.strike()
        found = {key: self._shelf.get(Job, str(key)) for key in keys}
        return {key: job for key, job in found.items() if job is not None}

    def waiting(self, limit: int) -> list[Job]:
        return self._stage(schema.WAITING, limit)

    def under_way(self, limit: int) -> list[Job]:
        return self._stage(schema.UNDER_WAY, limit)

    def owed(self, limit: int) -> list[Job]:
        return self._stage(schema.OWED, limit)

    def ended(self, queued_from: float, queued_before: float, limit: int) -> list[Job]:
        self.faults.strike()
        every = sorted(self._shelf.stage(Job, schema.ENDED, self._home), key=lambda job: (job.queued_at, job.id))
        return [job for job in every if queued_from <= job.queued_at < queued_before][:limit]

    def _stage(self, name: str, limit: int) -> list[Job]:
        self.faults.strike()
        return sorted(self._shelf.stage(Job, name, self._home), key=lambda job: (job.queued_at, job.id))[:limit]


class FakeRunners:
    """The machines' records."""

    def __init__(self, shelf: Shelf, home: str = HOME) -> None:
        self.faults = Faults()
        self._shelf = shelf
        self._home = home

    def get(self, instance_ids: Iterable[str]) -> dict[str, Runner]:
        self.faults.strike()
        found = {name: self._shelf.get(Runner, name) for name in instance_ids}
        return {name: runner for name, runner in found.items() if runner is not None}

    def expired(self, before: float, limit: int) -> list[Runner]:
        self.faults.strike()
        stages = (schema.MACHINES, schema.SPARES)
        alive = [runner for stage in stages for runner in self._shelf.stage(Runner, stage, self._home)]
        late = [runner for runner in alive if runner.lease_until < before]
        return sorted(late, key=lambda runner: (runner.lease_until, runner.id))[:limit]

    def doubted(self, limit: int) -> list[Runner]:
        self.faults.strike()
        doubted = self._shelf.stage(Runner, schema.DOUBTED, self._home)
        return sorted(doubted, key=lambda runner: (runner.lease_until, runner.id))[:limit]

    def spares(self, limit: int) -> list[Runner]:
        self.faults.strike()
        spares = self._shelf.stage(Runner, schema.SPARES, self._home)
        return sorted(spares, key=lambda runner: (runner.lease_until, runner.id))[:limit]


class FakeLaunches:
    """The launch records."""

    def __init__(self, shelf: Shelf, home: str = HOME) -> None:
        self.faults = Faults()
        self._shelf = shelf
        self._home = home

    def get(self, launch_id: str) -> Launch | None:
        self.faults.strike()
        return self._shelf.get(Launch, launch_id)

    def pending(self, before: float, limit: int) -> list[Launch]:
        self.faults.strike()
        known = self._shelf.stage(Launch, schema.PENDING, self._home)
        shown = [launch for launch in known if launch.created_at < before]
        oldest = sorted(shown, key=lambda launch: (launch.created_at, launch.id))[:limit]
        # The index holds keys only, so what is handed out is read from the table itself.
        stored = [self._shelf.get(Launch, launch.id) for launch in oldest]
        return [launch for launch in stored if launch is not None and schema.stage_of(launch) is not None]


class FakeLedger:
    """Versioned writes; `lost_answers` makes that many of the coming saves fail after they have written."""

    def __init__(self, shelf: Shelf) -> None:
        self.faults = Faults()
        self.lost_answers: list[Exception] = []
        self.saves: list[tuple[Record, ...]] = []
        self._shelf = shelf

    def save(self, records: Sequence[Record]) -> frozenset[str]:
        self.faults.strike()
        ids = [record.id for record in records]
        if len(set(ids)) != len(ids):
            raise ValueError(f"a record stands twice in one save: {ids}")
        stale: set[str] = set()
        for start in range(0, len(records), ATOMIC):
            stale |= self._save(records[start : start + ATOMIC])
        if self.lost_answers:
            raise self.lost_answers.pop(0)
        return frozenset(stale)

    def forget(self, jobs: Sequence[Job]) -> frozenset[str]:
        self.faults.strike()
        stored = {job.id: self._version(job.id) for job in jobs}
        for job in jobs:
            if stored[job.id] == job.version:
                del self._shelf.records[job.id]
        if self.lost_answers:
            raise self.lost_answers.pop(0)
        return frozenset(job.id for job in jobs if stored[job.id] not in {0, job.version})

    def _save(self, records: Sequence[Record]) -> set[str]:
        stale = {record.id for record in records if self._version(record.id) != record.version}
        if not stale:
            self._shelf.put(*records)
            self.saves.append(tuple(records))
        return stale

    def _version(self, record_id: str) -> int:
        stored = self._shelf.records.get(record_id)
        return stored.version if stored else 0
