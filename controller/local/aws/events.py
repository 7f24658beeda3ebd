"""EventBridge's default bus: what EC2 tells of its machines, put on the queues whose rules ask for it.

https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/monitoring-instance-state-changes.html
https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/spot-instance-termination-notices.html
https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/rebalance-recommendations.html
"""

from __future__ import annotations

import json
import threading
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from controller.local.aws.event_patterns import matches
from controller.local.aws.instance import Instance
from controller.local.aws.principals import ACCOUNT
from controller.local.aws.timers import Timers
from controller.wiring import Rule

Event = Mapping[str, Any]


class Kind(StrEnum):
    """AWS's `detail-type`."""

    SPOT_WARNING = "EC2 Spot Instance Interruption Warning"
    REBALANCE = "EC2 Instance Rebalance Recommendation"
    STATE = "EC2 Instance State-change Notification"


class EventBus:
    """Keeps every event, and sends a copy to the queue of each rule that it fits."""

    def __init__(
        self, region: str, rules: Sequence[Rule], send: Callable[[Rule, str], None], timers: Timers, delay_s: float
    ) -> None:
        self._region = region
        self._rules = rules
        self._send = send
        self._timers = timers
        self._delay_s = delay_s
        self._lock = threading.Lock()
        self._events: list[Event] = []
        for rule in rules:
            matches(rule.pattern, {})  # a pattern that EventBridge would refuse is found before any event

    def snapshot(self) -> tuple[Event, ...]:
        """All events until now."""
        with self._lock:
            return tuple(self._events)

    def warn(self, instance: Instance) -> None:
        """A spot machine will be taken away."""
        # Spot's ARNs have the zone where all others have region and account.
        arn = f"arn:aws:ec2:{instance.zone}:instance/{instance.id}"
        self._put(Kind.SPOT_WARNING, arn, {"instance-id": instance.id, "instance-action": "terminate"})

    def recommend_rebalance(self, instance: Instance) -> None:
        """A spot machine is more likely than others to be taken away."""
        self._put(Kind.REBALANCE, self._arn(instance), {"instance-id": instance.id})

    def changed(self, instance: Instance) -> None:
        """A machine has another state than before."""
        self._put(Kind.STATE, self._arn(instance), {"instance-id": instance.id, "state": instance.state.value})

    def _arn(self, instance: Instance) -> str:
        return f"arn:aws:ec2:{self._region}:{ACCOUNT}:instance/{instance.id}"

    def _put(self, kind: Kind, arn: str, detail: Mapping[str, str]) -> None:
        event = {
            "version": "0",
            "id": str(uuid.uuid4()),
            "detail-type": kind.value,
            "source": "aws.ec2",
            "account": ACCOUNT,
            "time": datetime.fromtimestamp(time.time(), UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "region": self._region,
            "resources": [arn],
            "detail": dict(detail),
        }
        with self._lock:
            self._events.append(event)
        for rule in self._rules:
            if matches(rule.pattern, event):
                self._timers.after(self._delay_s, _sending(self._send, rule, json.dumps(event)))


def _sending(send: Callable[[Rule, str], None], rule: Rule, body: str) -> Callable[[], None]:
    return lambda: send(rule, body)
