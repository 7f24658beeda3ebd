from __future__ import annotations

import json

import pytest

from controller import schema
from controller.adapters.aws.clients import Clients
from controller.adapters.aws.items import item_of, text_of
from controller.adapters.aws.reads import ROUNDS, TableReader
from controller.errors import Unavailable
from tests.controller.adapters.scripted import Play, ScriptedServer
from tests.fakes import samples


def answered(**data: object) -> Play:
    return Play(200, json.dumps(data), {"Content-Type": "application/x-amz-json-1.0"})


def reader(clients: Clients, pauses: list[float]) -> TableReader:
    return TableReader(clients, "jobs", schema.JOBS.indexes[0], "us-east-1", pauses.append)


def left(*names: str) -> dict[str, object]:
    return {"jobs": {"Keys": [{"id": {"S": name}} for name in names], "ConsistentRead": True}}


def test_what_dynamodb_leaves_out_is_asked_for_again(scripted: ScriptedServer, scripted_clients: Clients) -> None:
    first, second = item_of(samples.job(1)), item_of(samples.job(2))
    scripted.play(
        answered(Responses={"jobs": [first]}, UnprocessedKeys=left("2#1")),
        answered(Responses={"jobs": [second]}, UnprocessedKeys={}),
    )
    pauses: list[float] = []

    found = reader(scripted_clients, pauses).batch(["1#1", "2#1", "1#1"])

    assert sorted(text_of(item, "id") for item in found) == ["1#1", "2#1"]
    assert len(pauses) == 1
    assert json.loads(scripted.seen[0].body)["RequestItems"]["jobs"]["ConsistentRead"] is True
    assert json.loads(scripted.seen[1].body)["RequestItems"] == left("2#1")


def test_keys_that_stay_unread_are_unavailable_not_absent(scripted: ScriptedServer, scripted_clients: Clients) -> None:
    scripted.play(*[answered(Responses={}, UnprocessedKeys=left("2#1"))] * ROUNDS)

    with pytest.raises(Unavailable, match="jobs: 1 records are still unread"):
        reader(scripted_clients, []).batch(["1#1", "2#1"])


def test_a_single_key_is_a_single_read(scripted: ScriptedServer, scripted_clients: Clients) -> None:
    scripted.play(answered(Item=item_of(samples.job(1))))

    found = reader(scripted_clients, []).batch(["1#1"])

    assert [text_of(item, "id") for item in found] == ["1#1"]
    assert scripted.seen[0].headers["x-amz-target"] == "DynamoDB_20120810.GetItem"


def test_a_stage_is_read_page_by_page_until_there_is_enough(
    scripted: ScriptedServer, scripted_clients: Clients
) -> None:
    items = [item_of(samples.job(n)) for n in (1, 2, 3)]
    end = {"id": {"S": "2#1"}, "stage": {"S": "waiting#0"}, "queued_at": {"N": "1"}}
    nothing = answered(Items=[], Count=0)
    scripted.play(
        answered(Items=items[:2], Count=2, LastEvaluatedKey=end),
        answered(Items=items[2:], Count=1),
        *[nothing] * (schema.SHARDS - 1),
    )

    found = reader(scripted_clients, []).stage(schema.WAITING, limit=5)

    asked = [json.loads(seen.body) for seen in scripted.seen]
    assert [text_of(item, "id") for item in found] == ["1#1", "2#1", "3#1"]
    # The parts of a stage are read side by side, so the next page comes in any place.
    assert sorted(one["Limit"] for one in asked) == [3, 5, 5, 5, 5]
    assert [(one["Limit"], one["ExclusiveStartKey"]) for one in asked if "ExclusiveStartKey" in one] == [(3, end)]


def test_everything_before_the_end_of_time_is_simply_everything(
    scripted: ScriptedServer, scripted_clients: Clients
) -> None:
    scripted.play(*[answered(Items=[], Count=0)] * schema.SHARDS)

    reader(scripted_clients, []).stage(schema.WAITING, limit=5, before=float("inf"))

    # DynamoDB refuses a number that is not one.
    assert {json.loads(seen.body)["KeyConditionExpression"] for seen in scripted.seen} == {"#stage = :stage"}


def test_throttled_reads_are_unavailable(scripted: ScriptedServer, scripted_clients: Clients) -> None:
    refusal = Play(400, json.dumps({"__type": "com.amazonaws.dynamodb.v20120810#ThrottlingException"}))
    scripted.play(*[refusal] * 3)

    with pytest.raises(Unavailable, match="ThrottlingException"):
        reader(scripted_clients, []).get("1#1")
