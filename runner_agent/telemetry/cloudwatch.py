"""A log stream of this machine's own in CloudWatch Logs.

The stream's name is the instance id. Who may write it: `docs/decisions/0007-a-machine-writes-its-own-log-only.md`.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from urllib.parse import urlencode

from runner_agent.aws import Signer
from runner_agent.contract.bundle import LOG_TAG, Targets
from runner_agent.contract.record import Record, field, replace
from runner_agent.contract.sigv4 import Credentials
from runner_agent.logs import Redactor
from runner_agent.telemetry.shipping import Line, Send
from runner_agent.web import Unreachable, exchange

RENEW_S = 300.0
TIMEOUT_S = 5.0


def stream(signer: Signer, targets: Targets, instance_id: str, redactor: Redactor) -> Send:
    """Send batches to the machine's stream, which is made when it is first needed."""
    if targets.log_role:
        writer = Assumed(signer, targets.log_role, instance_id, redactor)
        signer = replace(signer, credentials=writer.credentials)
    made = [False]

    def send(lines: Sequence[Line], timeout: float) -> None:
        place = {"logGroupName": targets.log_group, "logStreamName": instance_id}
        if not made[0]:
            _call(signer, "CreateLogStream", place, timeout, accepted="ResourceAlreadyExistsException")
            made[0] = True
        # In order of time, as CloudWatch wants them; lines of one batch come from several threads.
        events = [{"timestamp": round(at * 1000), "message": text or " "} for at, text in sorted(lines)]
        _call(signer, "PutLogEvents", {**place, "logEvents": events}, timeout)

    return send


def _call(signer: Signer, action: str, body: Mapping[str, object], timeout: float, accepted: str = "-") -> None:
    answer = exchange(signer.logs(action, json.dumps(body).encode()), timeout)
    if not answer.ok and accepted.encode() not in answer.body:
        raise Unreachable(f"log stream: {action}: status {answer.status}")


class Assumed(Record, frozen=False):
    """The role that writes logs, taken under this machine's own name and taken again before it expires."""

    signer: Signer
    role: str
    instance_id: str
    redactor: Redactor
    _held: Credentials | None = field(default=None, repr=False)
    _until: float = 0.0

    def credentials(self) -> Credentials:
        """Good for some minutes at least; raises `Unreachable`."""
        if self._held is None or time.time() > self._until - RENEW_S:
            answer = exchange(self.signer.assume(self._form()), TIMEOUT_S)
            if not answer.ok:
                raise Unreachable(f"log role: status {answer.status}")
            self._held, self._until = self._read(answer.body)
        return self._held

    def _form(self) -> bytes:
        tag = {"Tags.member.1.Key": LOG_TAG, "Tags.member.1.Value": self.instance_id}
        wish = {"Action": "AssumeRole", "Version": "2011-06-15", "RoleArn": self.role}
        return urlencode({**wish, "RoleSessionName": self.instance_id, **tag}).encode()

    def _read(self, body: bytes) -> tuple[Credentials, float]:
        import xml.etree.ElementTree as ET  # noqa: PLC0415 - only a machine that ships logs needs it

        # AWS's own answer, over TLS: nobody else can put an entity into it.
        found = {
            item.tag.rpartition("}")[2]: item.text or ""
            for item in ET.fromstring(body).iter()  # noqa: S314 - see above
        }
        try:
            held = Credentials(found["AccessKeyId"], found["SecretAccessKey"], found["SessionToken"])
            until = datetime.fromisoformat(found["Expiration"]).timestamp()
        except (KeyError, ValueError) as lacking:
            raise Unreachable(f"log role: no {lacking}") from lacking
        self.redactor.learn([held.secret_key, held.token])
        return held, until
