"""Which queue a message travels on, and how it is written there."""

from __future__ import annotations

import json
from dataclasses import dataclass

from controller.messages import JobMoved, JobQueued, Wake
from runner_agent.contract import wire


@dataclass(frozen=True, slots=True)
class Queues:
    """The addresses of the stack's queues that doors hand work to."""

    jobs: str
    reports: str

    def of(self, message: JobQueued | JobMoved | Wake) -> str:
        """The queue whose door handles the message."""
        return self.reports if isinstance(message, JobMoved) else self.jobs


def text(message: JobQueued | JobMoved | Wake) -> str:
    """The message as a queue takes it: SQS refuses some characters of Unicode, so none but ASCII goes out."""
    return json.dumps(wire.encode(message), separators=(",", ":"))
