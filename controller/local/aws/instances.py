"""The account's instances: their records, and the life of each from pending to terminated."""

from __future__ import annotations

import secrets
import sys
import threading
import time
from base64 import b64decode
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from controller.local.aws.boots import Boot, Boots, Start
from controller.local.aws.fleet import Pool
from controller.local.aws.fleet_errors import outright
from controller.local.aws.instance import ENDED, Instance, Latencies, Reason, State, refuse_start, refuse_stop
from controller.local.aws.machines import Machines, Room, console
from controller.local.aws.metadata import Facts, Metadata
from controller.local.aws.pools import Pools
from controller.local.aws.principals import CredentialStore, Principal, PrincipalKind, rotated
from controller.local.aws.timers import Timers


@dataclass(frozen=True, slots=True)
class Software:
    """What a machine runs, and where."""

    homes: Path
    front: str
    metadata: str
    command: tuple[str, ...] = (sys.executable, "-m", "runner_agent", "run")
    environment: Mapping[str, str] = field(default_factory=dict)
    room: Callable[[Callable[[str], None]], Room] = Machines
    """Makes the place for machines, from whoever is to hear of their ends."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What instances live among."""

    region: str
    timers: Timers
    metadata: Metadata
    credentials: CredentialStore
    pools: Pools
    boots: Boots
    changed: Callable[[Instance], None]
    """Hears of each new state of a machine, while nobody may ask for machines: it must not wait."""


class Instances:
    """Launches and ends instances; each is a machine of real processes."""

    def __init__(self, around: Surroundings, software: Software, latencies: Latencies) -> None:
        self.machines = software.room(self._powered_off)
        self.latencies = latencies
        self._around = around
        self._software = software
        self._lock = threading.Lock()
        self._records: dict[str, Instance] = {}
        self._visible_at: dict[str, float] = {}
        self._stays: dict[str, bool] = {}
        self._starts: dict[str, Start] = {}
        self._on: set[str] = set()
        self._frozen: set[str] = set()

    def all(self) -> tuple[Instance, ...]:
        """Every instance there ever was, in order of launch."""
        with self._lock:
            return tuple(self._records.values())

    def visible(self) -> dict[str, Instance]:
        """The instances that EC2's API knows by now."""
        now = time.time()
        with self._lock:
            return {name: instance for name, instance in self._records.items() if self._visible_at[name] <= now}

    def get(self, instance_id: str) -> Instance:
        """One instance; raises `KeyError`."""
        with self._lock:
            return self._records[instance_id]

    def launch(self, pool: Pool, origin: Instance) -> Instance:
        """Launch one instance from a pool; `origin` has what is equal for all of the fleet."""
        data = pool.template.data(pool.version)
        now = time.time()
        instance = replace(
            origin,
            id=f"i-0{secrets.token_hex(8)}",
            type=pool.instance_type,
            zone=pool.zone,
            subnet=pool.subnet,
            image=dict(pool.override).get("ImageId") or str(data.get("ImageId", "")),
            launched_at=now,
            tags={**_template_tags(data), **origin.tags},
        )
        start = self._around.boots.next()
        with self._lock:
            self._records[instance.id] = instance
            self._visible_at[instance.id] = now + self.latencies.visible_s
            self._stays[instance.id] = data.get("InstanceInitiatedShutdownBehavior", "stop") == "stop"
            self._starts[instance.id] = start
            self._around.changed(instance)
        self._around.metadata.tell(self._facts(instance, data))
        self._come_up(instance, start)
        return instance

    def terminate(self, instance_ids: Iterable[str], reason: str = Reason.BY_CALL) -> dict[str, State]:
        """End instances; the state that each was in before."""
        former: dict[str, State] = {}
        for instance_id in instance_ids:
            with self._lock:
                instance = self._records[instance_id]
                former[instance_id] = instance.state
                if instance.state not in {State.SHUTTING_DOWN, State.TERMINATED}:
                    self._end(instance, State.SHUTTING_DOWN, State.TERMINATED, reason)
        self.machines.switch_off(former)
        return former

    def stop(self, instance_ids: Sequence[str]) -> dict[str, State]:
        """Switch instances off, to be started again; the state that each was in before. Raises `ServiceError`."""
        former: dict[str, State] = {}
        with self._lock:
            for instance_id in instance_ids:
                refuse_stop(self._records[instance_id])
            for instance_id in instance_ids:
                instance = self._records[instance_id]
                former[instance_id] = instance.state
                if instance.state is State.RUNNING:
                    self._end(instance, State.STOPPING, State.STOPPED, Reason.BY_CALL)
        self.machines.switch_off(former)
        return former

    def start(self, instance_ids: Sequence[str]) -> dict[str, State]:
        """Switch stopped instances on again; the state that each was in before. Raises `ServiceError`."""
        with self._lock:
            former = {instance_id: self._records[instance_id].state for instance_id in instance_ids}
            for instance_id in instance_ids:
                refuse_start(self._records[instance_id])
            stopped = [self._records[name] for name, state in former.items() if state is State.STOPPED]
            self._take_for(stopped)
            started = [self._started(instance) for instance in stopped]
        for instance in started:
            self._come_up(instance, Start())
        return former

    def freeze(self, instance_id: str) -> None:
        """Let a machine hang: it stays running for EC2, and nothing moves on it."""
        with self._lock:
            self._frozen.add(instance_id)
        self.machines.freeze(instance_id)

    def kill_agent(self, instance_id: str) -> None:
        """Let the agent of a machine be gone at once."""
        self.machines.kill_agent(instance_id)

    def tag(self, instance_id: str, tags: Mapping[str, str]) -> None:
        """Add tags to an instance."""
        with self._lock:
            instance = self._records[instance_id]
            self._records[instance_id] = replace(instance, tags={**instance.tags, **tags})

    def console(self, instance_id: str) -> str:
        """What the machine has printed so far."""
        path = console(self._software.homes / instance_id)
        return path.read_text("utf-8", "replace") if path.exists() else ""

    def _take_for(self, stopped: Sequence[Instance]) -> None:
        """Room for all of them or, with a `ServiceError`, for none."""
        taken: list[Instance] = []
        for instance in stopped:
            if code := self._around.pools.take(instance.lifecycle, instance.type, instance.zone):
                for other in taken:
                    self._around.pools.give_back(other.lifecycle, other.type, other.zone)
                raise outright(code)
            taken.append(instance)

    def _started(self, instance: Instance) -> Instance:
        self._frozen.discard(instance.id)
        self._starts[instance.id] = Start()
        again = replace(instance, state=State.PENDING, launched_at=time.time(), ended_at=None, reason="")
        self._records[instance.id] = again
        self._around.changed(again)
        return again

    def _come_up(self, instance: Instance, start: Start) -> None:
        extra = start.extra_s if start.boot is Boot.FAILS else 0.0
        self._around.timers.after(self.latencies.pending_s + extra, lambda: self._run(instance))

    def _run(self, launched: Instance) -> None:
        with self._lock:
            start = self._starts[launched.id]
            if not self._is_still(launched, State.PENDING):
                return
            if start.boot is Boot.FAILS:
                self._end(self._records[launched.id], State.SHUTTING_DOWN, State.TERMINATED, Reason.INTERNAL)
                return
            self._change(self._records[launched.id], State.RUNNING, "")
        if start.boot is Boot.SILENT:
            return
        # The id is random, so its tail is as good as a die, and the same machine always falls the same way.
        spread = self.latencies.boot_spread_s * int(launched.id[-4:], 16) / 0x10000
        self._around.timers.after(self.latencies.boot_s + spread + start.extra_s, lambda: self._boot(launched))

    def _boot(self, launched: Instance) -> None:
        home = self._software.homes / launched.id
        home.mkdir(parents=True, exist_ok=True)
        with self._lock:
            # Under the lock, so that a termination comes either before the machine is there or after.
            if self._is_still(launched, State.RUNNING) and launched.id not in self._frozen:
                self._on.add(launched.id)
                self.machines.switch_on(launched.id, home, self._software.command, self._environment(home))

    def _is_still(self, launched: Instance, state: State) -> bool:
        """Whether it is in this state, and has not been stopped and started since that launch."""
        now = self._records[launched.id]
        return now.state is state and now.launched_at == launched.launched_at

    def _powered_off(self, instance_id: str) -> None:
        with self._lock:
            self._on.discard(instance_id)
            instance = self._records[instance_id]
            if instance.state is State.SHUTTING_DOWN:
                self._change(instance, State.TERMINATED, instance.reason)
            elif instance.state is State.STOPPING:
                self._change(instance, State.STOPPED, instance.reason)
            elif self._stays[instance_id] and instance.lifecycle != "spot":
                self._end(instance, State.STOPPING, State.STOPPED, Reason.FROM_INSIDE)
            else:
                self._end(instance, State.SHUTTING_DOWN, State.TERMINATED, Reason.FROM_INSIDE)

    def _end(self, instance: Instance, ending: State, ended: State, reason: str) -> None:
        """Begin to end a machine; one on which nothing runs has ended with that."""
        left = self._change(instance, ending, reason)
        if instance.id not in self._on:
            self._change(left, ended, reason, held=instance.state is not State.STOPPED)

    def _change(self, instance: Instance, state: State, reason: str, *, held: bool = True) -> Instance:
        ended = time.time() if state in ENDED else None
        changed = replace(instance, state=state, reason=str(reason), ended_at=ended)
        self._records[instance.id] = changed
        if state in ENDED and held:
            self._around.pools.give_back(instance.lifecycle, instance.type, instance.zone)
        self._around.changed(changed)
        return changed

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
            region=self._around.region,
            lifecycle=instance.lifecycle,
            launched_at=instance.launched_at,
            role=role,
            credentials=rotated(
                self._around.credentials, Principal(PrincipalKind.INSTANCE, instance.id, role, instance.id)
            ),
            user_data=b64decode(data.get("UserData", "")),
            tags=instance.tags,
        )


def _template_tags(data: dict[str, Any]) -> dict[str, str]:
    return {
        tag["Key"]: tag.get("Value", "")
        for specification in data.get("TagSpecification", [])
        if specification.get("ResourceType") == "instance"
        for tag in specification.get("Tag", [])
    }
