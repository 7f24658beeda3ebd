"""AWS Signature Version 4 for the few requests that must not wait for an AWS SDK to load.

The algorithm: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
The tests compare each signature with botocore's.
"""

from __future__ import annotations

import hashlib
import hmac
from datetime import UTC, datetime
from urllib.parse import parse_qsl, quote, urlsplit

from runner_agent.contract.record import Record, field


class Credentials(Record):
    """An AWS key pair, with the session token that temporary credentials carry."""

    access_key: str
    secret_key: str = field(repr=False)
    token: str = field(default="", repr=False)


class Scope(Record):
    """What a signature is good for: one service in one region."""

    region: str
    service: str


def sign(  # noqa: PLR0913, PLR0917 - a request has four parts, its signature three more, and a known digest
    method: str,
    url: str,
    headers: dict[str, str],
    body: bytes,
    credentials: Credentials,
    scope: Scope,
    now: float,
    digest: str = "",
) -> dict[str, str]:
    """The headers to send: those given, with Host, X-Amz-Date, the token and Authorization added.

    `now` is in seconds since the epoch; AWS accepts a signature for five minutes around its own clock.
    A `digest` (SHA-256, hex) stands for a body that is not in memory.
    """
    parts = urlsplit(url)
    stamp = datetime.fromtimestamp(now, UTC).strftime("%Y%m%dT%H%M%SZ")
    digest = digest or hashlib.sha256(body).hexdigest()
    sent = {**headers, "Host": parts.netloc, "X-Amz-Date": stamp}
    if scope.service == "s3":
        sent["X-Amz-Content-SHA256"] = digest
    if credentials.token:
        sent["X-Amz-Security-Token"] = credentials.token
    names = ";".join(sorted(name.lower() for name in sent))
    canonical = "\n".join((method, _path(parts.path, scope), _query(parts.query), *_lines(sent), "", names, digest))
    where = f"{stamp[:8]}/{scope.region}/{scope.service}/aws4_request"
    to_sign = "\n".join(("AWS4-HMAC-SHA256", stamp, where, hashlib.sha256(canonical.encode()).hexdigest()))
    signature = hmac.new(_key(credentials.secret_key, stamp[:8], scope), to_sign.encode(), hashlib.sha256).hexdigest()
    sent["Authorization"] = (
        f"AWS4-HMAC-SHA256 Credential={credentials.access_key}/{where}, SignedHeaders={names}, Signature={signature}"
    )
    return sent


def _key(secret: str, day: str, scope: Scope) -> bytes:
    key = f"AWS4{secret}".encode()
    for part in (day, scope.region, scope.service, "aws4_request"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return key


def _path(path: str, scope: Scope) -> str:
    # S3 signs the path as it is sent; every other service signs that encoded once more.
    return path or "/" if scope.service == "s3" else quote(path or "/", safe="/-_.~")


def _query(query: str) -> str:
    pairs = parse_qsl(query, keep_blank_values=True)
    # Sorted by name before the names are joined to their values: "=" would sort after most of what a name can hold.
    encoded = sorted((quote(name, safe="-_.~"), quote(value, safe="-_.~")) for name, value in pairs)
    return "&".join(f"{name}={value}" for name, value in encoded)


def _lines(headers: dict[str, str]) -> list[str]:
    return [
        f"{name.lower()}:{' '.join(value.split())}"
        for name, value in sorted(headers.items(), key=lambda h: h[0].lower())
    ]
