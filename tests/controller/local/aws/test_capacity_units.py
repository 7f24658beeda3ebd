"""Against AWS's rules: developer guide, on item sizes, on transactions' capacity, on global secondary indexes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from mypy_boto3_dynamodb import DynamoDBClient

from controller.local.aws.capacity_units import IndexKeys, Meter, size
from controller.local.aws.store import Store
from tests.controller.local.aws.rig import Front, jobs_table

WHOLE = IndexKeys("by-stage", ("stage", "at"), None)
KEYS = IndexKeys("by-stage", ("stage", "at"), frozenset({"id", "stage", "at"}))
WAITING: dict[str, Any] = {"id": {"S": "1"}, "stage": {"S": "waiting"}, "at": {"N": "1"}, "why": {"S": "a"}}


@pytest.mark.parametrize(
    ("value", "bytes_"),
    [
        ({"S": "abc"}, 3),
        ({"S": "né"}, 3),
        ({"N": "7"}, 2),
        ({"N": "1700000000.25"}, 7),
        ({"N": "-12"}, 3),
        ({"BOOL": True}, 1),
        ({"NULL": True}, 1),
        ({"B": "AAEC"}, 3),
        ({"SS": ["ab", "c"]}, 3),
        ({"NS": ["7", "12"]}, 4),
        ({"L": []}, 3),
        ({"L": [{"S": "ab"}, {"N": "1"}]}, 3 + 3 + 3),
        ({"M": {"k": {"S": "ab"}}}, 3 + 1 + 1 + 2),
    ],
)
def test_an_attribute_is_as_long_as_its_name_and_its_value(value: dict[str, Any], bytes_: int) -> None:
    assert size({"name": value}) == 4 + bytes_


@pytest.mark.parametrize(
    ("long", "times", "units"), [(1, 1, 1), (1_000, 1, 1), (1_100, 1, 2), (1_000, 2, 2), (1_100, 2, 4)]
)
def test_a_write_is_a_unit_for_each_begun_kilobyte_and_twice_that_in_a_transaction(
    long: int, times: int, units: int
) -> None:
    meter = Meter()

    meter.wrote("jobs", (), None, {"id": {"S": "x" * long}}, times)

    assert meter.total() == {("jobs", "write"): units}


def test_what_shrinks_is_written_at_its_former_size() -> None:
    meter = Meter()

    meter.wrote("jobs", (), {"id": {"S": "1"}, "text": {"S": "x" * 3_000}}, {"id": {"S": "1"}}, 1)

    assert meter.total() == {("jobs", "write"): 3}


@pytest.mark.parametrize("times", [1, 2])
@pytest.mark.parametrize(
    ("index", "before", "after", "units"),
    [
        (WHOLE, None, WAITING, 1),
        (WHOLE, WAITING, None, 1),
        (WHOLE, WAITING, {**WAITING, "stage": {"S": "open"}}, 2),
        (WHOLE, WAITING, {**WAITING, "why": {"S": "b"}}, 1),
        (WHOLE, WAITING, WAITING, 0),
        (WHOLE, {"id": {"S": "1"}}, {"id": {"S": "1"}, "why": {"S": "b"}}, 0),
        (KEYS, WAITING, {**WAITING, "why": {"S": "b"}}, 0),
        (KEYS, WAITING, {**WAITING, "at": {"N": "2"}}, 2),
    ],
)
def test_an_index_is_charged_for_what_changes_in_it(
    index: IndexKeys, before: dict[str, Any] | None, after: dict[str, Any] | None, units: int, times: int
) -> None:
    meter = Meter()

    meter.wrote("jobs", [index], before, after, times)

    assert meter.total()["jobs/by-stage", "write"] == units


def test_a_query_is_rounded_once_and_a_batch_for_each_item() -> None:
    items = [{"id": {"S": "x" * 1_000}}] * 5
    query, batch, nothing = Meter(), Meter(), Meter()

    query.read("jobs", items, together=True, consistent=False)
    batch.read("jobs", [*items, {}], together=False, consistent=True)
    nothing.read("jobs", [], together=True, consistent=True)

    assert query.total() == {("jobs", "read"): 1.0}
    assert batch.total() == {("jobs", "read"): 6}
    assert nothing.total() == {("jobs", "read"): 1}


@pytest.fixture
def store() -> Iterator[Store]:
    store = Store()
    yield store
    store.close()


def test_the_embedded_tables_are_metered_as_they_are_used(store: Store, front: Callable[..., Front]) -> None:
    dynamodb: DynamoDBClient = front({"dynamodb": store.answer}).client("dynamodb")
    jobs_table(dynamodb)

    dynamodb.put_item(TableName="jobs", Item=WAITING)
    moved = {**WAITING, "stage": {"S": "open"}}
    dynamodb.transact_write_items(TransactItems=[{"Put": {"TableName": "jobs", "Item": moved}}])
    with pytest.raises(dynamodb.exceptions.ConditionalCheckFailedException):
        dynamodb.put_item(TableName="jobs", Item=WAITING, ConditionExpression="attribute_not_exists(id)")
    dynamodb.get_item(TableName="jobs", Key={"id": {"S": "1"}})
    dynamodb.batch_get_item(RequestItems={"jobs": {"Keys": [{"id": {"S": "1"}}, {"id": {"S": "2"}}]}})
    dynamodb.query(
        TableName="jobs",
        IndexName="by-stage",
        KeyConditionExpression="stage = :s",
        ExpressionAttributeValues={":s": {"S": "open"}},
    )

    assert store.meter.total() == {
        ("jobs", "write"): 1 + 2 + 1,
        ("jobs/by-stage", "write"): 1 + 2,
        ("jobs", "read"): 0.5 + 2 * 0.5,
        ("jobs/by-stage", "read"): 0.5,
    }
