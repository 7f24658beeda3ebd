"""What befalls machines that nobody asked for: interruptions, silent deaths, and machines that hang."""

from __future__ import annotations

import time
from fnmatch import fnmatchcase

from controller.local.aws.events import EventBus
from controller.local.aws.instance import Instance, Reason, State
from controller.local.aws.instances import Instances
from controller.local.aws.metadata import Metadata
from controller.local.aws.timers import Timers

_ALIVE = frozenset({State.PENDING, State.RUNNING})


class Fate:
    """What has ended already can not be hit any more: then nothing happens."""

    def __init__(self, instances: Instances, metadata: Metadata, bus: EventBus, timers: Timers) -> None:
        self._instances = instances
        self._metadata = metadata
        self._bus = bus
        self._timers = timers

    def interrupt(self, instance_id: str, notice_s: float | None = None) -> None:
        """Warn a spot machine, and take it away when the notice is over."""
        instance = self._spot(instance_id)
        if instance.state not in _ALIVE:
            return
        lead_s = self._instances.latencies.notice_s if notice_s is None else notice_s
        self._metadata.announce(instance_id, action="terminate", at=time.time() + lead_s)
        self._bus.warn(instance)
        self._timers.after(lead_s, lambda: self._take(instance_id))

    def interrupt_pool(self, instance_type: str, zone: str, notice_s: float | None = None) -> tuple[str, ...]:
        """Interrupt every spot machine of the pools that fit these patterns; which ones they were."""
        hit = tuple(
            instance.id
            for instance in self._instances.all()
            if instance.lifecycle == "spot"
            and instance.state in _ALIVE
            and fnmatchcase(instance.type, instance_type)
            and fnmatchcase(instance.zone, zone)
        )
        for instance_id in hit:
            self.interrupt(instance_id, notice_s)
        return hit

    def rebalance(self, instance_id: str) -> None:
        """Tell a spot machine that it is in more danger than others."""
        instance = self._spot(instance_id)
        if instance.state in _ALIVE:
            self._metadata.recommend_rebalance(instance_id)
            self._bus.recommend_rebalance(instance)

    def kill(self, instance_id: str) -> None:
        """Take a machine away at once, without a word to it."""
        self._instances.terminate([instance_id], Reason.INTERNAL)

    def freeze(self, instance_id: str) -> None:
        """Let a machine hang, for EC2 it is running."""
        if self._instances.get(instance_id).state in _ALIVE:
            self._instances.freeze(instance_id)

    def kill_agent(self, instance_id: str) -> None:
        """Let the agent on a machine be gone at once."""
        self._instances.kill_agent(instance_id)

    def _take(self, instance_id: str) -> None:
        self._instances.terminate([instance_id], Reason.SPOT)

    def _spot(self, instance_id: str) -> Instance:
        instance = self._instances.get(instance_id)
        if instance.lifecycle != "spot":
            raise ValueError(f"{instance_id} is not a spot machine: AWS interrupts no other")
        return instance
