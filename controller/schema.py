"""The tables: their keys, their indexes, and which records stand in which index.

Infrastructure, local mode, adapters and tests all read these names from here. Every record is one
item: the record's own fields as the record's class has them, plus `id`, `stage` and `expires`.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass

from controller.domain.job import OPEN, Job, JobState
from controller.domain.launch import Launch, LaunchState
from controller.domain.runner import ALIVE, Runner, RunnerState

SHARDS = 4
"""Partitions of each stage. One DynamoDB partition takes 1,000 writes a second; four take every burst EC2 can serve."""

KEEP_S = 14 * 86_400
"""Records of ended jobs and machines are deleted by TTL this long after they were written."""


@dataclass(frozen=True, slots=True)
class Index:
    """A sparse secondary index: an item without the partition attribute is not in it."""

    name: str
    partition: str
    sort: str
    whole: bool
    """Whether it holds whole items or keys only."""


@dataclass(frozen=True, slots=True)
class Table:
    """One table of an environment, the same in all of its regions; see `physical`."""

    name: str
    indexes: tuple[Index, ...] = ()
    partition: str = "id"
    expires: str = "expires"
    """The TTL attribute: seconds since the epoch."""


STAGE = "by-stage"

JOBS = Table("jobs", (Index(STAGE, "stage", "queued_at", whole=True),))
RUNNERS = Table("runners", (Index(STAGE, "stage", "lease_until", whole=True),))
LAUNCHES = Table("launches", (Index(STAGE, "stage", "created_at", whole=False),))
MEMORY = Table("memory")
"""Small facts shared between invocations, each with an expiry: the runner release, cursors, refusals, breakers."""

TABLES = (JOBS, RUNNERS, LAUNCHES, MEMORY)

WAITING = "waiting"
UNDER_WAY = "open"
MACHINES = "alive"
SPARES = "spare"
"""Machines that no job has taken yet; apart, so that finding them costs the same however many are at work."""
PENDING = "pending"
OWED = "owed"
"""Jobs about which something is still to be said or done at GitHub."""
ENDED = "ended"
"""Jobs of which nothing is left to do but to put them into the archive."""
DOUBTED = "doubted"
"""Machines that have ended, and whose runner GitHub may still have."""

NUMERIC_SORTS = frozenset({"queued_at", "lease_until", "created_at"})


def shard(record_id: str) -> int:
    """The shard that a record belongs to, the same for ever."""
    return zlib.crc32(record_id.encode()) % SHARDS


def physical(environment: str, table: Table) -> str:
    """A table's name in AWS."""
    return f"{environment}-{table.name}"


def stages(name: str, home: str) -> tuple[str, ...]:
    """The index partitions that together hold a stage of one region; what lives elsewhere is not in them."""
    return tuple(f"{home}:{name}#{n}" for n in range(SHARDS))


def stage_of(record: Job | Runner | Launch) -> str | None:
    """The index partition a record stands in, or None for one that nobody looks for."""
    name = _stage(record)
    return f"{record.home}:{name}#{shard(record.id)}" if name else None


def may_expire(record: Job | Runner | Launch) -> bool:
    """Whether TTL may delete it: what is still to be done with it could be left undone."""
    return _stage(record) in {None, ENDED, DOUBTED}


def _stage(record: Job | Runner | Launch) -> str | None:
    name: str | None = None
    match record:
        case Job(state=JobState.WAITING):
            name = WAITING
        case Job() if record.state in OPEN:
            name = UNDER_WAY
        case Job():
            name = OWED if record.owes else ENDED
        case Runner(state=RunnerState.SPARE):
            name = SPARES
        case Runner() if record.state in ALIVE:
            name = MACHINES
        case Runner() if record.may_haunt:
            name = DOUBTED
        case Launch(state=LaunchState.PENDING):
            name = PENDING
    return name
