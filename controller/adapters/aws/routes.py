"""Which queue a message travels on, and how it is written there."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass

from controller.messages import Chore, JobMoved, JobQueued, Wake
from runner_agent.contract import wire

Outgoing = JobQueued | JobMoved | Wake | Chore
LONGEST_DELAY_S = 900


@dataclass(frozen=True, slots=True)
class Queues:
    """The addresses of the stack's queues that doors hand work to."""

    jobs: str
    reports: str
    housekeeping: str = ""
    """Empty where the door sends no chores."""

    def of(self, message: Outgoing) -> str:
        """The queue whose door handles the message."""
        if isinstance(message, Chore):
            return self.housekeeping
        return self.reports if isinstance(message, JobMoved) else self.jobs


def delay(after_s: float) -> int:
    """A wait as SQS takes it: whole seconds, a quarter of an hour at the most."""
    return min(math.ceil(after_s), LONGEST_DELAY_S)


def text(message: Outgoing) -> str:
    """The message as a queue takes it: SQS refuses some characters of Unicode, so none but ASCII goes out."""
    return json.dumps(wire.encode(message), separators=(",", ":"))
