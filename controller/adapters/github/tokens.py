"""Speaking as the GitHub App: its short-lived signature, and the installation tokens got with it."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from datetime import datetime

import jwt

from controller.adapters.github.calls import Call, Rest, fields
from controller.errors import Rejected, Unavailable
from controller.ports import Secrets

BACKDATED_S = 60
"""GitHub refuses a signature from the future, and clocks differ."""
SIGNED_FOR_S = 480
"""With the backdating nine minutes; GitHub takes ten."""
RENEW_S = 600.0
"""A token that ends this soon is not used any more."""


@dataclass(frozen=True, slots=True)
class App:
    """The GitHub App this stack speaks as."""

    app_id: str
    key_secret_id: str


@dataclass(frozen=True, slots=True)
class _Token:
    text: str = field(repr=False)
    expires: float


class Tokens:
    """Installation tokens, kept until shortly before they end; one is made at a time."""

    def __init__(self, rest: Rest, app: App, secrets: Secrets) -> None:
        self._rest = rest
        self._app = app
        self._secrets = secrets
        self._known: dict[tuple[str, int], _Token] = {}
        # Without it, a burst of claims in one process would each make a token of its own.
        self._making = threading.Lock()

    def of(self, server: str, installation_id: int, now: float) -> str:
        """A token that is good for some minutes at least."""
        with self._making:
            known = self._known.get((server, installation_id))
            if known is None or known.expires - RENEW_S <= now:
                known = self._make(server, installation_id, now)
                self._known[server, installation_id] = known
            return known.text

    def forget(self, server: str, installation_id: int, token: str) -> None:
        """GitHub does not take this token any more; another thread's newer one stays."""
        with self._making:
            known = self._known.get((server, installation_id))
            if known is not None and known.text == token:
                del self._known[server, installation_id]

    def _make(self, server: str, installation_id: int, now: float) -> _Token:
        call = Call("POST", server, f"/app/installations/{installation_id}/access_tokens")
        answer = fields(call, self._rest.send(call, self.signature(now), now, fine={201}))
        text, expires = answer.get("token"), answer.get("expires_at")
        if not isinstance(text, str) or not isinstance(expires, str):
            raise Unavailable(f"{call}: answered without a token and its end")
        return _Token(text, datetime.fromisoformat(expires).timestamp())

    def signature(self, now: float) -> str:
        """What the App itself speaks with; good for some minutes."""
        key = self._secrets.read(self._app.key_secret_id, now)
        claims = {"iat": int(now) - BACKDATED_S, "exp": int(now) + SIGNED_FOR_S, "iss": self._app.app_id}
        try:
            return jwt.encode(claims, key, algorithm="RS256")
        except (jwt.PyJWTError, ValueError, TypeError):
            # The cause may quote the key, so it is not carried along.
            raise Rejected(f"secret {self._app.key_secret_id} is not an RSA private key in PEM form") from None
