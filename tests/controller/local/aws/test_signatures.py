from __future__ import annotations

import time
from dataclasses import replace
from urllib.parse import quote

import pytest
from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import ReadOnlyCredentials
from hypothesis import given
from hypothesis import strategies as st

from controller.local.aws.principals import CredentialStore, Issued, Principal, PrincipalKind
from controller.local.aws.signatures import Fault, Unverified, verify
from controller.local.aws.web import Request
from runner_agent.contract import record
from runner_agent.contract.sigv4 import Scope, sign

MACHINE = Principal(PrincipalKind.INSTANCE, "i-1", "runner", "i-1")
STORE = CredentialStore()
ISSUED = STORE.issue(MACHINE, time.time() + 3600)
HOST = "127.0.0.1:4566"


def by_botocore(request: Request, service: str, issued: Issued = ISSUED) -> Request:
    """The request as botocore would have signed and sent it."""
    keys = ReadOnlyCredentials(issued.keys.access_key, issued.keys.secret_key, issued.keys.token)
    headers = {**request.headers, "host": HOST}
    prepared = AWSRequest(request.method, f"http://{HOST}{request.target}", headers=headers, data=request.body)
    (S3SigV4Auth if service == "s3" else SigV4Auth)(keys, service, "us-east-1").add_auth(prepared)
    return replace(request, headers={name.lower(): value for name, value in prepared.headers.items()})


def by_the_agent(request: Request, service: str, at: float, issued: Issued = ISSUED) -> Request:
    url = f"http://{HOST}{request.target}"
    scope = Scope("us-east-1", service)
    headers = sign(request.method, url, dict(request.headers), request.body, issued.keys, scope, at)
    return replace(request, headers={name.lower(): value for name, value in headers.items()})


def fault_of(request: Request, at: float | None = None) -> Fault:
    with pytest.raises(Unverified) as caught:
        verify(request, STORE, time.time() if at is None else at)
    return caught.value.fault


@given(
    method=st.sampled_from(["GET", "POST", "PUT", "DELETE"]),
    path=st.text(st.characters(codec="utf-8", exclude_characters="\0\r\n"), max_size=20),
    query=st.dictionaries(st.text(min_size=1, max_size=5), st.text(max_size=5), max_size=3),
    body=st.binary(max_size=50),
    service=st.sampled_from(["s3", "sqs", "execute-api"]),
)
def test_whatever_botocore_signs_is_believed(
    method: str, path: str, query: dict[str, str], body: bytes, service: str
) -> None:
    asked = "&".join(f"{quote(key, safe='-_.~')}={quote(value, safe='-_.~')}" for key, value in query.items())
    target = "/" + quote(path, safe="-_.~") + (f"?{asked}" if asked else "")

    who = verify(by_botocore(Request(method, target, {}, body), service), STORE, time.time())

    assert (who.principal, who.service) == (MACHINE, service)


@pytest.mark.parametrize("service", ["s3", "sqs", "execute-api"])
def test_whatever_the_agent_signs_is_believed(service: str) -> None:
    request = Request("POST", "/a/b%20c?x=1&a=%2F", {"content-type": "application/json"}, b"{}")

    who = verify(by_the_agent(request, service, time.time()), STORE, time.time())

    assert who.principal.user_id == f"{MACHINE.role_id}:i-1"


@pytest.mark.parametrize(
    "change",
    [
        {"body": b'{"other":1}'},
        {"method": "PUT"},
        {"target": "/claim2"},
        {"target": "/claim?x=1"},
    ],
    ids=["body", "method", "path", "query"],
)
@pytest.mark.parametrize("service", ["sqs", "s3"])
def test_a_request_changed_on_its_way_is_not_believed(change: dict[str, object], service: str) -> None:
    signed = by_botocore(Request("POST", "/claim", {"content-type": "application/json"}, b"{}"), service)

    fault = fault_of(replace(signed, **change))  # type: ignore[arg-type]  # each value fits its field

    assert fault is Fault.MISMATCH


def test_a_changed_header_that_was_signed_is_not_believed() -> None:
    signed = by_botocore(Request("POST", "/", {"x-amz-target": "AmazonSQS.SendMessage"}), "sqs")

    fault = fault_of(replace(signed, headers={**signed.headers, "x-amz-target": "AmazonSQS.PurgeQueue"}))

    assert fault is Fault.MISMATCH


def test_an_aws_header_that_was_not_signed_is_not_believed() -> None:
    signed = by_botocore(Request("POST", "/", {}), "sqs")

    fault = fault_of(replace(signed, headers={**signed.headers, "x-amz-target": "AmazonSQS.PurgeQueue"}))

    assert fault is Fault.MALFORMED


@pytest.mark.parametrize("seconds", [-301, 301])
def test_a_signature_of_more_than_five_minutes_off_is_not_believed(seconds: int) -> None:
    now = time.time()

    fault = fault_of(by_the_agent(Request("POST", "/claim", {}), "execute-api", now + seconds), now)

    assert fault is Fault.SKEWED


@pytest.mark.parametrize("seconds", [-295, 295])
def test_clocks_may_be_off_by_less_than_five_minutes(seconds: int) -> None:
    now = time.time()

    who = verify(by_the_agent(Request("POST", "/claim", {}), "execute-api", now + seconds), STORE, now)

    assert who.principal == MACHINE


def test_an_unknown_key_is_told_from_a_wrong_secret() -> None:
    stranger = CredentialStore().issue(MACHINE, time.time() + 60)
    forger = replace(ISSUED, keys=record.replace(ISSUED.keys, secret_key="guessed"))

    unknown = fault_of(by_botocore(Request("GET", "/", {}), "s3", stranger))
    forged = fault_of(by_botocore(Request("GET", "/", {}), "s3", forger))

    assert (unknown, forged) == (Fault.UNKNOWN_KEY, Fault.MISMATCH)


def test_temporary_keys_need_their_own_token() -> None:
    without = replace(ISSUED, keys=record.replace(ISSUED.keys, token=""))
    other = replace(ISSUED, keys=record.replace(ISSUED.keys, token="other"))

    faults = [fault_of(by_botocore(Request("GET", "/", {}), "sqs", keys)) for keys in (without, other)]

    assert faults == [Fault.WRONG_TOKEN, Fault.WRONG_TOKEN]


def test_expired_keys_are_not_believed() -> None:
    expired = STORE.issue(MACHINE, time.time() - 1)

    fault = fault_of(by_botocore(Request("GET", "/", {}), "sqs", expired))

    assert fault is Fault.EXPIRED_TOKEN


@pytest.mark.parametrize("header", ["Basic dXNlcg==", "AWS4-HMAC-SHA256 Credential=AKIA/x", "AWS AKIA:sig"])
def test_other_ways_to_authorize_are_malformed(header: str) -> None:
    fault = fault_of(Request("GET", "/", {"authorization": header}))

    assert fault is Fault.MALFORMED


def test_an_unsigned_request_is_missing_its_signature() -> None:
    fault = fault_of(Request("GET", "/", {}))

    assert fault is Fault.MISSING


def test_only_s3_takes_an_unsigned_payload() -> None:
    request = Request("PUT", "/", {"x-amz-content-sha256": "UNSIGNED-PAYLOAD"}, b"x")

    fault = fault_of(by_botocore(request, "sqs"))
    who = verify(by_botocore(request, "s3"), STORE, time.time())

    assert fault is Fault.MISMATCH
    assert who.principal == MACHINE


def test_newer_keys_do_not_end_the_older_ones() -> None:
    newer = STORE.issue(MACHINE, time.time() + 3600)

    both = [verify(by_botocore(Request("GET", "/", {}), "sqs", keys), STORE, time.time()) for keys in (ISSUED, newer)]

    assert [who.principal for who in both] == [MACHINE, MACHINE]
    assert both[0].access_key != both[1].access_key


def test_nothing_secret_shows_in_what_was_issued() -> None:
    shown = repr(ISSUED)

    assert ISSUED.keys.secret_key not in shown
    assert ISSUED.keys.token not in shown
