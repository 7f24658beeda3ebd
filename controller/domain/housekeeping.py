"""What housekeeping has to put right: pure decisions over a snapshot of the cloud and of the records.

A machine is terminated only for an expired lease, for having said its last word, or because nobody has
a record of it; never for what GitHub says of its runner.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from controller.domain.runner import ALIVE, Runner, RunnerState


@dataclass(frozen=True, slots=True)
class Seen:
    """A machine as the cloud lists it. `launched_at` is seconds since the epoch."""

    instance_id: str
    launched_at: float
    running: bool


@dataclass(frozen=True, slots=True)
class Patience:
    """How long things may take, in seconds."""

    provisioning_s: float
    """A machine without a record may be one whose launch has not been settled yet."""
    grace_s: float
    """For a machine to power itself off, and for the cloud to list a new one."""


@dataclass(frozen=True, slots=True)
class Terminate:
    """End this machine."""

    instance_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class WriteOff:
    """Mark this machine as gone and give its job back."""

    runner: Runner
    reason: str


Deed = Terminate | WriteOff


def orphans(machines: Iterable[Seen], records: Mapping[str, Runner], now: float, patience: Patience) -> list[Deed]:
    """Machines that nobody waits for any more."""
    deeds: list[Deed] = []
    for machine in machines:
        if not machine.running:
            continue
        record = records.get(machine.instance_id)
        if record is None:
            if now - machine.launched_at > patience.provisioning_s:
                deeds.append(Terminate(machine.instance_id, "no record of it"))
        elif record.state not in ALIVE and now - record.since > patience.grace_s:
            deeds.append(
                Terminate(machine.instance_id, f"{record.state} for {now - record.since:.0f} s and still running")
            )
    return deeds


def vanished(machines: Iterable[Seen], alive: Iterable[Runner], now: float, patience: Patience) -> list[Deed]:
    """Records of machines at work that the cloud no longer runs."""
    running = {machine.instance_id for machine in machines if machine.running}
    return [
        WriteOff(runner, "the cloud no longer runs it")
        for runner in alive
        if runner.instance_id not in running and now - runner.launched_at > patience.grace_s
    ]


def overdue(expired: Iterable[Runner], now: float, patience: Patience) -> list[Deed]:
    """Machines whose lease ran out: they neither claimed, nor started, nor ended in time."""
    deeds: list[Deed] = []
    for runner in expired:
        late = now - runner.lease_until
        if runner.state in ALIVE and late > patience.grace_s:
            reason = f"{_PROMISE[runner.state]} by {late:.0f} s ago"
            deeds += [Terminate(runner.instance_id, reason), WriteOff(runner, reason)]
    return deeds


_PROMISE = {
    RunnerState.LAUNCHED: "it should have claimed",
    RunnerState.CLAIMED: "its runner should have had a job",
    RunnerState.BUSY: "its job should have ended",
}
