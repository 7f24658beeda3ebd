"""A runner's registration at the loopback server, and the JIT configuration that GitHub would have answered for it."""

from __future__ import annotations

import base64
import json
import uuid
from dataclasses import dataclass, field

from runner_agent.conformance.keys import BadAssertion, KeyPair

SETTINGS, CREDENTIALS, PRIVATE_KEY = ".runner", ".credentials", ".credentials_rsaparams"
FILES = (SETTINGS, CREDENTIALS, PRIVATE_KEY)


@dataclass(frozen=True, slots=True)
class Registration:
    """One runner that may connect."""

    name: str
    key: KeyPair
    client_id: str = field(default_factory=lambda: str(uuid.uuid4()))

    def jit_config(self, url: str) -> str:
        """The configuration for a server at an address that ends with a slash."""
        files = {SETTINGS: self._settings(url), CREDENTIALS: self._credentials(url), PRIVATE_KEY: self.key.parameters()}
        packed = {name: base64.b64encode(json.dumps(content).encode()).decode() for name, content in files.items()}
        return base64.b64encode(json.dumps(packed).encode()).decode()

    def check(self, assertion: str, now: float) -> None:
        """Whether a runner that signs in is this one; raises `BadAssertion`."""
        claims = self.key.claims(assertion)
        expires = claims.get("exp")
        if claims.get("iss") != self.client_id or not isinstance(expires, int | float) or expires <= now:
            raise BadAssertion("the token is another runner's, or has expired")

    def _settings(self, url: str) -> dict[str, object]:
        return {
            "AgentId": 1,
            "AgentName": self.name,
            "DisableUpdate": True,
            "Ephemeral": True,
            "GitHubUrl": "https://github.com/spotrunner/conformance",
            "PoolId": 1,
            "PoolName": "Default",
            # The same address for both flows: the runner then asks the broker alone.
            "ServerUrl": url,
            "ServerUrlV2": url,
            "UseV2Flow": True,
            "WorkFolder": "_work",
        }

    def _credentials(self, url: str) -> dict[str, object]:
        data = {"clientId": self.client_id, "authorizationUrl": f"{url}token", "requireFipsCryptography": "False"}
        return {"scheme": "OAuth", "data": data}
