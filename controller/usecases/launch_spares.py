"""Spares are launched as machines for jobs are: the same ladder, the same record before the call, the same memory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from controller.domain import launch
from controller.domain.launch import Launch
from controller.domain.routing import Route
from controller.errors import Rejected
from controller.usecases.launch_machines import LaunchMachines, Order, Step

PACED = "they wait for EC2's launch rate"


@dataclass(frozen=True, slots=True)
class Short:
    """So many machines are still missing, and why; nothing is missing where somebody else is about it."""

    missing: int = 0
    why: str = ""


@dataclass(frozen=True, slots=True)
class LaunchSpares:
    """`note` is asked before a launch is written down; where it says no, nothing is launched."""

    machines: LaunchMachines

    def __call__(self, route: Route, shape: str, count: int, note: Callable[[Launch], bool]) -> Short:
        """Climb the capacity ladder until there are so many, or nothing more to be had now."""
        left, why = count, ""
        for rung in launch.rungs(spot=route.spot):
            types = [kind.name for kind in launch.types_of(rung, route.types, route.wider)]
            if not types:
                continue
            step = Step(route, rung, tuple(launch.every_offering(types, self.machines.ground.subnets)), why)
            left, no, may_climb = self._on(step, shape, left, note)
            if not left or not may_climb:
                return Short(left, no)
            why = "; ".join(filter(None, (why, f"{rung}: {no}")))
        return Short(left, why)

    def _on(self, step: Step, shape: str, left: int, note: Callable[[Launch], bool]) -> tuple[int, str, bool]:
        """Ask on one rung for as long as it gives; how many are left, why, and whether the next rung may be asked."""
        machines = self.machines
        while left:
            turn = machines.book.turn(launch.lifecycle_of(step.rung), step.offerings, left)
            if not turn.count:
                return left, turn.closed or PACED, bool(turn.closed)
            order = Order((), "", shape, turn.count)
            try:
                record = machines.frozen(order, step, turn, machines.clock())
            except Rejected as refusal:
                return left, str(refusal), False
            if not note(record) or machines.ledger.save([record]):
                return 0, "", False
            started, refusals = machines.ask_for_spares(record, turn)
            left -= started
            if started < turn.count:
                return left, launch.why(refusals), launch.may_climb(refusals)
        return 0, "", False
