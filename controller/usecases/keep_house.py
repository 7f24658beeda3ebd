"""Housekeeping: each task reads the world, decides purely, and carries the decision out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from controller.domain import job as jobs_of
from controller.domain import runner as runners_of
from controller.domain.boot_health import ENDED
from controller.domain.deliveries import MessageDelayed
from controller.domain.events import ChoreDone, FleetSeen, MachineGone, MachineTerminated
from controller.domain.housekeeping import (
    Close,
    Deed,
    Note,
    Patience,
    Release,
    Seen,
    Terminate,
    WriteOff,
    orphans,
    overdue,
    stranded,
    vanished,
)
from controller.domain.interruption import FIRST_LOOK_S, HUNG, VANISHED, Witness, is_hung, is_notice, noticed
from controller.domain.job import JobState
from controller.domain.runner import RunnerState
from controller.errors import Unavailable
from controller.messages import Chore, Chores, Wake
from controller.ports import CloudMachine, Fleet, Jobs, Launches, Ledger, Outbox, Runners, Tell
from controller.usecases.boot_book import BootBook
from controller.usecases.desk import Desk
from controller.usecases.finish_runner import release_job
from controller.usecases.launch_machines import LaunchMachines
from controller.usecases.mourn import mourn

LATELY_S = 300.0
"""As long as the period in which an alarm compares machines taken away with machines there were."""
_AT_ONCE = 500
_FOR_EVER = float("inf")

Errand = Callable[[bool], tuple[int, list[str]]]
"""Called with whether only to look; how much was looked at, and what was or would be done, a line each."""


@dataclass(frozen=True, slots=True)
class KeepHouse:
    """The housekeeping door: one task to a call; overlapping runs are harmless."""

    patience: Patience
    launch_replay_s: float
    jobs: Jobs
    runners: Runners
    launches: Launches
    ledger: Ledger
    fleet: Fleet
    outbox: Outbox
    launch: LaunchMachines
    boots: BootBook
    errands: Mapping[Chores, Errand]
    """The tasks that are use cases of their own."""
    tell: Tell
    clock: Callable[[], float]

    def __call__(self, chore: Chore) -> list[str]:
        """Do the task, or with `dry_run` only look; what was or would be done, a line each."""
        began = self.clock()
        errand = self.errands.get(chore.task)
        looked_at, done = errand(chore.dry_run) if errand else _TASKS[chore.task](self, chore.dry_run)
        self.tell(ChoreDone(chore.task, looked_at, len(done), chore.dry_run, self.clock() - began))
        return done

    def orphaned_machines(self, dry_run: bool) -> tuple[int, list[str]]:  # noqa: FBT001 - all tasks are called alike
        """Machines that nobody waits for, and records whose machine is gone."""
        listed = self.fleet.machines()
        self._tell_fleet(listed)
        seen = [Seen(machine.instance_id, machine.launched_at, machine.running) for machine in listed]
        records = self.runners.get(machine.instance_id for machine in listed if machine.running)
        alive = self.runners.expired(_FOR_EVER, _AT_ONCE)
        now = self.clock()
        deeds = orphans(seen, records, now, self.patience) + vanished(seen, alive, now, self.patience)
        return len(listed), self._carry_out(deeds, dry_run=dry_run)

    def _tell_fleet(self, listed: Sequence[CloudMachine]) -> None:
        running = [machine for machine in listed if machine.running]
        spot = sum(machine.spot for machine in running)
        recent = self.clock() - LATELY_S
        lately = sum(each.spot and (each.running or each.launched_at > recent) for each in listed)
        self.tell(FleetSeen(len(running), spot, len(running) - spot, lately))

    def stuck_provisioning(self, dry_run: bool) -> tuple[int, list[str]]:  # noqa: FBT001 - all tasks are called alike
        """Machines that did not claim, start or end within their lease."""
        now = self.clock()
        expired = self.runners.expired(now, _AT_ONCE)
        held = self.jobs.under_way(_AT_ONCE)
        records = self.runners.get(job.instance_id for job in held if job.instance_id)
        deeds = overdue(expired, now, self.patience) + stranded(held, records, now, self.patience)
        return len(expired) + len(held), self._carry_out(deeds, dry_run=dry_run)

    def pending_launches(self, dry_run: bool) -> tuple[int, list[str]]:  # noqa: FBT001 - all tasks are called alike
        """Launches whose dispatcher was lost half-way."""
        lost = self.launches.pending(self.clock() - self.launch_replay_s, _AT_ONCE)
        for pending in [] if dry_run else lost:
            try:
                self.launch.replay(pending)
            except Unavailable as later:
                self.tell(MessageDelayed("launches", pending.launch_id, str(later)))
        return len(lost), [f"replay launch {pending.launch_id} for {len(pending.jobs)} jobs" for pending in lost]

    def _carry_out(self, deeds: Sequence[Deed], *, dry_run: bool) -> list[str]:
        """Write off, then terminate, then give the jobs back: no job ever has two machines at once."""
        if not dry_run and deeds:
            written_off = [deed for deed in deeds if isinstance(deed, WriteOff) and self._write_off(deed)]
            self._terminate([deed for deed in deeds if isinstance(deed, Terminate)], written_off)
            self._release([deed for deed in deeds if isinstance(deed, Release)], written_off)
            self._note([deed for deed in deeds if isinstance(deed, Note)])
            self._close([deed for deed in deeds if isinstance(deed, Close)])
            self.boots.bury(deed.runner for deed in written_off if deed.terminate)
            self.boots.bury((deed.runner for deed in written_off if not deed.terminate), ENDED)
        return [_line(deed) for deed in deeds]

    def _write_off(self, deed: WriteOff) -> bool:
        """False where the machine's record has moved on since it was read."""
        now = self.clock()
        fate = "" if is_notice(deed.runner.interruption) else self._fate(deed)
        gone = runners_of.move(noticed(deed.runner, fate, Witness.SWEEP, now), RunnerState.GONE, now, deed.reason)
        if self.ledger.save([gone]):
            return False
        self.tell(MachineGone(gone.instance_id, str(gone.job), gone.reason))
        return True

    def _fate(self, deed: WriteOff) -> str:
        """How a machine was lost of which no notice was heard; empty where it only took too long."""
        if not deed.terminate:
            return VANISHED
        ran = deed.runner.ran
        return HUNG if ran and is_hung(self.jobs.get([ran]).get(ran), deed.runner) else ""

    def _note(self, deeds: Sequence[Note]) -> None:
        """One by one: a record that has moved on meanwhile needs no note."""
        for deed in deeds:
            self.ledger.save([replace(deed.runner, missing_since=deed.missing_since)])

    def _close(self, deeds: Sequence[Close]) -> None:
        """How they ended stays unknown."""
        for deed in deeds:
            self.ledger.save([jobs_of.move(deed.job, JobState.COMPLETED, self.clock(), deed.reason)])

    def _terminate(self, orphaned: Sequence[Terminate], written_off: Sequence[WriteOff]) -> None:
        doomed = {deed.instance_id: deed.reason for deed in orphaned}
        doomed |= {deed.runner.instance_id: deed.reason for deed in written_off if deed.terminate}
        if doomed:
            self.fleet.terminate(list(doomed))
        for instance_id, reason in doomed.items():
            self.tell(MachineTerminated(instance_id, reason))

    def _release(self, stranded_jobs: Sequence[Release], written_off: Sequence[WriteOff]) -> None:
        """Each on a desk of its own, so that a job that has moved on spoils nobody else's."""
        runners = self.runners.get(deed.job.instance_id for deed in stranded_jobs)
        bound = [(runners[deed.job.instance_id], deed.reason) for deed in stranded_jobs]
        bound += [(deed.runner, f"{deed.runner.instance_id}: {deed.reason}") for deed in written_off]
        grown = lost = False
        for runner, reason in bound:
            desk = Desk(self.jobs, self.runners, self.ledger)
            release_job(runner, desk, reason, self.clock())
            mourn(desk, self.clock())
            if desk.told and desk.save():
                grown = grown or desk.line_has_grown
                lost = lost or desk.jobs_were_lost
                for event in desk.told:
                    self.tell(event)
        if grown:
            self.outbox.send(Wake("a machine came to nothing"))
        if lost:
            self.outbox.send(Chore(Chores.INTERRUPTED_JOBS), FIRST_LOOK_S)


_TASKS: dict[Chores, Callable[[KeepHouse, bool], tuple[int, list[str]]]] = {
    Chores.ORPHANED_MACHINES: KeepHouse.orphaned_machines,
    Chores.STUCK_PROVISIONING: KeepHouse.stuck_provisioning,
    Chores.PENDING_LAUNCHES: KeepHouse.pending_launches,
}


def _line(deed: Deed) -> str:
    match deed:
        case Terminate():
            return f"terminate {deed.instance_id}: {deed.reason}"
        case WriteOff():
            return f"write off {deed.runner.instance_id}: {deed.reason}"
        case Note():
            return f"{deed.runner.instance_id} is {'back' if deed.missing_since is None else 'missing'} in the cloud"
        case Close():
            return f"close job {deed.job.id}: {deed.reason}"
        case Release():
            return f"back in line with job {deed.job.id}: {deed.reason}"
