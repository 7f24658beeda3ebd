"""A cloud in memory whose pools a test can sell out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from controller.domain.launch import LaunchAnswer, LaunchPlan, Machine, Offering, Refusal
from controller.domain.refusal import RefusalKind
from controller.domain.runner import Lifecycle
from controller.ports import CloudMachine
from runner_agent.contract import wire
from tests.fakes.faults import Faults

Pool = tuple[Lifecycle, str, str]
"""Lifecycle, instance type, zone."""


class FakeFleet:
    """Machines by id. A pool without a number has room for ever; one at 0 is sold out.

    `faults` strike before anything is started; `lost_answers` after the machines were started.
    """

    def __init__(self, now: float = 1_000.0, born: int = 0) -> None:
        self.now = now
        self.faults = Faults()
        self.lost_answers: list[Exception] = []
        self.refuse_next: list[Refusal] = []
        """Each refuses one whole launch."""
        self.capacity: dict[Pool, int] = {}
        self.requests: list[str] = []
        self.terminated: list[str] = []
        self.consoles: dict[str, str] = {}
        self.owned: dict[str, CloudMachine] = {}
        self._answers: dict[str, tuple[str, LaunchAnswer]] = {}
        self._born = born

    def request(self, plan: LaunchPlan) -> str:
        return wire.dumps(plan)

    def launch(self, request: str) -> LaunchAnswer:
        self.requests.append(request)
        self.faults.strike()
        if self.refuse_next:
            return LaunchAnswer(refusals=(self.refuse_next.pop(0),))
        plan = wire.loads(LaunchPlan, request)
        asked, answer = self._answers.get(plan.launch_id) or (request, self._start(plan))
        if asked != request:
            refusal = Refusal(RefusalKind.CONFIG, "IdempotentParameterMismatch", f"{plan.launch_id} asked otherwise")
            return LaunchAnswer(refusals=(refusal,))
        # An answer without machines is not kept: nothing was started that a replay could start twice.
        if answer.machines:
            self._answers[plan.launch_id] = (request, answer)
        if self.lost_answers:
            raise self.lost_answers.pop(0)
        return answer

    def machines(self) -> list[CloudMachine]:
        self.faults.strike()
        return list(self.owned.values())

    def machine(self, instance_id: str) -> CloudMachine | None:
        self.faults.strike()
        return self.owned.get(instance_id)

    def terminate(self, instance_ids: Sequence[str]) -> None:
        self.faults.strike()
        self.terminated.extend(instance_ids)
        self.power_off(*instance_ids)

    def console(self, instance_id: str) -> str:
        self.faults.strike()
        return self.consoles.get(instance_id, "")

    def power_off(self, *instance_ids: str) -> None:
        """The machines end, by themselves or by somebody's hand; they stay listed for a while."""
        for name in set(instance_ids) & self.owned.keys():
            self.owned[name] = replace(self.owned[name], running=False)

    def forget(self, *instance_ids: str) -> None:
        """The cloud no longer lists the machines."""
        for name in instance_ids:
            self.owned.pop(name, None)

    def sell_out(self, lifecycle: Lifecycle, pools: Iterable[tuple[str, str]]) -> None:
        """No machine is left in these (type, zone) pools."""
        self.capacity.update({(lifecycle, instance_type, zone): 0 for instance_type, zone in pools})

    @property
    def running(self) -> list[CloudMachine]:
        """The machines that cost money now."""
        return [machine for machine in self.owned.values() if machine.running]

    def _start(self, plan: LaunchPlan) -> LaunchAnswer:
        machines: list[Machine] = []
        refusals: list[Refusal] = []
        for offering in plan.offerings:
            wanted = plan.count - len(machines)
            room = self._take(plan.lifecycle, offering, wanted)
            machines += [self._boot(plan, offering) for _ in range(room)]
            if room < wanted:
                refusals.append(_sold_out(offering))
        return LaunchAnswer(tuple(machines), tuple(refusals) if len(machines) < plan.count else ())

    def _take(self, lifecycle: Lifecycle, offering: Offering, wanted: int) -> int:
        pool = (lifecycle, offering.instance_type, offering.zone)
        if pool not in self.capacity:
            return wanted
        taken = min(wanted, self.capacity[pool])
        self.capacity[pool] -= taken
        return taken

    def _boot(self, plan: LaunchPlan, offering: Offering) -> Machine:
        self._born += 1  # an id is never given twice, not even after `forget`
        name = f"i-{self._born:017x}"
        spot = plan.lifecycle is Lifecycle.SPOT
        self.owned[name] = CloudMachine(
            name, plan.launch_id, self.now, offering.instance_type, offering.zone, spot, running=True
        )
        return Machine(name, offering.instance_type, offering.zone, plan.lifecycle)


def _sold_out(offering: Offering) -> Refusal:
    return Refusal(
        RefusalKind.CAPACITY,
        "InsufficientInstanceCapacity",
        f"no {offering.instance_type} in {offering.zone}",
        offering.instance_type,
        offering.zone,
    )
