"""The cloud's own list of the stack's machines is held against the records, and every difference is told."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from controller.domain.audit import KINDS, SeenMachine, differences
from controller.domain.events import MachinesAudited, MachinesDiffer
from controller.domain.housekeeping import Seen
from controller.ports import Fleet, Runners, Tell

_FOR_EVER = float("inf")
_AT_ONCE = 5_000


@dataclass(frozen=True, slots=True)
class AuditPool:
    """A housekeeping task that only looks: others put right what it finds, or it would not find it for long."""

    patience_s: float
    fleet: Fleet
    runners: Runners
    tell: Tell
    clock: Callable[[], float]

    def __call__(self, dry_run: bool) -> tuple[int, list[str]]:  # noqa: ARG002, FBT001 - all tasks are called alike
        """Compare, count and tell."""
        listed = self.fleet.machines()
        records = self.runners.get(machine.instance_id for machine in listed if machine.running)
        alive = self.runners.expired(_FOR_EVER, _AT_ONCE)
        machines = [
            SeenMachine(
                Seen(machine.instance_id, machine.launched_at, machine.running),
                machine.instance_type,
                machine.zone,
                machine.spot,
            )
            for machine in listed
        ]
        found = differences(machines, records, alive, self.clock(), self.patience_s)
        kinds = Counter(each.kind for each in found)
        running = sum(machine.running for machine in listed)
        self.tell(MachinesAudited(running, len(alive), *(kinds[kind] for kind in KINDS)))
        for each in found:
            self.tell(MachinesDiffer(each.instance_id, each.kind, each.reason))
        return len(listed) + len(alive), [f"{each.instance_id} is {each.kind}: {each.reason}" for each in found]
