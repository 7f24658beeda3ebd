"""What a light machine says to AWS: metadata, its signed claim, and its reports, as the agent says them."""

from __future__ import annotations

import http.client
import json
import time
from dataclasses import dataclass
from urllib.parse import urlsplit

from controller.local.light.power import Power
from runner_agent.contract import wire
from runner_agent.contract.bundle import Claim, UserData
from runner_agent.contract.reports import Report
from runner_agent.contract.sigv4 import Credentials, Scope, sign

LAUNCH_TAG = "spotrunner:launch"
_TIMEOUT_S = 40.0
_OK = 200


class Silent(Exception):
    """Nobody answered."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A status, and what came with it."""

    status: int
    body: bytes
    retry_after_s: float = 0.0
    """What the controller asks for at least before the next try."""


@dataclass(frozen=True, slots=True)
class Self:
    """What a machine knows of itself."""

    credentials: Credentials
    region: str
    user_data: UserData
    launch_id: str


@dataclass(frozen=True, slots=True)
class Wires:
    """One machine's way to AWS."""

    metadata: str
    front: str
    power: Power

    def look(self) -> Self:
        """Read the metadata."""
        token = self._send("PUT", f"{self.metadata}/latest/api/token", {"X-aws-ec2-metadata-token-ttl-seconds": "600"})
        session = {"X-aws-ec2-metadata-token": token.body.decode()}

        def item(path: str) -> bytes:
            found = self._send("GET", f"{self.metadata}/latest/{path}", session)
            return found.body if found.status == _OK else b""

        roles = "meta-data/iam/security-credentials/"
        keys = json.loads(item(roles + item(roles).decode()))
        return Self(
            Credentials(keys["AccessKeyId"], keys["SecretAccessKey"], keys["Token"]),
            item("meta-data/placement/region").decode(),
            wire.loads(UserData, item("user-data")),
            item(f"meta-data/tags/instance/{LAUNCH_TAG}").decode(),
        )

    def claim(self, me: Self, claim: Claim) -> Answer:
        """Ask for work."""
        url, body = me.user_data.claim_url, wire.dumps(claim).encode()
        return self._signed(me, url, {"Content-Type": "application/json"}, body, "execute-api")

    def report(self, me: Self, queue_url: str, report: Report) -> Answer:
        """Tell what happened."""
        body = json.dumps({"QueueUrl": queue_url, "MessageBody": wire.dumps(report)}).encode()
        headers = {"Content-Type": "application/x-amz-json-1.0", "X-Amz-Target": "AmazonSQS.SendMessage"}
        return self._signed(me, f"{self.front}/", headers, body, "sqs")

    def _signed(self, me: Self, url: str, headers: dict[str, str], body: bytes, service: str) -> Answer:
        scope = Scope(me.region, service)
        return self._send("POST", url, sign("POST", url, headers, body, me.credentials, scope, time.time()), body)

    def _send(self, method: str, url: str, headers: dict[str, str], body: bytes | None = None) -> Answer:
        """One request; raises `Silent`, and `PowerCut` where the machine did not live to hear the answer."""
        self.power.check()
        parts = urlsplit(url)
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=_TIMEOUT_S)
        try:
            connection.request(method, parts.path, body, headers)
            answer = connection.getresponse()
            asked = answer.headers.get("retry-after", "")
            return Answer(answer.status, answer.read(), float(asked) if asked.isdecimal() else 0.0)
        except (OSError, http.client.HTTPException) as error:
            raise Silent(f"{method} {url}: {error}") from error
        finally:
            connection.close()
            self.power.check()
