"""One instance: what the cloud knows of it, which states it can be in, and how long each takes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from controller.local.aws.refusals import ServiceError


class State(StrEnum):
    """EC2's own words."""

    PENDING = "pending"
    RUNNING = "running"
    SHUTTING_DOWN = "shutting-down"
    TERMINATED = "terminated"
    STOPPING = "stopping"
    STOPPED = "stopped"


ENDED = frozenset({State.TERMINATED, State.STOPPED})


class Reason(StrEnum):
    """Why a machine ends: EC2's codes."""

    BY_CALL = "Client.UserInitiatedShutdown"
    FROM_INSIDE = "Client.InstanceInitiatedShutdown"
    SPOT = "Server.SpotInstanceTermination"
    INTERNAL = "Server.InternalError"


@dataclass(frozen=True, slots=True)
class Instance:
    """One instance as the cloud knows it."""

    id: str
    type: str
    zone: str
    lifecycle: str
    state: State
    launched_at: float
    ended_at: float | None
    tags: Mapping[str, str]
    token: str
    """The ClientToken of the launch it came from."""
    fleet: str
    subnet: str
    image: str
    reason: str = ""
    """The code of EC2's StateReason, once it has begun to end."""


@dataclass(frozen=True, slots=True)
class Latencies:
    """How long the cloud takes, in seconds."""

    create_fleet_s: float = 0.0
    pending_s: float = 0.0
    boot_s: float = 0.0
    """From running to the first process."""
    boot_spread_s: float = 0.0
    """How much longer the slowest machine of a launch may take: no two come up in the same instant."""
    visible_s: float = 0.0
    """How long EC2 does not know a machine yet that it has just launched."""
    notice_s: float = 120.0
    """From the notice of an interruption to the end of the machine."""
    event_s: float = 0.0
    """From what happens to the queue of a rule that asks for it."""


def refuse_stop(instance: Instance) -> None:
    """Raises `ServiceError` where EC2 would not stop this machine."""
    if instance.lifecycle == "spot":
        raise ServiceError(
            "UnsupportedOperation",
            f"You can't stop the Spot Instance '{instance.id}' because it is associated with a one-time Spot Instance "
            "request. You can only stop Spot Instances associated with persistent Spot Instance requests.",
        )
    if instance.state not in {State.RUNNING, State.STOPPING, State.STOPPED}:
        raise ServiceError(
            "IncorrectInstanceState",
            f"This instance '{instance.id}' is not in a state from which it can be stopped.",
        )


def refuse_start(instance: Instance) -> None:
    """Raises `ServiceError` where EC2 would not start this machine."""
    if instance.state not in {State.PENDING, State.RUNNING, State.STOPPED}:
        raise ServiceError(
            "IncorrectInstanceState",
            f"The instance '{instance.id}' is not in a state from which it can be started.",
        )
