"""Whether a request was really signed by the credentials it names, with botocore's own signer as the judge."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from http.client import HTTPMessage

from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import ReadOnlyCredentials

from controller.local.aws.principals import CredentialStore, Issued, Principal
from controller.local.aws.web import Request

SKEW_S = 300.0

_HEADER = re.compile(
    r"AWS4-HMAC-SHA256\s+Credential=([^/,\s]+)/(\d{8})/([^/]+)/([^/]+)/aws4_request\s*,"
    r"\s*SignedHeaders=([^,\s]+)\s*,\s*Signature=([0-9a-f]{64})"
)
_UNSIGNED = ("UNSIGNED-PAYLOAD", "STREAMING-UNSIGNED-PAYLOAD-TRAILER")


class Fault(StrEnum):
    """Why a signature was not believed."""

    MISSING = "missing"
    MALFORMED = "malformed"
    UNKNOWN_KEY = "unknown key"
    WRONG_TOKEN = "wrong token"  # noqa: S105 - a reason, not a token
    EXPIRED_TOKEN = "expired token"  # noqa: S105 - a reason, not a token
    SKEWED = "skewed"
    MISMATCH = "mismatch"
    DENIED = "denied"
    """Believed, but not allowed."""


class Unverified(Exception):
    """The request is not from whom it says."""

    def __init__(self, fault: Fault, message: str) -> None:
        super().__init__(message)
        self.fault = fault


@dataclass(frozen=True, slots=True)
class Claimed:
    """What an Authorization header says."""

    access_key: str
    day: str
    region: str
    service: str
    signed: tuple[str, ...]
    signature: str


@dataclass(frozen=True, slots=True)
class Verified:
    """Who sent the request, and for which service in which region it was signed."""

    principal: Principal
    access_key: str
    region: str
    service: str


def claimed(request: Request) -> Claimed:
    """Read the Authorization header; raises `Unverified`."""
    header = request.headers.get("authorization", "")
    if not header:
        raise Unverified(Fault.MISSING, "Request is missing Authentication Token")
    match = _HEADER.fullmatch(header.strip())
    if not match:
        raise Unverified(Fault.MALFORMED, "The Authorization header is not a Signature Version 4 one")
    access_key, day, region, service, signed, signature = match.groups()
    return Claimed(access_key, day, region, service, tuple(signed.split(";")), signature)


def verify(request: Request, credentials: CredentialStore, now: float) -> Verified:
    """The sender of a request; raises `Unverified`."""
    claim = claimed(request)
    issued = credentials.find(claim.access_key)
    if issued is None:
        raise Unverified(Fault.UNKNOWN_KEY, "The security token included in the request is invalid.")
    _check_coverage(request.headers, claim)
    _check_token(request.headers, issued, now)
    stamp = _check_time(request.headers.get("x-amz-date", ""), claim, now)
    _check_body(request, claim.service)
    if not hmac.compare_digest(_signature(request, claim, issued, stamp), claim.signature):
        raise Unverified(
            Fault.MISMATCH, "The request signature we calculated does not match the signature you provided."
        )
    return Verified(issued.principal, claim.access_key, claim.region, claim.service)


def _check_coverage(headers: Mapping[str, str], claim: Claimed) -> None:
    needed = {"host", *(name for name in headers if name.startswith("x-amz-"))}
    if lacking := sorted(needed - set(claim.signed)):
        raise Unverified(Fault.MALFORMED, f"Headers that must be signed are not: {', '.join(lacking)}")


def _check_token(headers: Mapping[str, str], issued: Issued, now: float) -> None:
    token = headers.get("x-amz-security-token", "")
    if not hmac.compare_digest(token.encode(), issued.keys.token.encode()):
        raise Unverified(Fault.WRONG_TOKEN, "The security token included in the request is invalid.")
    if now >= issued.expires:
        raise Unverified(Fault.EXPIRED_TOKEN, "The security token included in the request is expired")


def _check_time(stamp: str, claim: Claimed, now: float) -> str:
    try:
        signed_at = datetime.strptime(stamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).timestamp()
    except ValueError:
        raise Unverified(Fault.MALFORMED, "The X-Amz-Date header is missing or is not a date") from None
    if abs(signed_at - now) > SKEW_S:
        raise Unverified(Fault.SKEWED, f"Signature expired: {stamp} is more than 5 minutes from the current time")
    if claim.day != stamp[:8]:
        raise Unverified(Fault.MALFORMED, "Date in Credential scope does not match X-Amz-Date")
    return stamp


def _check_body(request: Request, service: str) -> None:
    digest = request.headers.get("x-amz-content-sha256", "")
    if not digest or (service == "s3" and digest in _UNSIGNED):
        return
    if digest != hashlib.sha256(request.body).hexdigest():
        raise Unverified(Fault.MISMATCH, "The provided 'x-amz-content-sha256' header does not match what was computed.")


class _OnlyWhatWasSigned:
    """Makes a botocore signer sign exactly the headers that the sender says it signed."""

    def headers_to_sign(self, request: AWSRequest) -> HTTPMessage:
        """All headers, because the request was built from the signed ones alone."""
        message = HTTPMessage()
        for name, value in request.headers.items():
            message[name.lower()] = value
        return message


class _Signer(_OnlyWhatWasSigned, SigV4Auth):
    pass


class _S3Signer(_OnlyWhatWasSigned, S3SigV4Auth):
    pass


def _signature(request: Request, claim: Claimed, issued: Issued, stamp: str) -> str:
    """The signature that the owner of these keys would have put on this request."""
    keys = ReadOnlyCredentials(issued.keys.access_key, issued.keys.secret_key, issued.keys.token)
    kind = _S3Signer if claim.service == "s3" else _Signer
    signer = kind(keys, claim.service, claim.region)
    again = AWSRequest(
        method=request.method,
        url=f"http://{request.headers.get('host', '')}{request.target}",
        headers={name: request.headers.get(name, "") for name in claim.signed},
        data=request.body,
    )
    again.context["timestamp"] = stamp
    return str(signer.signature(signer.string_to_sign(again, signer.canonical_request(again)), again))
