"""Each port twice: the fake of the use-case tests, and the real adapter on moto."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from controller import schema
from controller.adapters.aws.clients import Clients
from controller.adapters.aws.jobs import DynamoJobs
from controller.adapters.aws.runners import DynamoRunners
from controller.adapters.aws.state import DynamoLaunches, DynamoLedger, DynamoMemory, Tables
from controller.ports import Jobs, Launches, Ledger, Memory, Runners
from tests.fakes.memory import FakeMemory
from tests.fakes.records import HOME, FakeJobs, FakeLaunches, FakeLedger, FakeRunners, Shelf


@dataclass(frozen=True, slots=True)
class Books:
    """The ports that look at one set of tables."""

    jobs: Jobs
    runners: Runners
    launches: Launches
    ledger: Ledger
    memory: Memory


@pytest.fixture(params=["fake", "dynamodb"])
def books(request: pytest.FixtureRequest) -> Books:
    if request.param == "fake":
        shelf = Shelf()
        return Books(FakeJobs(shelf), FakeRunners(shelf), FakeLaunches(shelf), FakeLedger(shelf), FakeMemory())
    clients: Clients = request.getfixturevalue("clients")
    return dynamo_books(clients, request.getfixturevalue("stack"))


def dynamo_books(clients: Clients, stack: str) -> Books:
    for table in schema.TABLES:
        create(clients, f"{stack}-{table.name}", table)
    tables = Tables(f"{stack}-jobs", f"{stack}-runners", f"{stack}-launches")
    return Books(
        DynamoJobs(clients, tables.jobs, HOME),
        DynamoRunners(clients, tables.runners, HOME),
        DynamoLaunches(clients, tables.launches, HOME),
        DynamoLedger(clients, tables),
        DynamoMemory(clients, f"{stack}-memory"),
    )


def create(clients: Clients, name: str, table: schema.Table) -> None:
    """The table as the schema has it."""
    keys = {table.partition, *(key for index in table.indexes for key in (index.partition, index.sort))}
    indexes: dict[str, Any] = {"GlobalSecondaryIndexes": [_index(index) for index in table.indexes]}
    clients.dynamodb.create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": table.partition, "KeyType": "HASH"}],
        AttributeDefinitions=[
            {"AttributeName": key, "AttributeType": "N" if key in schema.NUMERIC_SORTS else "S"} for key in sorted(keys)
        ],
        **(indexes if table.indexes else {}),
    )


def _index(index: schema.Index) -> dict[str, Any]:
    return {
        "IndexName": index.name,
        "KeySchema": [
            {"AttributeName": index.partition, "KeyType": "HASH"},
            {"AttributeName": index.sort, "KeyType": "RANGE"},
        ],
        "Projection": {"ProjectionType": "ALL" if index.whole else "KEYS_ONLY"},
    }
