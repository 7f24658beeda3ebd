"""Installation tokens that the functions of a stack share, sealed with what only the App's own key can make.

Whoever may read the App's key may mint tokens anyway, so reading one adds nothing to what he can do; the
memory itself holds nothing that anybody else could use.
"""

from __future__ import annotations

import base64
import binascii
import os
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from controller.adapters.github.budgets import Voice
from controller.errors import Rejected, Unavailable
from controller.ports import Memory, Secrets

_NONCE = 12
_KEY = 32


@dataclass(frozen=True, slots=True)
class Token:
    """An installation's token, and when it ends."""

    text: str = field(repr=False)
    expires: float


class SharedTokens:
    """Never in the way: what can not be shared is minted."""

    def __init__(self, memory: Memory, secrets: Secrets) -> None:
        self._memory = memory
        self._secrets = secrets
        self._keys: dict[str, tuple[str, AESGCM]] = {}

    def find(self, voice: Voice, now: float) -> Token | None:
        """What another function has left here."""
        try:
            sealed = self._memory.recall(_name(voice), now)
            return self._opened(voice, sealed, now) if sealed else None
        except (Unavailable, Rejected):
            return None

    def leave(self, voice: Voice, token: Token, now: float) -> None:
        """Leave a token for the others; of two the last one stays."""
        nonce = os.urandom(_NONCE)
        plain = f"{token.expires} {token.text}".encode()
        try:
            sealed = nonce + self._key(voice, now).encrypt(nonce, plain, _name(voice).encode())
            self._memory.remember(_name(voice), base64.b64encode(sealed).decode(), token.expires)
        except (Unavailable, Rejected):
            return

    def _opened(self, voice: Voice, sealed: str, now: float) -> Token | None:
        try:
            data = base64.b64decode(sealed, validate=True)
            plain = self._key(voice, now).decrypt(data[:_NONCE], data[_NONCE:], _name(voice).encode())
        except (InvalidTag, binascii.Error, ValueError):
            # Sealed before the App's key was replaced, or not by us.
            return None
        expires, _, text = plain.decode().partition(" ")
        return Token(text, float(expires))

    def _key(self, voice: Voice, now: float) -> AESGCM:
        secret_id = voice.app.key_secret_id
        secret = self._secrets.read(secret_id, now)
        known, key = self._keys.get(secret_id, ("", None))
        if key is None or known != secret:
            # Made from the newest key only: tokens of an App whose key was replaced are read by nobody.
            key = AESGCM(HKDF(hashes.SHA256(), _KEY, None, b"spotrunner installation tokens").derive(secret.encode()))
            self._keys[secret_id] = (secret, key)
        return key


def _name(voice: Voice) -> str:
    return f"github token {voice}"
