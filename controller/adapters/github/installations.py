"""Calls in the name of an App's installations: each carries a token, and a revoked one is replaced once."""

from __future__ import annotations

from collections.abc import Collection

from controller.adapters.connection import Answer
from controller.adapters.github.calls import Call, Rest, Unauthorized
from controller.adapters.github.tokens import App, Tokens
from controller.ports import Secrets, Tell


class Installations:
    """Shared by everything that speaks to GitHub in one function, and with it the tokens and connections."""

    def __init__(self, app: App, secrets: Secrets, tell: Tell | None = None) -> None:
        self._rest = Rest(tell)
        self._tokens = Tokens(self._rest, app, secrets)

    def send(self, call: Call, installation_id: int, now: float, fine: Collection[int]) -> Answer:
        """The answer, where its status is a fine one; otherwise raises our error for it."""
        token = self._tokens.of(call.server, installation_id, now)
        try:
            return self._rest.send(call, token, now, fine)
        except Unauthorized:
            # Revoked before its time: once more with a new one.
            self._tokens.forget(call.server, installation_id, token)
            token = self._tokens.of(call.server, installation_id, now)
            return self._rest.send(call, token, now, fine)

    def send_as_app(self, call: Call, now: float, fine: Collection[int]) -> Answer:
        """The answer to a call of the App itself, which no installation may make."""
        return self._rest.send(call, self._tokens.signature(now), now, fine)

    def close(self) -> None:
        """Close the kept connections."""
        self._rest.close()
