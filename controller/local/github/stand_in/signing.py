"""A JSON web token signed with RS256, by arithmetic alone."""

from __future__ import annotations

import base64
import hashlib
import json
import time
import uuid

# The ASN.1 that PKCS #1 v1.5 puts before a SHA-256 digest.
_SHA256_INFO = bytes.fromhex("3031300d060960864801650304020105000420")
_LIFE_S = 300


def client_assertion(client_id: str, audience: str, key: dict[str, int]) -> str:
    """What a runner proves itself with to the token endpoint."""
    now = int(time.time())
    claims = {
        "sub": client_id,
        "jti": str(uuid.uuid4()),
        "iss": client_id,
        "aud": audience,
        "nbf": now,
        "iat": now,
        "exp": now + _LIFE_S,
    }
    signed = f"{_encode(_json({'alg': 'RS256', 'typ': 'JWT'}))}.{_encode(_json(claims))}"
    return f"{signed}.{_encode(_sign(signed.encode(), key))}"


def _sign(message: bytes, key: dict[str, int]) -> bytes:
    size = (key["modulus"].bit_length() + 7) // 8
    tail = b"\x00" + _SHA256_INFO + hashlib.sha256(message).digest()
    padded = int.from_bytes(b"\x00\x01" + b"\xff" * (size - len(tail) - 2) + tail, "big")
    # The Chinese remainder theorem: two powers of half the length instead of one.
    first, second = pow(padded, key["dp"], key["p"]), pow(padded, key["dq"], key["q"])
    lift = (key["inverseq"] * (first - second)) % key["p"]
    return (second + lift * key["q"]).to_bytes(size, "big")


def _json(document: dict[str, object] | dict[str, str]) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode()


def _encode(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()
