"""The smallest job that a runner takes from the run service: one step that prints a word."""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

NAME = "spotrunner conformance"
LEASE_S = 600
_MAPPING = 2
"""The kind of a mapping among the template's tokens."""
_DICTIONARY = 2
"""The kind of a dictionary among the contexts' values."""


@dataclass(frozen=True, slots=True)
class Job:
    """One job."""

    request_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    plan_id: str = field(default_factory=lambda: str(uuid.uuid4()))

    def message(self, url: str, token: str, extra: Mapping[str, Any]) -> dict[str, Any]:
        """What acquirejob answers; `extra` is merged in for runners that need more than GitHub's."""
        plain = {
            "messageType": "RunnerJobRequest",
            "plan": {"scopeIdentifier": str(uuid.UUID(int=0)), "planId": self.plan_id, "planType": "actions"},
            "timeline": {"id": str(uuid.uuid4()), "changeId": 1},
            "jobId": self.id,
            "jobDisplayName": NAME,
            "jobName": "conformance",
            "requestId": 1,
            "lockedUntil": lease(),
            "resources": {"endpoints": [_connection(url, token)]},
            "contextData": {"github": _dictionary(_GITHUB)},
            "variables": {name: {"value": value} for name, value in _VARIABLES.items()},
            "mask": [],
            "steps": [_step()],
            "timeoutMinutes": 5,
        }
        variables = {**plain["variables"], **extra.get("variables", {})}  # type: ignore[dict-item]  # a mapping, above
        return {**plain, **extra, "variables": variables}


def lease() -> str:
    """Until when a job that is taken or renewed now is held."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + LEASE_S))


_GITHUB = {
    "actor": "spotrunner",
    "event_name": "push",
    "ref": "refs/heads/main",
    "repository": "spotrunner/conformance",
    "repository_owner": "spotrunner",
    "run_attempt": "1",
    "run_id": "1",
    "run_number": "1",
    "server_url": "https://github.com",
    "api_url": "https://api.github.com",
    "sha": "0" * 40,
    "workflow": NAME,
}
_VARIABLES = {"system.github.job": "conformance", "system.culture": "en-US"}


def _connection(url: str, token: str) -> dict[str, Any]:
    authorization = {"scheme": "OAuth", "parameters": {"AccessToken": token}}
    return {"name": "SystemVssConnection", "url": url, "authorization": authorization, "data": {}, "isReady": True}


def _dictionary(values: Mapping[str, str]) -> dict[str, Any]:
    return {"t": _DICTIONARY, "d": [{"k": name, "v": value} for name, value in values.items()]}


def _step() -> dict[str, Any]:
    return {
        "type": "action",
        "id": str(uuid.uuid4()),
        "name": "__run",
        "contextName": "__run",
        "condition": "success()",
        "reference": {"type": "script"},
        "inputs": {"type": _MAPPING, "map": [{"Key": "script", "Value": "echo conformance"}]},
    }
