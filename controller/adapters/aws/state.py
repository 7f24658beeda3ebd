"""The ledger, the launch records and the shared small facts in DynamoDB."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from botocore.exceptions import ClientError

from controller import schema
from controller.adapters.aws.clients import Clients, asking, code_of
from controller.adapters.aws.items import attributes, item_of, number_of, readable, record_of, text_of
from controller.adapters.aws.reads import TableReader
from controller.adapters.aws.writes import ATOMIC, Delete, Put, Writer
from controller.domain.job import Job
from controller.domain.launch import Launch, LaunchState
from controller.domain.runner import Runner
from controller.ports import Record


@dataclass(frozen=True, slots=True)
class Tables:
    """The physical names of the tables that the ledger writes."""

    jobs: str
    runners: str
    launches: str

    def of(self, record: Record) -> str:
        """The table a record belongs to."""
        match record:
            case Job():
                return self.jobs
            case Runner():
                return self.runners
            case Launch():
                return self.launches


class DynamoLedger:
    """The `Ledger` port: a record is replaced only at the version it was read at."""

    def __init__(self, clients: Clients, tables: Tables) -> None:
        self._tables = tables
        self._writer = Writer(clients)

    def save(self, records: Sequence[Record]) -> frozenset[str]:
        """Write all, or none of a hundred where one has changed: the ids of the changed ones."""
        puts = [Put(self._tables.of(record), item_of(record), record.version) for record in records]
        stale: set[str] = set()
        for start in range(0, len(puts), ATOMIC):
            stale |= self._writer.put(puts[start : start + ATOMIC])
        return frozenset(stale)

    def forget(self, jobs: Sequence[Job]) -> frozenset[str]:
        """Delete the jobs that are still at the version they were read at; the ids of the others."""
        stale: set[str] = set()
        for start in range(0, len(jobs), ATOMIC):
            stale |= self._forget(jobs[start : start + ATOMIC])
        return frozenset(stale)

    def _forget(self, jobs: Sequence[Job]) -> set[str]:
        stale: set[str] = set()
        left = [Delete(self._tables.jobs, job.id, job.version) for job in jobs]
        while left:
            failed = self._writer.delete(left)
            if not failed:
                break
            stale |= failed
            left = [delete for delete in left if delete.id not in failed]
        return stale


class DynamoLaunches:
    """The `Launches` port; its index holds keys only, because the frozen requests are long."""

    def __init__(self, clients: Clients, table: str, home: str) -> None:
        self._reader = TableReader(clients, table, schema.LAUNCHES.indexes[0], home)

    def get(self, launch_id: str) -> Launch | None:
        """The launch, as last written."""
        item = self._reader.get(launch_id)
        return None if item is None else record_of(Launch, item)

    def pending(self, before: float, limit: int) -> list[Launch]:
        """Launches written before a time and not settled yet, oldest first."""
        keys = [text_of(item, "id") for item in self._reader.stage(schema.PENDING, limit, before)]
        launches = {launch.id: launch for launch in readable(Launch, self._reader.batch(keys))}
        ordered = [launches[key] for key in keys if key in launches]
        return [launch for launch in ordered if launch.state is LaunchState.PENDING]


class DynamoMemory:
    """The `Memory` port; with `about` the facts are of one region, and no other's of the same name."""

    def __init__(self, clients: Clients, table: str, about: str = "") -> None:
        self._about = f"{about}: " if about else ""
        self._clients = clients
        self._reader = TableReader(clients, table)

    def recall(self, name: str, now: float) -> str | None:
        """The fact, unless it is unknown or has expired."""
        item = self._reader.get(self._about + name)
        # DynamoDB deletes expired items within days, so whether it is over is read from the item.
        if item is None or number_of(item, "until") <= now:
            return None
        return text_of(item, "fact")

    def remember(self, name: str, value: str, expires: float) -> None:
        """Keep the fact until a time; the last writer wins."""
        item = attributes(
            {"id": self._about + name, "fact": value, "until": expires, schema.MEMORY.expires: math.ceil(expires)}
        )
        with asking(f"memory {name}"):
            self._clients.dynamodb.put_item(TableName=self._reader.table, Item=item)

    def swap(self, name: str, old: str | None, new: str, expires: float) -> str:
        """Keep the new fact, if the old one still stands or none does; the fact that stands now."""
        item = attributes(
            {"id": self._about + name, "fact": new, "until": expires, schema.MEMORY.expires: math.ceil(expires)}
        )
        condition: dict[str, Any] = {"ConditionExpression": "attribute_not_exists(id)"}
        if old is not None:
            condition = {
                "ConditionExpression": "attribute_not_exists(id) OR #fact = :old",
                "ExpressionAttributeNames": {"#fact": "fact"},
                "ExpressionAttributeValues": {":old": {"S": old}},
            }
        with asking(f"memory {name}"):
            try:
                self._clients.dynamodb.put_item(
                    TableName=self._reader.table, Item=item, ReturnValuesOnConditionCheckFailure="ALL_OLD", **condition
                )
            except ClientError as error:
                if code_of(error) != "ConditionalCheckFailedException":
                    raise
                # A copy of this very call, repeated after a timeout, finds its own fact standing.
                return text_of(cast("Mapping[str, Any]", error.response.get("Item", {})), "fact")
        return new
