"""The reports door: one batch of what GitHub says and what machines say, joined in one step."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from controller import messages
from controller.domain import labels
from controller.domain.deliveries import MessageDelayed, MessageRejected
from controller.domain.events import JobRehomed, JobSentHome
from controller.domain.interruption import FIRST_LOOK_S
from controller.domain.region_health import rehomed
from controller.domain.runner_name import instance_of
from controller.errors import Rejected, Unavailable
from controller.messages import Chore, Chores, Delivery, JobMoved, Wake
from controller.ports import Jobs, Ledger, Outbox, Runners, Tell
from controller.usecases.desk import Desk
from controller.usecases.finish_runner import Terms, finish_runner
from controller.usecases.mourn import mourn
from controller.usecases.record_job import record_job
from controller.usecases.region_watch import RegionWatch
from runner_agent.contract.reports import Report

_TRIES = 5

Heard = JobMoved | Report


@dataclass(frozen=True, slots=True)
class HearReports:
    """Handles one batch of the reports queue."""

    watch: RegionWatch
    idle_limit_s: float
    job_limit_s: float
    jobs: Jobs
    runners: Runners
    ledger: Ledger
    outbox: Outbox
    tell: Tell
    clock: Callable[[], float]
    peers: Mapping[str, Outbox] = field(default_factory=dict)
    """Where the word on a job goes that lives in another region."""

    def __call__(self, batch: Sequence[Delivery]) -> list[str]:
        """Join the batch with the records; the ids of the messages that must come again."""
        failed: list[str] = []
        heard: list[tuple[Delivery, Heard]] = []
        for delivery in batch:
            try:
                heard.append((delivery, _believed(delivery)))
            except Rejected as bad:
                failed.append(self._rejected(delivery, bad))
        try:
            return failed + self._join_all(heard)
        except Unavailable as later:
            for delivery in batch:
                self.tell(MessageDelayed("reports", delivery.id, str(later)))
            return [delivery.id for delivery in batch]

    def _join_all(self, heard: Sequence[tuple[Delivery, Heard]]) -> list[str]:
        """One step for all; where that can not be stored, one for each, so that a bad message fails alone."""
        try:
            self._join([message for _, message in heard])
        except Rejected:
            return [delivery.id for delivery, message in heard if not self._joined(delivery, message)]
        return []

    def _joined(self, delivery: Delivery, message: Heard) -> bool:
        try:
            self._join([message])
        except Rejected as bad:
            self._rejected(delivery, bad)
            return False
        return True

    def _rejected(self, delivery: Delivery, bad: Rejected) -> str:
        self.tell(MessageRejected("reports", delivery.id, str(bad)))
        return delivery.id

    def _join(self, heard: Sequence[Heard]) -> None:
        for _ in range(_TRIES):
            desk, elsewhere = self._decided(heard)
            if desk.save():
                break
        else:
            raise Unavailable("the records change faster than they can be joined")
        if desk.line_has_grown:
            self.outbox.send(Wake("a job is back in line"))
        if desk.jobs_were_lost:
            self.outbox.send(Chore(Chores.INTERRUPTED_JOBS), FIRST_LOOK_S)
        for event in desk.told:
            self.tell(event)
        for region, moved in elsewhere:
            self.peers[region].send(moved)
            self.tell(JobSentHome(str(moved.key), region, moved.kind))

    def _decided(self, heard: Sequence[Heard]) -> tuple[Desk, list[tuple[str, JobMoved]]]:
        """The changed records, and what is for another region to hear."""
        desk = Desk(self.jobs, self.runners, self.ledger)
        moved = [message for message in heard if isinstance(message, JobMoved)]
        machines = {message.instance_id for message in heard if isinstance(message, Report)}
        machines |= {name for message in moved if (name := instance_of(message.runner_name))}
        desk.fetch({message.key for message in moved}, machines)
        # Where GitHub gave a runner another job than its machine was meant for, both sides are needed.
        desk.fetch_partners()
        now = self.clock()
        elsewhere: list[tuple[str, JobMoved]] = []
        for message in heard:
            if isinstance(message, Report):
                finish_runner(message, desk, Terms(self.idle_limit_s, self.job_limit_s), now)
            elif (region := self._home(message, desk, now)) != self.watch.region:
                elsewhere.append((region, message))
            else:
                record_job(message, desk, self.watch.region, self.job_limit_s, now)
        mourn(desk, now, self.watch.region)
        return desk, elsewhere

    def _home(self, moved: JobMoved, desk: Desk, now: float) -> str:
        """The region that may write the job; the job of a lost region is taken in with GitHub's word on it."""
        job = desk.job(moved.key)
        if job is None:
            return self.watch.in_charge(labels.region_of(moved.labels))
        if job.home == self.watch.region or (region := self.watch.in_charge(job.home)) != self.watch.region:
            return job.home if job.home == self.watch.region else region
        taken = rehomed(job, self.watch.region, now, f"{job.home} is lost")
        desk.put(taken)
        desk.told.append(JobRehomed(job.id, job.repository, job.home, taken.home, taken.epoch, moved.kind))
        return self.watch.region


def _believed(delivery: Delivery) -> Heard:
    """The message, if its sender may say it.

    A job's steps can use their machine's role, so a machine may speak only for itself, and never for GitHub.
    """
    message = messages.read(delivery.text)
    session = delivery.sender.rpartition(":")[2]
    match message:
        case Report() if session == message.instance_id:
            return message
        case Report():
            raise Rejected(f"{session or 'an unknown sender'} reports for {message.instance_id}")
        case JobMoved() if session and not session.startswith("i-"):
            return message
        case JobMoved():
            raise Rejected(f"{session or 'an unknown sender'} speaks for GitHub about job {message.key}")
        case _:
            raise Rejected(f"a {message.kind} message does not belong on the reports queue")
