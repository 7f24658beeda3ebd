from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from controller.local.aws.calls import Call
from controller.local.aws.gate import Verdict
from controller.local.aws.iam import Access
from controller.local.aws.iam_patterns import Unclear
from controller.local.aws.principals import Principal, PrincipalKind
from controller.local.aws.refusals import ServiceError
from controller.local.aws.web import Reply, typed
from tests.controller.local.aws.rig import Front

DISPATCH = Principal(PrincipalKind.FUNCTION, "dispatch", "stack-dispatch", "stack-dispatch")

CALLS: dict[str, Callable[[Any], Any]] = {
    "sqs": lambda client: client.list_queues(),
    "ec2": lambda client: client.describe_vpcs(),
    "s3": lambda client: client.list_buckets(),
    "dynamodb": lambda client: client.list_tables(),
    "ssm": lambda client: client.get_parameter(Name="/x"),
    "secretsmanager": lambda client: client.get_secret_value(SecretId="x"),
    "sts": lambda client: client.get_caller_identity(),
}


def nobody(call: Call) -> Verdict:
    access = Access(f"{call.service}:{call.action}", "*")
    return Verdict(f"User: {call.principal.arn} is not authorized to perform: {access.action}", (access,))


def refusal_of(client: object, service: str) -> tuple[str, int]:
    with pytest.raises(ClientError) as caught:
        CALLS[service](client)
    answer = caught.value.response
    return answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"]


@pytest.mark.parametrize(
    ("service", "code", "status"),
    [
        ("sqs", "SignatureDoesNotMatch", 403),
        ("ec2", "AuthFailure", 401),
        ("s3", "SignatureDoesNotMatch", 403),
        ("dynamodb", "InvalidSignatureException", 400),
        ("ssm", "InvalidSignatureException", 400),
        ("secretsmanager", "InvalidSignatureException", 400),
        ("sts", "SignatureDoesNotMatch", 403),
    ],
)
def test_each_service_refuses_a_forged_signature_in_its_own_words(
    front: Callable[..., Front], service: str, code: str, status: int
) -> None:
    client = front().client(service, secret="guessed")

    refused = refusal_of(client, service)

    assert refused == (code, status)


@pytest.mark.parametrize(
    ("service", "code", "status"),
    [
        ("sqs", "AccessDenied", 403),
        ("ec2", "UnauthorizedOperation", 403),
        ("s3", "AccessDenied", 403),
        ("dynamodb", "AccessDeniedException", 400),
        ("ssm", "AccessDeniedException", 400),
        ("sts", "AccessDenied", 403),
    ],
)
def test_what_the_judge_forbids_is_refused_in_the_services_own_words(
    front: Callable[..., Front], service: str, code: str, status: int
) -> None:
    client = front(judge=nobody).client(service, DISPATCH)

    refused = refusal_of(client, service)

    assert refused == (code, status)


def test_the_judge_hears_who_wants_to_do_what_to_what(front: Callable[..., Front]) -> None:
    heard = []

    def judge(call: Call) -> Verdict:
        heard.append((call.principal, call.service, call.action, call.resource))
        return Verdict("no")

    client = front(judge=judge).client("dynamodb", DISPATCH)
    with pytest.raises(ClientError):
        client.delete_table(TableName="jobs")

    assert heard == [(DISPATCH, "dynamodb", "DeleteTable", "jobs")]


def test_a_refused_call_is_written_down_with_its_status_and_what_it_needed(front: Callable[..., Front]) -> None:
    gate = front(judge=nobody)

    refusal_of(gate.client("ec2", DISPATCH), "ec2")

    record = gate.log.snapshot()[-1]
    assert (record.action, record.principal, record.status) == ("DescribeVpcs", "dispatch", 403)
    assert record.needed == (Access("ec2:DescribeVpcs", "*"),)


def test_a_call_that_cannot_be_judged_fails_loudly(
    front: Callable[..., Front], caplog: pytest.LogCaptureFixture
) -> None:
    def judge(call: Call) -> Verdict:
        raise Unclear(f"what is {call.action}?")

    gate = front({"sqs": lambda _: typed(200, "{}", "application/json")}, judge)

    with pytest.raises(ServiceError, match="what is SendMessage") as caught:
        gate.gate.ask(DISPATCH, "us-east-1", "SendMessage", {})

    assert (caught.value.code, gate.log.snapshot()[-1].status) == ("InternalFailure", 500)
    assert "sqs SendMessage can not be judged: what is SendMessage?" in caplog.text


def test_an_unsigned_request_is_refused_and_written_down(front: Callable[..., Front]) -> None:
    gate = front()

    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(gate.server.url + "/bucket/key")  # noqa: S310 - our own server
    caught.value.close()

    record = gate.log.snapshot()[-1]
    assert (caught.value.code, record.status, record.kind, record.service) == (403, 403, None, "s3")


def test_every_call_is_written_down_with_who_made_it(front: Callable[..., Front]) -> None:
    gate = front({"ssm": lambda _: typed(200, "{}", "application/json")})

    gate.client("ssm", DISPATCH).get_parameter(Name="/a/b")

    record = gate.log.snapshot()[-1]
    assert (record.service, record.action, record.resource) == ("ssm", "GetParameter", "/a/b")
    assert (record.kind, record.principal, record.status) == (PrincipalKind.FUNCTION, "dispatch", 200)
    assert record.ms >= 0


def test_a_request_that_lacks_a_field_is_the_callers_fault(front: Callable[..., Front]) -> None:
    def careless(call: Call) -> Reply:
        return typed(200, str(call.fields["Nobody"]), "application/json")

    client = front({"ssm": careless}).client("ssm")

    refused = refusal_of(client, "ssm")

    assert refused == ("ValidationException", 400)


def test_a_service_of_ours_can_be_asked_in_its_own_process(front: Callable[..., Front]) -> None:
    gate = front({"sqs": lambda call: typed(200, f'{{"QueueUrl":"{call.fields["QueueName"]}"}}', "application/json")})

    told = gate.gate.ask(DISPATCH, "us-east-1", "GetQueueUrl", {"QueueName": "jobs"})

    assert told == {"QueueUrl": "jobs"}
    assert gate.log.snapshot()[-1].principal == "dispatch"


def test_a_refusal_to_a_part_of_the_cloud_is_an_error_with_its_code(front: Callable[..., Front]) -> None:
    gate = front(judge=nobody)

    with pytest.raises(ServiceError, match="is not authorized to perform: sqs:SendMessage") as caught:
        gate.gate.ask(DISPATCH, "us-east-1", "SendMessage", {})

    assert caught.value.code == "AccessDenied"
