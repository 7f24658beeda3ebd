"""The provisioning door: write down who has come, then launch for everybody in line who may run."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from controller import messages
from controller.domain import line
from controller.domain.deliveries import MessageDelayed, MessageRejected
from controller.domain.job import Job
from controller.errors import Rejected, Unavailable
from controller.messages import Delivery, JobQueued, Wake
from controller.ports import Backlog, Tell
from controller.usecases.accept_job import AcceptJob
from controller.usecases.give_spares import GiveSpares
from controller.usecases.hold_jobs import HoldJobs
from controller.usecases.launch_machines import LaunchMachines
from controller.usecases.pick_jobs import PickJobs

FULL_BATCH = 10
LAUNCHING_S = 30.0
"""Launches that would begin later wait for the next wake-up: what a dispatcher is cut off from is left to a sweep."""

Group = Sequence[Job]
SideBySide = Callable[[Callable[[Group], None], Sequence[Group]], object]


def in_turn(launch: Callable[[Group], None], groups: Iterable[Group]) -> None:
    """One group after another."""
    for group in groups:
        launch(group)


@dataclass(frozen=True, slots=True)
class Dispatch:
    """Handles one batch of wake-ups; the line itself is the jobs table."""

    accept: AcceptJob
    launch: LaunchMachines
    spares: GiveSpares
    hold: HoldJobs
    pick: PickJobs
    backlog: Backlog
    tell: Tell
    drain_limit: int
    side_by_side: SideBySide = in_turn
    """Launches several groups at a time: EC2 takes seconds for each."""

    def __call__(self, batch: Sequence[Delivery]) -> list[str]:
        """Handle the wake-ups; the ids of those that must come again."""
        failed, arrived = self._take_in(batch)
        if len(batch) >= FULL_BATCH:
            arrived += self._drain()
        try:
            self._launch(self.pick(arrived))
        finally:
            self.pick.come_again()
        return failed

    def _take_in(self, batch: Sequence[Delivery]) -> tuple[list[str], list[Job]]:
        """Write the jobs of a batch down before anything else is done for them."""
        failed: list[str] = []
        queued: list[JobQueued] = []
        for delivery in batch:
            try:
                queued += _jobs(delivery)
            except Rejected as bad:
                self.tell(MessageRejected("jobs", delivery.id, str(bad)))
                failed.append(delivery.id)
        try:
            return failed, self.accept(queued)
        except Unavailable as later:
            for delivery in batch:
                self.tell(MessageDelayed("jobs", delivery.id, str(later)))
            return [delivery.id for delivery in batch], []

    def _drain(self) -> list[Job]:
        """A full batch means that more are waiting: take them in too, so that equal jobs share one launch."""
        arrived: list[Job] = []
        taken = 0
        while taken < self.drain_limit and (more := self.backlog.take(FULL_BATCH)):
            failed, jobs = self._take_in(more)
            self.backlog.done([delivery for delivery in more if delivery.id not in failed])
            arrived += jobs
            taken += len(more)
        return arrived

    def _launch(self, waiting: Sequence[Job]) -> None:
        if self.accept.watch.is_draining():
            return
        until = self.pick.clock() + LAUNCHING_S

        def launch(group: Group) -> None:
            if self.pick.clock() < until:
                self._launch_group(group)
            else:
                self.pick.put_off(group)

        self.side_by_side(launch, self._left_by_spares(line.groups(waiting)))

    def _launch_group(self, group: Group) -> None:
        try:
            admitted = self.hold(group)
            if admitted:
                self.launch(admitted)
        except Unavailable as later:
            # The launch record stands, so nothing is lost: the sweep of pending launches goes on from it.
            self.tell(MessageDelayed("jobs", group[0].launch_id or group[0].id, str(later)))

    def _left_by_spares(self, groups: Sequence[Group]) -> list[Group]:
        """Whoever finds a machine that runs already waits for no launch, not even for one of others."""
        left = [self.spares(group) for group in groups]
        if any(len(now) < len(before) for now, before in zip(left, groups, strict=True)):
            self.spares.refill()
        return [group for group in left if group]


def _jobs(delivery: Delivery) -> list[JobQueued]:
    match messages.read(delivery.text):
        case JobQueued() as queued:
            return [queued]
        case Wake():
            return []
        case stranger:
            raise Rejected(f"a {stranger.kind} message does not belong on the jobs queue")
