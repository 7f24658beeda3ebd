"""Speaking as a GitHub App: its short-lived signature, and the installation tokens got with it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime

import jwt

from controller.adapters.connection import Answer
from controller.adapters.github.budgets import Voice
from controller.adapters.github.calls import Call, fields
from controller.adapters.github.shared_tokens import SharedTokens, Token
from controller.errors import Rejected, Unavailable
from controller.ports import Secrets
from controller.servers import App

BACKDATED_S = 60
"""GitHub refuses a signature from the future, and clocks differ."""
SIGNED_FOR_S = 480
"""With the backdating nine minutes; GitHub takes ten."""
RENEW_S = 600.0
"""A token that ends this soon is not used any more."""

Mint = Callable[[Call, Voice, float], Answer]
"""Asks as the App itself."""


class Tokens:
    """Installation tokens, kept until shortly before they end: ours, else one that another function has left."""

    def __init__(self, mint: Mint, secrets: Secrets, shared: SharedTokens | None) -> None:
        self._mint = mint
        self._secrets = secrets
        self._shared = shared
        self._known: dict[Voice, Token] = {}
        self._refused: dict[Voice, str] = {}
        # Without it, a burst of claims in one process would each make a token of its own.
        self._making = threading.Lock()

    def of(self, voice: Voice, now: float) -> str:
        """A token that is good for some minutes at least."""
        with self._making:
            known = self._known.get(voice)
            if known is None or known.expires - RENEW_S <= now:
                known = self._found(voice, now) or self._made(voice, now)
                self._known[voice] = known
            return known.text

    def forget(self, voice: Voice, token: str) -> None:
        """GitHub does not take this token any more; another thread's newer one stays."""
        with self._making:
            self._refused[voice] = token
            known = self._known.get(voice)
            if known is not None and known.text == token:
                del self._known[voice]

    def signature(self, app: App, now: float) -> str:
        """What the App itself speaks with; good for some minutes."""
        key = self._secrets.read(app.key_secret_id, now)
        claims = {"iat": int(now) - BACKDATED_S, "exp": int(now) + SIGNED_FOR_S, "iss": app.app_id}
        try:
            return jwt.encode(claims, key, algorithm="RS256")
        except (jwt.PyJWTError, ValueError, TypeError):
            # The cause may quote the key, so it is not carried along.
            raise Rejected(f"secret {app.key_secret_id} is not an RSA private key in PEM form") from None

    def _found(self, voice: Voice, now: float) -> Token | None:
        found = self._shared.find(voice, now) if self._shared else None
        is_good = found and found.expires - RENEW_S > now and found.text != self._refused.get(voice)
        return found if is_good else None

    def _made(self, voice: Voice, now: float) -> Token:
        call = Call("POST", voice.server, f"/app/installations/{voice.installation_id}/access_tokens")
        answer = fields(call, self._mint(call, voice, now))
        text, expires = answer.get("token"), answer.get("expires_at")
        if not isinstance(text, str) or not isinstance(expires, str):
            raise Unavailable(f"{call}: answered without a token and its end")
        made = Token(text, datetime.fromisoformat(expires).timestamp())
        if self._shared:
            self._shared.leave(voice, made, now)
        return made
