from __future__ import annotations

import concurrent.futures
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError
from mypy_boto3_dynamodb import DynamoDBClient
from mypy_boto3_dynamodb.type_defs import TransactWriteItemTypeDef

from controller.local.aws.store import Store
from tests.controller.local.aws.rig import Front, jobs_table


@pytest.fixture(scope="module")
def store() -> Iterator[Store]:
    store = Store()
    yield store
    store.close()


@pytest.fixture
def dynamodb(store: Store, front: Callable[..., Front]) -> DynamoDBClient:
    client: DynamoDBClient = front({"dynamodb": store.answer}).client("dynamodb")
    if not client.list_tables()["TableNames"]:
        jobs_table(client)
    return client


def put(item: dict[str, Any], condition: str = "attribute_not_exists(id)") -> TransactWriteItemTypeDef:
    return {"Put": {"TableName": "jobs", "Item": item, "ConditionExpression": condition}}


def item(dynamodb: DynamoDBClient, key: str) -> dict[str, Any] | None:
    found: dict[str, Any] | None = dynamodb.get_item(TableName="jobs", Key={"id": {"S": key}}).get("Item")
    return found


def test_an_item_comes_back_as_it_was_put(dynamodb: DynamoDBClient) -> None:
    whole: dict[str, Any] = {
        "id": {"S": "whole"},
        "n": {"N": "12"},
        "flag": {"BOOL": True},
        "none": {"NULL": True},
        "list": {"L": [{"S": "a"}, {"N": "1"}]},
        "map": {"M": {"deep": {"L": [{"M": {"x": {"S": "y"}}}]}}},
        "set": {"SS": ["a", "b"]},
        "bytes": {"B": b"\x00\x01"},
    }

    dynamodb.put_item(TableName="jobs", Item=whole)

    assert item(dynamodb, "whole") == whole


def test_a_conditional_write_tells_what_stood_in_its_way(dynamodb: DynamoDBClient) -> None:
    dynamodb.put_item(TableName="jobs", Item={"id": {"S": "taken"}, "v": {"N": "3"}})

    with pytest.raises(dynamodb.exceptions.ConditionalCheckFailedException) as caught:
        dynamodb.put_item(
            TableName="jobs",
            Item={"id": {"S": "taken"}},
            ConditionExpression="v = :v",
            ExpressionAttributeValues={":v": {"N": "2"}},
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
        )

    told: dict[str, Any] = {**caught.value.response}
    assert told["Item"]["v"] == {"N": "3"}


def test_an_index_is_read_in_order_and_holds_only_what_has_its_keys(dynamodb: DynamoDBClient) -> None:
    for number in (3, 1, 2):
        stage = {"stage": {"S": "waiting#0"}, "at": {"N": str(number)}}
        dynamodb.put_item(TableName="jobs", Item={"id": {"S": f"line-{number}"}, **stage})
    dynamodb.put_item(TableName="jobs", Item={"id": {"S": "line-0"}})

    found = dynamodb.query(
        TableName="jobs",
        IndexName="by-stage",
        KeyConditionExpression="stage = :s",
        ExpressionAttributeValues={":s": {"S": "waiting#0"}},
        Limit=2,
    )

    assert [one["id"]["S"] for one in found["Items"]] == ["line-1", "line-2"]
    assert found["LastEvaluatedKey"]["id"] == {"S": "line-2"}


def test_a_transaction_is_all_or_nothing(dynamodb: DynamoDBClient) -> None:
    dynamodb.put_item(TableName="jobs", Item={"id": {"S": "old"}, "v": {"N": "1"}})
    dynamodb.put_item(TableName="jobs", Item={"id": {"S": "old-too"}})
    update: Any = {
        "TableName": "jobs",
        "Key": {"id": {"S": "old"}},
        "UpdateExpression": "SET v = :v",
        "ExpressionAttributeValues": {":v": {"N": "2"}},
    }

    with pytest.raises(dynamodb.exceptions.TransactionCanceledException) as caught:
        dynamodb.transact_write_items(
            TransactItems=[put({"id": {"S": "new"}}), {"Update": update}, put({"id": {"S": "old-too"}})]
        )

    codes = [reason["Code"] for reason in caught.value.response["CancellationReasons"]]
    assert codes == ["None", "None", "ConditionalCheckFailed"]
    assert item(dynamodb, "new") is None
    assert item(dynamodb, "old") == {"id": {"S": "old"}, "v": {"N": "1"}}


def test_a_transaction_that_holds_is_written_whole(dynamodb: DynamoDBClient) -> None:
    items = [{"id": {"S": f"batch-{n}"}} for n in range(100)]

    dynamodb.transact_write_items(TransactItems=[put(one) for one in items])

    keys = [{"id": {"S": f"batch-{n}"}} for n in range(100)]
    found = dynamodb.batch_get_item(RequestItems={"jobs": {"Keys": keys}})["Responses"]["jobs"]
    assert len(found) == 100


def test_of_many_conditional_writers_one_wins(dynamodb: DynamoDBClient) -> None:
    def write(number: int) -> bool:
        try:
            dynamodb.put_item(
                TableName="jobs",
                Item={"id": {"S": "race"}, "by": {"N": str(number)}},
                ConditionExpression="attribute_not_exists(id)",
            )
        except ClientError:
            return False
        return True

    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        won = list(pool.map(write, range(64)))

    assert won.count(True) == 1
    winner = item(dynamodb, "race")
    assert winner is not None
    assert winner["by"] == {"N": str(won.index(True))}


@pytest.mark.parametrize(
    ("call", "code"),
    [
        (lambda d: d.get_item(TableName="none", Key={"id": {"S": "x"}}), "ResourceNotFoundException"),
        (lambda d: d.put_item(TableName="jobs", Item={"no": {"S": "key"}}), "ValidationException"),
        (
            lambda d: d.transact_write_items(TransactItems=[put({"id": {"S": "same"}}), put({"id": {"S": "same"}})]),
            "ValidationException",
        ),
    ],
)
def test_errors_are_worded_as_dynamodb_words_them(
    dynamodb: DynamoDBClient, call: Callable[[Any], Any], code: str
) -> None:
    with pytest.raises(ClientError) as caught:
        call(dynamodb)

    assert caught.value.response["Error"]["Code"] == code


@pytest.mark.usefixtures("store")
def test_only_one_store_can_be_open() -> None:
    with pytest.raises(RuntimeError, match="another local cloud is open"):
        Store()


def test_a_transaction_that_fails_takes_nothing_of_what_was_written_before_it(dynamodb: DynamoDBClient) -> None:
    dynamodb.transact_write_items(TransactItems=[put({"id": {"S": "kept-1"}})])
    dynamodb.transact_write_items(TransactItems=[put({"id": {"S": "kept-2"}})])
    dynamodb.put_item(TableName="jobs", Item={"id": {"S": "kept-3"}})

    for _ in range(2):
        with pytest.raises(ClientError, match="TransactionCanceledException"):
            dynamodb.transact_write_items(TransactItems=[put({"id": {"S": "kept-1"}}), put({"id": {"S": "never"}})])

    assert [item(dynamodb, key) is not None for key in ("kept-1", "kept-2", "kept-3", "never")] == [True] * 3 + [False]
