from __future__ import annotations

import http.client
import json
import time
from collections.abc import Callable, Mapping

import pytest

from controller import wiring
from controller.local.aws.cloud import LocalCloud
from controller.local.aws.principals import ACCOUNT, Principal, PrincipalKind
from runner_agent.contract.sigv4 import Credentials, Scope, sign

pytestmark = pytest.mark.local_cloud


DOORS = """
import time

def webhook(event, context):
    if event.get("body") == "fail":
        raise RuntimeError("planned")
    if event.get("body") == "nonsense":
        return {"statusCode": "many"}
    if event.get("body") == "plain":
        return ["no", "status"]
    if event.get("body") == "bytes":
        return {"statusCode": 200, "isBase64Encoded": True, "body": "AAE=", "cookies": ["a=1", "b=2"],
                "headers": {"Content-Type": "application/x-thing", "X-Number": 7}}
    if event.get("body") == "slow":
        time.sleep(1000)
    return {"statusCode": 202, "headers": {"content-type": "application/json"}, "body": __import__("json").dumps(event)}

claim = dispatch = reports = housekeeping = webhook
"""
MACHINE = Principal(PrincipalKind.INSTANCE, "i-0123", "demo-local-machine", "i-0123")


@pytest.fixture(scope="module")
def cloud(start_cloud: Callable[..., LocalCloud]) -> LocalCloud:
    quick = wiring.Function("webhook", wiring.WEBHOOK.trigger, timeout_s=3, memory_mb=128)
    return start_cloud(DOORS, functions=(quick, wiring.CLAIM))


def send(url: str, body: bytes = b"", method: str = "POST", **headers: str) -> tuple[int, Mapping[str, str], bytes]:
    address, _, path = url.removeprefix("http://").partition("/")
    connection = http.client.HTTPConnection(address)
    connection.request(method, f"/{path}", body, {name.replace("_", "-"): value for name, value in headers.items()})
    response = connection.getresponse()
    told = response.read()
    connection.close()
    return response.status, {name.lower(): value for name, value in response.getheaders()}, told


def keys(cloud: LocalCloud) -> Credentials:
    return cloud._credentials.issue(MACHINE, time.time() + 60).keys


def signed(cloud: LocalCloud, body: bytes, service: str = "execute-api") -> dict[str, str]:
    headers = {"Content-Type": "application/json"}
    return sign("POST", cloud.claim_url, headers, body, keys(cloud), Scope("us-east-1", service), time.time())


def test_a_request_becomes_an_event_in_format_2(cloud: LocalCloud) -> None:
    url = cloud.webhook_url + "?a=1&a=2&b="

    status, headers, body = send(url, b'{"x":1}', Content_Type="application/json", X_GitHub_Event="push")

    event = json.loads(body)
    assert (status, headers["content-type"]) == (202, "application/json")
    assert (event["version"], event["routeKey"], event["rawPath"]) == ("2.0", "POST /webhook/github", "/webhook/github")
    assert event["rawQueryString"] == "a=1&a=2&b="
    assert event["queryStringParameters"] == {"a": "1,2", "b": ""}
    assert event["headers"]["x-github-event"] == "push"
    assert (event["body"], event["isBase64Encoded"]) == ('{"x":1}', False)
    assert event["requestContext"]["http"]["method"] == "POST"
    assert event["requestContext"]["requestId"]
    assert "authorizer" not in event["requestContext"]


def test_a_body_that_is_no_text_comes_in_base64(cloud: LocalCloud) -> None:
    event = json.loads(send(cloud.webhook_url, b"\x00\xff", Content_Type="application/octet-stream")[2])

    assert (event["body"], event["isBase64Encoded"]) == ("AP8=", True)


def test_a_signed_request_brings_its_senders_verified_identity(cloud: LocalCloud) -> None:
    headers = signed(cloud, b"{}")

    event = json.loads(send(cloud.claim_url, b"{}", **headers)[2])

    iam = event["requestContext"]["authorizer"]["iam"]
    assert iam["userId"] == iam["callerId"] == f"{MACHINE.role_id}:i-0123"
    assert iam["userArn"] == f"arn:aws:sts::{ACCOUNT}:assumed-role/demo-local-machine/i-0123"
    assert iam["accountId"] == ACCOUNT
    assert iam["accessKey"] in headers["Authorization"]


def test_a_signed_request_is_written_down_as_an_invocation_by_its_machine(cloud: LocalCloud) -> None:
    send(cloud.claim_url, b"{}", **signed(cloud, b"{}"))

    record = cloud.calls[-1]
    assert (record.service, record.action, record.resource) == ("execute-api", "Invoke", "POST /claim")
    assert (record.kind, record.principal, record.status) == (PrincipalKind.INSTANCE, "i-0123", 202)


@pytest.mark.parametrize("wrong", ["unsigned", "body", "service"])
def test_a_route_for_signed_callers_forbids_all_others(cloud: LocalCloud, wrong: str) -> None:
    headers = {
        "unsigned": {},
        "body": signed(cloud, b"other"),
        "service": signed(cloud, b"{}", "sqs"),
    }[wrong]
    before = cloud.functions()["claim"].invocations

    status, _, body = send(cloud.claim_url, b"{}", **headers)

    assert (status, body) == (403, b'{"message":"Forbidden"}')
    assert cloud.functions()["claim"].invocations == before
    assert (cloud.calls[-1].kind, cloud.calls[-1].action) == (None, "Invoke")


@pytest.mark.parametrize(("method", "path"), [("GET", "/claim"), ("POST", "/"), ("POST", "/claim/x")])
def test_other_routes_are_not_found(cloud: LocalCloud, method: str, path: str) -> None:
    status, _, body = send(cloud.api_url + path, method=method)

    assert (status, body) == (404, b'{"message":"Not Found"}')


@pytest.mark.parametrize("body", [b"fail", b"nonsense", b"slow"])
def test_a_function_that_fails_is_an_internal_error(cloud: LocalCloud, body: bytes) -> None:
    status, _, told = send(cloud.webhook_url, body)

    assert (status, told) == (500, b'{"message":"Internal Server Error"}')


def test_an_answer_without_a_status_is_a_json_body(cloud: LocalCloud) -> None:
    status, headers, told = send(cloud.webhook_url, b"plain")

    assert (status, headers["content-type"], json.loads(told)) == (200, "application/json", ["no", "status"])


def test_bytes_headers_and_cookies_come_through(cloud: LocalCloud) -> None:
    status, headers, told = send(cloud.webhook_url, b"bytes")

    assert (status, told) == (200, b"\x00\x01")
    assert (headers["content-type"], headers["x-number"]) == ("application/x-thing", "7")
    assert headers["set-cookie"] == "b=2"
