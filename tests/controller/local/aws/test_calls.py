from __future__ import annotations

import pytest

from controller.local.aws.calls import Call
from controller.local.aws.principals import Principal, PrincipalKind
from controller.local.aws.web import Request

ADMIN = Principal(PrincipalKind.ADMIN, "admin", "admin", "admin")


def call(service: str, request: Request) -> Call:
    return Call(ADMIN, service, "us-east-1", request)


@pytest.mark.parametrize(
    ("method", "target", "action"),
    [
        ("GET", "/", "ListBuckets"),
        ("PUT", "/cache", "CreateBucket"),
        ("GET", "/cache?list-type=2&prefix=a", "ListObjects"),
        ("PUT", "/cache?versioning", "PutBucketVersioning"),
        ("GET", "/cache/runner/a%20b.tar.gz", "GetObject"),
        ("PUT", "/cache/key", "PutObject"),
        ("HEAD", "/cache/key", "HeadObject"),
        ("DELETE", "/cache/key", "DeleteObject"),
    ],
)
def test_s3s_actions_are_read_from_method_and_path(method: str, target: str, action: str) -> None:
    named = call("s3", Request(method, target, {})).action

    assert named == action


def test_json_services_name_their_action_in_the_target() -> None:
    request = Request("POST", "/", {"x-amz-target": "DynamoDB_20120810.PutItem"}, b'{"TableName":"jobs"}')

    asked = call("dynamodb", request)

    assert (asked.action, asked.resource) == ("PutItem", "jobs")


def test_query_services_name_their_action_in_the_form() -> None:
    named = call("ec2", Request("POST", "/", {}, b"Action=CreateFleet&Version=2016-11-15")).action

    assert named == "CreateFleet"


def test_a_route_of_the_http_api_is_invoked() -> None:
    asked = call("execute-api", Request("POST", "/claim?x=1", {}, b"Action=Other"))

    assert (asked.action, asked.resource) == ("Invoke", "POST /claim")


def test_an_object_is_named_by_bucket_and_key() -> None:
    asked = call("s3", Request("GET", "/cache/runner/a%20b.tar.gz", {}))

    assert asked.resource == "cache/runner/a b.tar.gz"


@pytest.mark.parametrize("body", [b"", b"[]", b"not json", b"\xff"])
def test_a_body_that_is_no_object_has_no_fields(body: bytes) -> None:
    fields = call("sqs", Request("POST", "/", {}, body)).fields

    assert fields == {}
