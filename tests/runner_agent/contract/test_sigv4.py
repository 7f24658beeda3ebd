from __future__ import annotations

from datetime import UTC, datetime
from urllib.parse import quote

import pytest
from botocore import auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as BotoCredentials
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from runner_agent.contract.sigv4 import Credentials, Scope, sign

NOW = 1_795_000_000.0
KEYS = Credentials("ASIAEXAMPLE", "made-up/secret+key", "made-up//session+token==")
SERVICES = ("sqs", "execute-api", "s3", "logs")


@pytest.fixture(autouse=True)
def botocore_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    def now(remove_tzinfo: bool = True) -> datetime:  # noqa: FBT001, FBT002 - botocore's own signature
        moment = datetime.fromtimestamp(NOW, UTC)
        return moment.replace(tzinfo=None) if remove_tzinfo else moment

    monkeypatch.setattr(auth, "get_current_datetime", now)


def botocore_signature(
    method: str, url: str, headers: dict[str, str], body: bytes, keys: Credentials, scope: Scope
) -> str:
    """What botocore puts into Authorization."""
    request = AWSRequest(method=method, url=url, data=body, headers=dict(headers))
    if scope.service == "s3":
        # The SDK's own operations skip the body's digest over TLS; signing it is the stricter choice.
        request.context["payload_signing_enabled"] = True
    kind = auth.S3SigV4Auth if scope.service == "s3" else auth.SigV4Auth
    boto = BotoCredentials(keys.access_key, keys.secret_key, keys.token or None)
    kind(boto, scope.service, scope.region).add_auth(request)
    return str(request.headers["Authorization"])


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize(
    "url",
    [
        "https://example.amazonaws.com/",
        "https://example.amazonaws.com/claim",
        "https://example.amazonaws.com/$default/claim",
        "https://example.amazonaws.com/stage/a%20b/c%2Bd",
        "https://example.amazonaws.com/a~b/c_d-e.f/@:!'()*;",
        "https://example.amazonaws.com/bucket/runner/2.336.0/actions-runner-linux-x64-2.336.0.tar.gz",
        "https://example.amazonaws.com/p?b=2&a=1",
        "https://example.amazonaws.com/p?a=1&a-b=2&a1=3",
        "https://example.amazonaws.com/p?x=&empty=&z=%2F%20%3D",
        "http://127.0.0.1:5000/000000000000/reports",
    ],
)
def test_a_signature_is_botocores_own(service: str, url: str) -> None:
    scope = Scope("eu-west-1", service)
    headers = {"Content-Type": "application/x-amz-json-1.0", "X-Amz-Target": "AmazonSQS.SendMessage"}

    ours = sign("POST", url, headers, b'{"a":1}', KEYS, scope, NOW)

    assert ours["Authorization"] == botocore_signature("POST", url, headers, b'{"a":1}', KEYS, scope)


SEGMENTS = st.text(
    st.characters(codec="utf-8", exclude_characters="/", exclude_categories=["Cs"]), min_size=1, max_size=8
)
# Dot segments and empty ones are for the caller to avoid: every service normalises them in its own way.
PATHS = st.lists(SEGMENTS.filter(lambda s: s not in {".", ".."}), max_size=3)
NAMES = st.text(st.characters(codec="utf-8"), min_size=1, max_size=6)
QUERIES = st.lists(st.tuples(NAMES, st.text(st.characters(codec="utf-8"), max_size=6)), max_size=4)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.tuples(st.sampled_from(["GET", "PUT", "POST"]), st.sampled_from(SERVICES)),
    PATHS,
    QUERIES,
    st.binary(max_size=50),
    st.text(st.characters(codec="ascii", exclude_categories=["Cc"]), max_size=20),
    st.sampled_from([KEYS, Credentials("AKIAEXAMPLE", "made-up-key")]),
)
def test_every_signature_is_botocores_own(
    call: tuple[str, str],
    path: list[str],
    query: list[tuple[str, str]],
    body: bytes,
    header: str,
    keys: Credentials,
) -> None:
    url = "https://host.example:8443/" + "/".join(quote(part, safe="-_.~") for part in path)
    if query:
        url += "?" + "&".join(f"{quote(k, safe='-_.~')}={quote(v, safe='-_.~')}" for k, v in query)
    method, service = call
    scope = Scope("us-gov-west-1", service)

    ours = sign(method, url, {"X-Odd": header}, body, keys, scope, NOW)

    assert ours["Authorization"] == botocore_signature(method, url, {"X-Odd": header}, body, keys, scope)


def test_the_headers_to_send_carry_the_token_and_the_time() -> None:
    sent = sign("GET", "https://h.example/a", {"A": "b"}, b"", KEYS, Scope("r", "s3"), NOW)

    assert sent["X-Amz-Security-Token"] == KEYS.token
    assert sent["X-Amz-Date"] == datetime.fromtimestamp(NOW, UTC).strftime("%Y%m%dT%H%M%SZ")
    assert sent["Host"] == "h.example"
    assert sent["A"] == "b"
    assert KEYS.secret_key not in str(sent)


def test_credentials_never_show_their_secrets() -> None:
    shown = repr(KEYS)

    assert "secret" not in shown.replace("secret_key", "")
    assert "session" not in shown
