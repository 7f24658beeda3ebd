"""A call to AWS that failed is told, unless there was something wrong with the call."""

from __future__ import annotations

import json
import os

import pytest

from controller.adapters.aws.clients import Clients, asking
from controller.domain.events import ApiFailed
from controller.errors import SpotRunnerError
from tests.controller.adapters.conftest import REGION
from tests.controller.adapters.scripted import Play, ScriptedServer
from tests.fakes.telling import Told


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
def clients(scripted: ScriptedServer, told: Told, monkeypatch: pytest.MonkeyPatch) -> Clients:
    for name, value in {
        "AWS_ACCESS_KEY_ID": "AKIAEXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "example",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_ENDPOINT_URL": scripted.address,
        "AWS_MAX_ATTEMPTS": "1",
    }.items():
        monkeypatch.setenv(name, value)
    return Clients(REGION, told)


def refusal(code: str, status: int = 400) -> Play:
    return Play(status, json.dumps({"__type": f"com.amazonaws.dynamodb.v20120810#{code}", "message": "no"}))


def read(clients: Clients) -> None:
    with pytest.raises(SpotRunnerError), asking("a record"):
        clients.dynamodb.get_item(TableName="jobs", Key={"id": {"S": "1"}})
    clients.close()


def create(clients: Clients) -> None:
    with pytest.raises(SpotRunnerError), asking("a launch"):
        clients.ec2_once.create_fleet(
            LaunchTemplateConfigs=[], TargetCapacitySpecification={"TotalTargetCapacity": 1}, Type="instant"
        )
    clients.close()


def ec2_refusal(code: str, status: int) -> Play:
    errors = f"<Errors><Error><Code>{code}</Code><Message>no</Message></Error></Errors>"
    return Play(status, f"<Response>{errors}<RequestID>1</RequestID></Response>")


def test_a_fault_of_the_service_is_told_once_after_the_sdks_own_tries(
    clients: Clients, scripted: ScriptedServer, told: Told
) -> None:
    scripted.play(*[refusal("InternalServerError", 500)] * 3)

    read(clients)

    assert len(scripted.seen) == 3
    assert told.events == [ApiFailed("dynamodb", "GetItem", "InternalServerError")]


def test_a_missing_right_is_told(clients: Clients, scripted: ScriptedServer, told: Told) -> None:
    scripted.play(refusal("AccessDeniedException"))

    read(clients)

    assert told.events == [ApiFailed("dynamodb", "GetItem", "AccessDeniedException")]


def test_a_service_that_does_not_answer_is_told(clients: Clients, scripted: ScriptedServer, told: Told) -> None:
    scripted.play(*[Play(drop=True)] * 3)

    read(clients)

    assert [(event.api, event.call) for event in told.of(ApiFailed)] == [("dynamodb", "GetItem")]


@pytest.mark.parametrize(
    "code", ["ConditionalCheckFailedException", "TransactionConflictException", "ThrottlingException"]
)
def test_a_condition_a_conflict_and_a_limit_are_answers(
    clients: Clients, scripted: ScriptedServer, told: Told, code: str
) -> None:
    scripted.play(*[refusal(code)] * 3)

    read(clients)

    assert told.events == []


def test_what_ec2_refuses_a_launch_with_is_told_by_the_launch(
    clients: Clients, scripted: ScriptedServer, told: Told
) -> None:
    scripted.play(ec2_refusal("UnauthorizedOperation", 403))

    create(clients)

    assert told.events == []


def test_a_launch_that_ec2_could_not_answer_is_told(clients: Clients, scripted: ScriptedServer, told: Told) -> None:
    scripted.play(ec2_refusal("InternalError", 500))

    create(clients)

    assert told.events == [ApiFailed("ec2", "CreateFleet", "InternalError")]
