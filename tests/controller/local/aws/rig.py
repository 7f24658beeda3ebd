"""A gate on a port, doors and a patience: what the tests of the local cloud share."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import boto3
from mypy_boto3_dynamodb import DynamoDBClient

from controller.local.aws.calls import Call, CallLog
from controller.local.aws.gate import Gate, Judge, Service
from controller.local.aws.principals import CredentialStore, Principal, PrincipalKind
from controller.local.aws.provision import GitHubApp
from controller.local.aws.refusals import ServiceError
from controller.local.aws.web import Reply, Server

DOORS = """
def webhook(event, context):
    return {"statusCode": 202, "body": "queued"}

def dispatch(event, context):
    return {"batchItemFailures": []}

claim = reports = housekeeping = webhook
events = dispatch
"""

GITHUB = GitHubApp("http://127.0.0.1:9/github", "4711", "-----KEY-----", "hush")


def eventually(what: Callable[[], object], deadline_s: float = 30.0) -> None:
    """Wait for something to become true."""
    end = time.monotonic() + deadline_s
    while not what():
        assert time.monotonic() < end, "it never happened"
        time.sleep(0.01)


def nothing_else(call: Call) -> Reply:
    """The store of a gate that has none."""
    raise ServiceError("UnknownOperation", f"nobody answers {call.action}", 404)


class Front:
    """A gate on a port, with the services of one test behind it."""

    def __init__(self, services: dict[str, Service], judge: Judge) -> None:
        self.credentials = CredentialStore()
        self.log = CallLog()
        self.gate = Gate(self.credentials, nothing_else, judge, self.log)
        self.gate.services |= services
        self.server = Server(self.gate.answer, "front")
        self.server.start()
        self.clients: list[Any] = []

    def client(self, service: str, principal: Principal | None = None, *, secret: str = "") -> Any:  # noqa: ANN401 - a class for each service
        """A boto3 client of a principal; with another secret than the one it was given, where one is named."""
        who = principal or Principal(PrincipalKind.ADMIN, "admin", "admin", "admin")
        keys = self.credentials.issue(who, time.time() + 3600).keys
        session: Any = boto3.Session(keys.access_key, secret or keys.secret_key, keys.token, region_name="us-east-1")
        client = session.client(service, endpoint_url=self.server.url)
        self.clients.append(client)
        return client

    def close(self) -> None:
        for client in self.clients:
            client.close()
        self.server.stop()


def jobs_table(dynamodb: DynamoDBClient) -> None:
    """A table with an index that holds whole items by `stage` and `at`."""
    dynamodb.create_table(
        TableName="jobs",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[
            {"AttributeName": "id", "AttributeType": "S"},
            {"AttributeName": "stage", "AttributeType": "S"},
            {"AttributeName": "at", "AttributeType": "N"},
        ],
        GlobalSecondaryIndexes=[
            {
                "IndexName": "by-stage",
                "KeySchema": [
                    {"AttributeName": "stage", "KeyType": "HASH"},
                    {"AttributeName": "at", "KeyType": "RANGE"},
                ],
                "Projection": {"ProjectionType": "ALL"},
            }
        ],
        BillingMode="PAY_PER_REQUEST",
    )
