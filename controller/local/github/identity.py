"""Who calls the API: an App by a signed JWT, then an installation by a token that lives an hour."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.types import Options

LONGEST_JWT_S = 600
SKEW_S = 60
"""GitHub tolerates no more; Apps are told to set `iat` a minute back."""
TOKEN_LIFE = timedelta(hours=1)


@cache
def process_key(name: str) -> rsa.RSAPrivateKey:  # noqa: ARG001 the name is the cache's key
    """A 2048-bit RSA key that lives as long as this process; making one costs 80 ms of a core."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


class Unauthorized(Exception):
    """Credentials that GitHub refuses with 401, in its words."""


@dataclass(frozen=True, slots=True)
class InstallationToken:
    """A token of one installation."""

    token: str = field(repr=False)
    installation_id: int
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class AppKey:
    """An App's key pair."""

    private_pem: str = field(repr=False)
    public_pem: str

    @classmethod
    def of(cls, key: rsa.RSAPrivateKey) -> AppKey:
        """The pair in the form in which GitHub's settings page hands it out."""
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
        )
        public = key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        return cls(private.decode(), public.decode())


class Identity:
    """Checks the Apps' JWTs, mints and recognises installation tokens."""

    def __init__(self, keys: Mapping[int, AppKey], clock: Callable[[], datetime]) -> None:
        """`keys`: the Apps' by their ids, the one with the webhook first."""
        self.app_id = next(iter(keys))
        self._keys = keys
        self._clock = clock
        self._tokens: dict[str, InstallationToken] = {}
        self._fresh: set[str] = set()
        """Tokens nobody has used yet."""
        self._denials = 0
        self._lock = threading.Lock()

    def check_app(self, token: str) -> int:
        """Whose JWT it is; one that is not RS256, expired, from the future or valid for too long is refused."""
        app_id, key = self._issuer(token)
        try:
            claims = jwt.decode(token, key.public_pem, ["RS256"], options=_OPTIONS)
        except jwt.MissingRequiredClaimError as error:
            raise Unauthorized(f"Missing '{error.claim}' claim in assertion") from error
        except jwt.PyJWTError as error:
            raise Unauthorized("A JSON web token could not be decoded") from error
        if str(claims["iss"]) != str(app_id):
            raise Unauthorized("'Issuer' claim ('iss') must be an Integer")
        _check_times(claims, self._clock().timestamp())
        return app_id

    def _issuer(self, token: str) -> tuple[int, AppKey]:
        """The App that a JWT names, and its key, before anything is believed; the first one where it names none."""
        try:
            named = jwt.decode(token, options={"verify_signature": False}).get("iss")
        except jwt.PyJWTError:
            named = None
        return next(((name, key) for name, key in self._keys.items() if str(name) == str(named)), self._first)

    @property
    def _first(self) -> tuple[int, AppKey]:
        return next(iter(self._keys.items()))

    def mint(self, installation_id: int) -> InstallationToken:
        """A new token for an installation."""
        expires_at = self._clock().replace(microsecond=0) + TOKEN_LIFE
        token = InstallationToken(f"ghs_{secrets.token_urlsafe(27)}", installation_id, expires_at)
        with self._lock:
            self._tokens[token.token] = token
            self._fresh.add(token.token)
        return token

    def deny_fresh(self, times: int) -> None:
        """Refuse so many tokens their first call: GitHub's replicas do not hear of a new one at once."""
        with self._lock:
            self._denials += times

    def installation(self, token: str) -> int:
        """The installation a token belongs to."""
        with self._lock:
            found = self._tokens.get(token)
            denied = token in self._fresh and self._denials > 0
            self._denials -= denied
            self._fresh.discard(token)
        if found is None or denied or self._clock() >= found.expires_at:
            raise Unauthorized("Bad credentials")
        return found.installation_id


# PyJWT's own clock checks would use its clock and its words.
_OPTIONS: Options = {"require": ["iss", "iat", "exp"], "verify_exp": False, "verify_iat": False, "verify_aud": False}


def _check_times(claims: dict[str, object], now: float) -> None:
    issued, expires = claims["iat"], claims["exp"]
    if not isinstance(issued, int | float) or issued > now + SKEW_S:
        raise Unauthorized(
            "'Issued at' claim ('iat') must be an Integer representing the time that the assertion was issued"
        )
    if not isinstance(expires, int | float) or expires <= now:
        raise Unauthorized(
            "'Expiration time' claim ('exp') must be a numeric value representing the future time at which the "
            "assertion expires"
        )
    if expires > now + LONGEST_JWT_S + SKEW_S:
        raise Unauthorized("'Expiration time' claim ('exp') is too far in the future")


def system_clock() -> datetime:
    """The time of this machine."""
    return datetime.now(UTC)
