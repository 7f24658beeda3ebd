"""What the cloud runs under the stack's tag, held against the records: differences that nobody has put right yet."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from controller.domain.housekeeping import Seen
from controller.domain.runner import ALIVE, Lifecycle, Runner


@dataclass(frozen=True, slots=True)
class SeenMachine:
    """A running machine as the cloud describes it."""

    seen: Seen
    instance_type: str
    zone: str
    spot: bool


@dataclass(frozen=True, slots=True)
class Difference:
    """Something that the cloud and the records do not agree on."""

    kind: str
    instance_id: str
    reason: str


KINDS = ("unknown", "ended", "missing", "overdue", "mistaken")


def differences(
    machines: Iterable[SeenMachine],
    records: Mapping[str, Runner],
    alive: Iterable[Runner],
    now: float,
    patience_s: float,
) -> list[Difference]:
    """All that stands for longer than it usually takes to be put right, machine by machine."""
    running = {machine.seen.instance_id: machine for machine in machines if machine.seen.running}
    found = [
        difference
        for name, machine in running.items()
        if now - machine.seen.launched_at > patience_s
        for difference in _of(machine, records.get(name), now, patience_s)
    ]
    for runner in alive:
        if runner.instance_id not in running and now - runner.launched_at > patience_s:
            found.append(
                Difference("missing", runner.instance_id, f"{runner.state} here, and the cloud does not run it")
            )
        if now - runner.lease_until > patience_s:
            late = now - runner.lease_until
            found.append(Difference("overdue", runner.instance_id, f"its lease ended {late:.0f} s ago"))
    return sorted(found, key=lambda each: (KINDS.index(each.kind), each.instance_id))


def _of(machine: SeenMachine, record: Runner | None, now: float, patience_s: float) -> list[Difference]:
    name = machine.seen.instance_id
    if record is None:
        return [Difference("unknown", name, "it runs under the stack's tag, and no record is of it")]
    if record.state not in ALIVE and now - record.since > patience_s:
        return [Difference("ended", name, f"{record.state} for {now - record.since:.0f} s, and it still runs")]
    lifecycle = Lifecycle.SPOT if machine.spot else Lifecycle.ON_DEMAND
    seen, known = (
        (machine.instance_type, machine.zone, lifecycle),
        (record.instance_type, record.zone, record.lifecycle),
    )
    if seen != known:
        return [Difference("mistaken", name, f"it is {' '.join(seen)}, its record says {' '.join(known)}")]
    return []
