"""The account's instances: their records, and the life of each from pending to terminated."""

from __future__ import annotations

import secrets
import sys
import threading
import time
from base64 import b64decode
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from controller.local.aws.fleet import Pool
from controller.local.aws.machines import Machines, console
from controller.local.aws.metadata import Facts, Metadata
from controller.local.aws.principals import CredentialStore, Issued, Principal, PrincipalKind
from controller.local.aws.timers import Timers

CREDENTIALS_S = 6 * 3600.0
ROTATE_BEFORE_S = 900.0


class State(StrEnum):
    """EC2's own words."""

    PENDING = "pending"
    RUNNING = "running"
    SHUTTING_DOWN = "shutting-down"
    TERMINATED = "terminated"
    STOPPED = "stopped"


ENDED = frozenset({State.TERMINATED, State.STOPPED})


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


@dataclass(frozen=True, slots=True)
class Software:
    """What a machine runs, and where."""

    homes: Path
    front: str
    metadata: str
    command: tuple[str, ...] = (sys.executable, "-m", "runner_agent", "run")
    environment: Mapping[str, str] = field(default_factory=dict)


class Instances:
    """Launches and ends instances; each is a machine of real processes."""

    def __init__(
        self,
        region: str,
        software: Software,
        latencies: Latencies,
        timers: Timers,
        metadata: Metadata,
        credentials: CredentialStore,
    ) -> None:
        self.machines = Machines(self._powered_off)
        self.latencies = latencies
        self._region = region
        self._software = software
        self._timers = timers
        self._metadata = metadata
        self._credentials = credentials
        self._lock = threading.Lock()
        self._records: dict[str, Instance] = {}
        self._stays: dict[str, bool] = {}

    def all(self) -> tuple[Instance, ...]:
        """Every instance there ever was, in order of launch."""
        with self._lock:
            return tuple(self._records.values())

    def launch(self, pool: Pool, origin: Instance) -> Instance:
        """Launch one instance from a pool; `origin` has what is equal for all of the fleet."""
        data = pool.template.data(pool.version)
        now = time.time()
        instance = replace(
            origin,
            id=f"i-0{secrets.token_hex(8)}",
            type=pool.instance_type,
            zone=pool.zone or f"{self._region}a",
            subnet=pool.subnet,
            image=str(data.get("ImageId", "")),
            launched_at=now,
            tags={**_template_tags(data), **origin.tags},
        )
        with self._lock:
            self._records[instance.id] = instance
            self._stays[instance.id] = data.get("InstanceInitiatedShutdownBehavior", "stop") == "stop"
        self._metadata.tell(self._facts(instance, data))
        self._timers.after(self.latencies.pending_s, lambda: self._run(instance.id))
        return instance

    def terminate(self, instance_ids: Iterable[str], reason: str = "Client.UserInitiatedShutdown") -> dict[str, State]:
        """End instances; the state that each was in before."""
        former: dict[str, State] = {}
        for instance_id in instance_ids:
            with self._lock:
                instance = self._records[instance_id]
                former[instance_id] = instance.state
                if instance.state in {State.PENDING, State.RUNNING, State.STOPPED}:
                    now = State.SHUTTING_DOWN if instance.state is State.RUNNING else State.TERMINATED
                    self._change(instance, now, reason)
        self.machines.switch_off(former)
        return former

    def tag(self, instance_id: str, tags: Mapping[str, str]) -> None:
        """Add tags to an instance."""
        with self._lock:
            instance = self._records[instance_id]
            self._records[instance_id] = replace(instance, tags={**instance.tags, **tags})

    def console(self, instance_id: str) -> str:
        """What the machine has printed so far."""
        path = console(self._software.homes / instance_id)
        return path.read_text("utf-8", "replace") if path.exists() else ""

    def _run(self, instance_id: str) -> None:
        with self._lock:
            instance = self._records[instance_id]
            if instance.state is not State.PENDING:
                return
            self._records[instance_id] = replace(instance, state=State.RUNNING)
        # The id is random, so its tail is as good as a die, and the same machine always falls the same way.
        spread = self.latencies.boot_spread_s * int(instance_id[-4:], 16) / 0x10000
        self._timers.after(self.latencies.boot_s + spread, lambda: self._boot(instance_id))

    def _boot(self, instance_id: str) -> None:
        home = self._software.homes / instance_id
        home.mkdir(parents=True)
        with self._lock:
            # Under the lock, so that a termination comes either before the machine is there or after.
            instance = self._records[instance_id]
            if instance.state is State.RUNNING:
                self.machines.switch_on(instance_id, home, self._software.command, self._environment(home))
            elif instance.state is State.SHUTTING_DOWN:
                self._change(instance, State.TERMINATED, instance.reason)

    def _powered_off(self, instance_id: str) -> None:
        with self._lock:
            instance = self._records[instance_id]
            if instance.state is State.SHUTTING_DOWN:
                self._change(instance, State.TERMINATED, instance.reason)
            elif self._stays[instance_id] and instance.lifecycle != "spot":
                self._change(instance, State.STOPPED, "Client.InstanceInitiatedShutdown")
            else:
                self._change(instance, State.TERMINATED, "Client.InstanceInitiatedShutdown")

    def _change(self, instance: Instance, state: State, reason: str) -> None:
        ended = time.time() if state in ENDED else None
        self._records[instance.id] = replace(instance, state=state, reason=reason, ended_at=ended)

    def _environment(self, home: Path) -> dict[str, str]:
        return {
            "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "LANG": "C.UTF-8",
            "HOME": str(home),
            **self._software.environment,
            "SPOTRUNNER_HOME": str(home),
            "SPOTRUNNER_RUNNER_USER": "",
            "AWS_EC2_METADATA_SERVICE_ENDPOINT": f"{self._software.metadata}/{home.name}",
            "AWS_ENDPOINT_URL": self._software.front,
        }

    def _facts(self, instance: Instance, data: dict[str, Any]) -> Facts:
        profile = data.get("IamInstanceProfile", {})
        role = str(profile.get("Name") or profile.get("Arn", "").rpartition("/")[2])
        return Facts(
            instance_id=instance.id,
            instance_type=instance.type,
            image=instance.image,
            zone=instance.zone,
            region=self._region,
            lifecycle=instance.lifecycle,
            launched_at=instance.launched_at,
            role=role,
            credentials=rotated(self._credentials, Principal(PrincipalKind.INSTANCE, instance.id, role, instance.id)),
            user_data=b64decode(data.get("UserData", "")),
            tags=instance.tags,
        )


def rotated(
    store: CredentialStore, principal: Principal, clock: Callable[[], float] = time.time
) -> Callable[[], Issued]:
    """The principal's current credentials, renewed some time before they expire, as EC2 does."""
    lock = threading.Lock()
    current: list[Issued] = []

    def credentials() -> Issued:
        with lock:
            now = clock()
            if not current or current[0].expires - now < ROTATE_BEFORE_S:
                current[:] = [store.issue(principal, now + CREDENTIALS_S)]
            return current[0]

    return credentials


def _template_tags(data: dict[str, Any]) -> dict[str, str]:
    return {
        tag["Key"]: tag.get("Value", "")
        for specification in data.get("TagSpecification", [])
        if specification.get("ResourceType") == "instance"
        for tag in specification.get("Tag", [])
    }
