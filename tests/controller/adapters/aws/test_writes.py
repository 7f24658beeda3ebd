"""Answers that get lost between DynamoDB and us; moto plays DynamoDB, a relay in front of it loses answers."""

from __future__ import annotations

import json

import pytest

from controller.adapters.aws.clients import Clients
from controller.adapters.aws.state import DynamoLedger, Tables
from controller.adapters.aws.writes import TRIES, WRITE, Writer
from controller.domain.job_key import JobKey
from controller.errors import Rejected, Unavailable
from tests.controller.adapters.conftest import clients_of
from tests.controller.adapters.ports.conftest import dynamo_books
from tests.controller.adapters.relay import Relay
from tests.controller.adapters.scripted import Play, ScriptedServer
from tests.fakes import samples

TABLES = Tables("jobs", "runners", "launches")


def refused(code: str, *reasons: dict[str, object]) -> Play:
    return Play(
        400,
        json.dumps({"__type": f"com.amazonaws.dynamodb.v20120810#{code}", "CancellationReasons": list(reasons)}),
        {"Content-Type": "application/x-amz-json-1.0"},
    )


def ledger(clients: Clients, pauses: list[float]) -> DynamoLedger:
    made = DynamoLedger(clients, TABLES)
    made._writer = Writer(clients, pauses.append)
    return made


@pytest.mark.parametrize("count", [1, 3])
def test_a_write_whose_answer_was_lost_is_not_taken_for_somebody_elses(
    clients: Clients, moto_address: str, stack: str, count: int
) -> None:
    books = dynamo_books(clients, stack)
    tables = Tables(f"{stack}-jobs", f"{stack}-runners", f"{stack}-launches")
    with Relay(moto_address) as relay:
        lossy = clients_of(relay.address)
        relay.lose_answers(1)

        stale = DynamoLedger(lossy, tables).save([samples.job(n + 1) for n in range(count)])

        lossy.close()

    assert relay.requests == 2
    assert stale == frozenset()
    assert len(books.jobs.get([JobKey(n + 1, 1) for n in range(count)])) == count


@pytest.mark.parametrize("count", [1, 3])
def test_somebody_elses_write_is_stale_though_our_answer_was_lost_too(
    clients: Clients, moto_address: str, stack: str, count: int
) -> None:
    books = dynamo_books(clients, stack)
    books.jobs.add([samples.job(1)])
    tables = Tables(f"{stack}-jobs", f"{stack}-runners", f"{stack}-launches")
    with Relay(moto_address) as relay:
        lossy = clients_of(relay.address)
        relay.lose_answers(1)

        stale = DynamoLedger(lossy, tables).save([samples.job(n + 1) for n in range(count)])

        lossy.close()

    assert stale == {"1#1"}


def test_a_transaction_carries_one_token_through_all_its_tries(
    scripted: ScriptedServer, scripted_clients: Clients
) -> None:
    conflict = refused("TransactionCanceledException", {"Code": "None"}, {"Code": "TransactionConflict"})
    scripted.play(conflict, Play(500), conflict, Play(200, "{}"))
    pauses: list[float] = []

    stale = ledger(scripted_clients, pauses).save([samples.job(1), samples.job(2)])

    asked = [json.loads(seen.body) for seen in scripted.seen]
    assert stale == frozenset()
    assert len(asked) == 4
    assert len({one["ClientRequestToken"] for one in asked}) == 1
    assert len(pauses) == 2


def test_a_conflict_that_does_not_pass_is_unavailable(scripted: ScriptedServer, scripted_clients: Clients) -> None:
    scripted.play(*[refused("TransactionConflictException")] * TRIES)
    pauses: list[float] = []

    with pytest.raises(Unavailable, match="1#1: other writes were in the way"):
        ledger(scripted_clients, pauses).save([samples.job(1)])

    assert len(pauses) == TRIES


def test_a_transaction_cancelled_by_a_throttle_is_unavailable_not_stale(
    scripted: ScriptedServer, scripted_clients: Clients
) -> None:
    scripted.play(refused("TransactionCanceledException", {"Code": "None"}, {"Code": "ThrottlingError"}))

    with pytest.raises(Unavailable, match="ThrottlingError"):
        ledger(scripted_clients, []).save([samples.job(1), samples.job(2)])


def test_a_failed_condition_beside_a_conflict_is_stale(scripted: ScriptedServer, scripted_clients: Clients) -> None:
    scripted.play(
        refused("TransactionCanceledException", {"Code": "ConditionalCheckFailed"}, {"Code": "TransactionConflict"})
    )

    assert ledger(scripted_clients, []).save([samples.job(1), samples.job(2)]) == {"1#1"}


def test_a_write_that_can_never_work_is_rejected(scripted: ScriptedServer, scripted_clients: Clients) -> None:
    scripted.play(refused("ValidationException"))

    with pytest.raises(Rejected, match="ValidationException"):
        ledger(scripted_clients, []).save([samples.job(1)])


def test_the_name_of_the_write_is_no_part_of_the_record(clients: Clients, stack: str) -> None:
    books = dynamo_books(clients, stack)
    books.jobs.add([samples.job(1)])

    item = clients.dynamodb.get_item(TableName=f"{stack}-jobs", Key={"id": {"S": "1#1"}})["Item"]

    assert item[WRITE]["S"]
    assert books.jobs.get([JobKey(1, 1)])[JobKey(1, 1)].id == "1#1"
