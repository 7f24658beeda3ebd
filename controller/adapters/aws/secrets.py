"""The stack's secrets in Secrets Manager."""

from __future__ import annotations

from controller.adapters.aws.clients import Clients, asking
from controller.adapters.cache import Kept
from controller.errors import Rejected, Unavailable


class ManagedSecrets:
    """The `Secrets` port; while Secrets Manager is unavailable, a secret that is known is used a while longer."""

    def __init__(self, clients: Clients, ttl_s: float) -> None:
        self._clients = clients
        self._kept = Kept(self._fetch, ttl_s, grace_s=12 * ttl_s)

    def read(self, secret_id: str, now: float, *, fresh: bool = False) -> str:
        """The secret's text; `fresh` reads it again whatever is kept."""
        return self._kept.get(secret_id, now, fresh=fresh)

    def _fetch(self, secret_id: str) -> str:
        try:
            with asking(f"secret {secret_id}"):
                answer = self._clients.secrets.get_secret_value(SecretId=secret_id)
        except Rejected as refusal:
            raise Unavailable(str(refusal)) from refusal
        value = answer.get("SecretString")
        if not value:
            raise Unavailable(f"secret {secret_id}: it holds no text")
        return value
