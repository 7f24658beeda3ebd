"""An RSA key pair and the check of what it signed, by arithmetic alone: the agent has no cryptography library."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import math
import secrets
from dataclasses import dataclass, field
from typing import Any

BITS = 2048
EXPONENT = 65_537
_ROUNDS = 8
_SMALL = math.prod(n for n in range(3, 2_000, 2) if all(n % d for d in range(3, math.isqrt(n) + 1, 2)))
# The ASN.1 that PKCS #1 v1.5 puts before a SHA-256 digest.
_SHA256_INFO = bytes.fromhex("3031300d060960864801650304020105000420")


class BadAssertion(ValueError):
    """Not a token that this key pair has signed."""


@dataclass(frozen=True, slots=True)
class KeyPair:
    """One runner's key."""

    modulus: int
    p: int = field(repr=False)
    q: int = field(repr=False)

    def parameters(self) -> dict[str, str]:
        """The pair as the runner keeps it: numbers in base64, each in its full length."""
        private = pow(EXPONENT, -1, math.lcm(self.p - 1, self.q - 1))
        half, whole = BITS // 16, BITS // 8
        return {
            "d": _number(private, whole),
            "dp": _number(private % (self.p - 1), half),
            "dq": _number(private % (self.q - 1), half),
            "exponent": _number(EXPONENT, 3),
            "inverseQ": _number(pow(self.q, -1, self.p), half),
            "modulus": _number(self.modulus, whole),
            "p": _number(self.p, half),
            "q": _number(self.q, half),
        }

    def claims(self, token: str) -> dict[str, Any]:
        """What an RS256 token claims; raises `BadAssertion`."""
        signed, _, signature = token.rpartition(".")
        header, _, body = signed.partition(".")
        try:
            algorithm = json.loads(_decode(header))["alg"]
            opened = pow(int.from_bytes(_decode(signature), "big"), EXPONENT, self.modulus)
            claims: dict[str, Any] = json.loads(_decode(body))
        except (ValueError, KeyError, TypeError):
            raise BadAssertion("not a JSON web token") from None
        if algorithm != "RS256":
            raise BadAssertion(f"signed with {algorithm}, not with RS256")
        if not hmac.compare_digest(opened.to_bytes(BITS // 8, "big"), _padded(signed.encode())):
            raise BadAssertion("the signature is not of this runner's key")
        return claims


def generate() -> KeyPair:
    """A fresh key pair; it never leaves this process and the runner's folder, and guards nothing."""
    while True:
        p, q = _prime(BITS // 2), _prime(BITS // 2)
        if p != q:
            return KeyPair(p * q, max(p, q), min(p, q))


def _prime(bits: int) -> int:
    while True:
        # With its two highest bits set, the product of two has its full length.
        number = secrets.randbits(bits) | 0b11 << bits - 2 | 1
        if math.gcd(number, _SMALL) == 1 and number % EXPONENT != 1 and _is_prime(number):
            return number


def _is_prime(number: int) -> bool:
    """Miller and Rabin's test."""
    twos = (number - 1 & -(number - 1)).bit_length() - 1
    odd = number - 1 >> twos
    for _ in range(_ROUNDS):
        power = pow(secrets.randbelow(number - 3) + 2, odd, number)
        if power in {1, number - 1}:
            continue
        if not any((power := power * power % number) == number - 1 for _ in range(twos - 1)):
            return False
    return True


def _padded(message: bytes) -> bytes:
    tail = b"\x00" + _SHA256_INFO + hashlib.sha256(message).digest()
    return b"\x00\x01" + b"\xff" * (BITS // 8 - len(tail) - 2) + tail


def _number(value: int, size: int) -> str:
    return base64.b64encode(value.to_bytes(size, "big")).decode("ascii")


def _decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
