"""The events door: what EC2 says of machines, joined with their records; a machine that is not ours costs one read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from controller.domain import runner as runners_of
from controller.domain.boot_health import ENDED
from controller.domain.deliveries import MessageDelayed, MessageRejected
from controller.domain.events import InterruptionNoticed, MachineGone
from controller.domain.interruption import (
    FIRST_LOOK_S,
    VANISHED,
    Advised,
    Ended,
    Notice,
    Warned,
    Witness,
    noticed,
)
from controller.domain.places import NEWS_S
from controller.domain.runner import ALIVE, Lifecycle, Runner, RunnerState
from controller.errors import Rejected, Unavailable
from controller.messages import Chore, Chores, Delivery, Wake
from controller.ports import Jobs, Ledger, Outbox, Runners, Tell
from controller.usecases.boot_book import BootBook
from controller.usecases.capacity_book import CapacityBook
from controller.usecases.desk import Desk
from controller.usecases.finish_runner import release_job
from controller.usecases.mourn import mourn

_TRIES = 5


@dataclass(frozen=True, slots=True)
class HandleInterruption:
    """Handles one batch of the events queue."""

    last_word_s: float
    read: Callable[[str], Sequence[Notice]]
    """One event may be about many machines. Raises `Rejected` for what is no notice."""
    jobs: Jobs
    runners: Runners
    ledger: Ledger
    outbox: Outbox
    book: CapacityBook
    boots: BootBook
    tell: Tell
    clock: Callable[[], float]

    def __call__(self, batch: Sequence[Delivery]) -> list[str]:
        """Join the batch with the records; the ids of the messages that must come again."""
        failed: list[str] = []
        heard: list[tuple[Delivery, Notice]] = []
        for delivery in batch:
            try:
                heard += [(delivery, notice) for notice in self.read(delivery.text)]
            except Rejected as bad:
                self.tell(MessageRejected("events", delivery.id, str(bad)))
                failed.append(delivery.id)
        try:
            return failed + (self._join(heard) if heard else [])
        except Unavailable as later:
            for delivery in batch:
                self.tell(MessageDelayed("events", delivery.id, str(later)))
            return [delivery.id for delivery in batch]

    def _join(self, heard: Sequence[tuple[Delivery, Notice]]) -> list[str]:
        began = self.clock()
        for _ in range(_TRIES):
            desk, early, taken = self._decided(heard)
            # Before the records say that it is known: after a crash in between it is heard, and heeded, again.
            self.book.heed(taken)
            if desk.save():
                break
        else:
            raise Unavailable("the records change faster than the events can be joined with them")
        if desk.line_has_grown:
            self.outbox.send(Wake("a machine was taken away"))
        if desk.jobs_were_lost:
            self.outbox.send(Chore(Chores.INTERRUPTED_JOBS), FIRST_LOOK_S)
        for event in desk.told:
            self.tell(event)
        for closed in self.book.closed_since(began):
            self.tell(closed)
        gone = {event.instance for event in desk.told if isinstance(event, MachineGone)}
        self.boots.bury((runner for runner in desk.runners if runner.instance_id in gone), ENDED)
        return early

    def _decided(self, heard: Sequence[tuple[Delivery, Notice]]) -> tuple[Desk, list[str], list[Runner]]:
        """The changed records, the deliveries that come too early to be believed, and the machines taken away."""
        desk = Desk(self.jobs, self.runners, self.ledger)
        desk.fetch([], {notice.instance_id for _, notice in heard})
        early: list[str] = []
        taken: list[Runner] = []
        now = self.clock()
        for delivery, notice in heard:
            runner = desk.runner(notice.instance_id)
            if runner is None:
                continue
            match notice:
                case Warned(action=action, at=at):
                    if runner.lifecycle is Lifecycle.SPOT and now - at < NEWS_S:
                        taken.append(runner)
                    _warn(runner, action, desk, now)
                case _ if runner.state not in ALIVE:
                    continue
                case Advised(kind=kind):
                    desk.told.append(_noticed(runner, kind))
                case Ended(at=at) if now - at < self.last_word_s:
                    early.append(delivery.id)
                case Ended(state=state):
                    _write_off(runner, state, desk, now)
        mourn(desk, now)
        return desk, early, taken


def _warn(runner: Runner, action: str, desk: Desk, now: float) -> None:
    """One that has not claimed gets no work any more, and its job another machine at once.

    One that has claimed may have been given a job this very moment, which only its agent can know: an
    idle one ends by itself within seconds and says so. One that has ended meanwhile was taken away all the same.
    """
    warned = noticed(runner, action, Witness.CLOUD, now)
    if warned == runner:
        return
    desk.put(warned)
    desk.told.append(_noticed(runner, action))
    if runner.state is RunnerState.LAUNCHED:
        release_job(warned, desk, f"{runner.instance_id} is taken away before it claimed: {action}", now)


def _write_off(runner: Runner, state: str, desk: Desk, now: float) -> None:
    """A machine that ended without a last word; should GitHub have its job, GitHub says what becomes of it."""
    reason = f"the cloud says that it is {state}"
    gone = runners_of.move(noticed(runner, VANISHED, Witness.CLOUD, now), RunnerState.GONE, now, reason)
    desk.put(gone)
    desk.told.append(MachineGone(runner.instance_id, str(runner.job), reason))
    if runner.started_at is None and runner.ran is None:
        release_job(gone, desk, f"{runner.instance_id}: {reason}", now)


def _noticed(runner: Runner, kind: str) -> InterruptionNoticed:
    return InterruptionNoticed(
        instance=runner.instance_id,
        job=str(runner.job),
        kind=kind,
        state=runner.state,
        instance_type=runner.instance_type,
        zone=runner.zone,
    )
