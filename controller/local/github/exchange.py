"""Gives queued jobs to idle runners by label alone, as GitHub does, and keeps each job's lease."""

from __future__ import annotations

import queue
import threading
import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from controller.local.github.job import Conclusion, Job, RunnerRef, Status
from controller.local.github.registry import Message, Registry, Runner
from controller.local.github.runbook import Entry, Runbook
from controller.local.github.scheduler import Change, Ending


@dataclass(frozen=True, slots=True)
class Patience:
    """GitHub's own deadlines, in seconds."""

    long_poll_s: float = 50.0
    offer_s: float = 60.0
    """A runner that does not pick up its job loses it."""
    lease_s: float = 600.0
    """A job whose runner is silent for so long has failed."""
    idle_s: float = 300.0
    """A just-in-time runner that listens without a job is removed."""
    offline_s: float = 86_400.0
    """One that has never listened is removed so much later."""
    session_s: float = 120.0
    """A session nobody polls is over."""
    queue_s: float = 86_400.0
    """A job nobody took is cancelled."""


@dataclass(frozen=True, slots=True)
class Held:
    """A job in a runner's hands: offered until `until`, and once taken, leased until `until`."""

    request_id: str
    """The message the runner acquires the job by."""
    job_guid: str
    plan_id: str
    job_id: int
    runner_id: int
    taken: bool
    until: datetime


class Refused(Exception):
    """A runner's request that cannot be met: 404, 409 or 422 of the run service."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Exchange:
    """Matches, offers, leases; everything that happens between a queued job and its runner."""

    def __init__(
        self,
        runbook: Runbook,
        registry: Registry,
        patience: Patience,
        clock: Callable[[], datetime],
        lock: threading.RLock,
    ) -> None:
        self._runbook = runbook
        self._registry = registry
        self._patience = patience
        self._clock = clock
        self._lock = lock
        self._held: dict[int, Held] = {}
        """By job."""
        self._closed = False
        runbook.listen(self._heard)

    def wait(self, runner: Runner, session_id: str, *, busy: bool) -> Message | None:
        """One long poll: the next message for the runner, or None when there was none in time."""
        session = runner.session
        if session is None or session.id != session_id:
            raise Refused(404, f"session {session_id} is not of runner {runner.name}")
        with self._lock:
            if self._closed:
                return None
            session.polling, session.last_seen = not busy, self._clock()
            self._match()
        try:
            return session.mailbox.get(timeout=self._patience.long_poll_s)
        except queue.Empty:
            return None
        finally:
            with self._lock:
                session.polling, session.last_seen = False, self._clock()

    def acquire(self, runner: Runner, request_id: str) -> tuple[Entry, Job, Held]:
        """The runner takes the job it was offered."""
        with self._lock:
            held = next((each for each in self._held.values() if each.request_id == request_id), None)
            if held is None or held.runner_id != runner.id:
                raise Refused(404, f"Job message not found '{request_id}'.")
            if held.taken:
                raise Refused(409, f"Job message already acquired '{request_id}'.")
            entry = self._entry(held.job_id)
            leased = self._held[held.job_id] = self._hold(held, taken=True, seconds=self._patience.lease_s)
            group = RunnerRef(runner.id, runner.name, runner.group_id, "Default")
            self._runbook.begin(entry, held.job_id, group)
            return entry, entry.run.job(held.job_id), leased

    def renew(self, runner: Runner, job_guid: str) -> datetime:
        """Extend the lease of a running job."""
        with self._lock:
            held = self._of(runner, job_guid)
            renewed = self._held[held.job_id] = self._hold(held, taken=True, seconds=self._patience.lease_s)
            return renewed.until

    def complete(self, runner: Runner, job_guid: str, ending: Ending) -> None:
        """The runner's word on its job; a just-in-time runner is gone with it."""
        with self._lock:
            held = self._of(runner, job_guid)
            self._end(held, runner, ending)

    def fail(self, job_id: int, why: str) -> None:
        """End a taken job that cannot be handed over."""
        with self._lock:
            held = self._held[job_id]
            self._end(held, self._registry.find(held.runner_id), Ending(Conclusion.FAILURE, note=why))

    def close(self) -> None:
        """End every long poll, now and from now on."""
        with self._lock:
            self._closed = True
        self.hang_up()

    def hang_up(self) -> None:
        """End every long poll that is under way."""
        with self._lock:
            for runner in self._registry.runners:
                if runner.session is not None:
                    runner.session.mailbox.put(None)

    def sweep(self) -> None:
        """Let offers, leases, sessions, idle runners and waiting jobs end by their deadlines."""
        with self._lock:
            now = self._clock()
            for held in [each for each in self._held.values() if each.until <= now]:
                self._lapse(held)
            for runner in self._registry.runners:
                self._check(runner, now)
            for entry, job in self._runbook.queued():
                if now - job.queued_at > timedelta(seconds=self._patience.queue_s):
                    self._runbook.finish(entry, job.id, Ending(Conclusion.CANCELLED, note="nobody took it in time"))

    def _heard(self, _entry: Entry, change: Change) -> None:
        if change.action == "queued":
            self._match()
        elif change.action == "cancel":
            self._ask_to_stop(change.job)
        elif change.action == "completed":
            self._withdraw(change.job)

    def _match(self) -> None:
        """Each waiting job goes to the first idle runner that has all its labels, whomever it was started for."""
        idle = [runner for runner in self._registry.runners if runner.is_idle]
        for entry, job in self._runbook.queued() if idle else ():
            if job.id in self._held:
                continue
            fit = [runner for runner in idle if runner.serves(entry.repository.full_name, job.labels)]
            if fit:
                self._offer(job, fit[0])
                idle.remove(fit[0])

    def _offer(self, job: Job, runner: Runner) -> None:
        until = self._clock() + timedelta(seconds=self._patience.offer_s)
        ids = [str(uuid.uuid4()) for _ in range(3)]
        self._held[job.id] = Held(ids[0], ids[1], ids[2], job.id, runner.id, taken=False, until=until)
        runner.job_id = job.id
        self._registry.tell(runner, "RunnerJobRequest", {"runner_request_id": ids[0]})

    def _end(self, held: Held, runner: Runner | None, ending: Ending) -> None:
        self._held.pop(held.job_id, None)
        if runner is not None:
            self._registry.remove(runner)
        self._runbook.finish(self._entry(held.job_id), held.job_id, ending)

    def _lapse(self, held: Held) -> None:
        runner = self._registry.find(held.runner_id)
        if held.taken:
            name = runner.name if runner else str(held.runner_id)
            note = f"The self-hosted runner: {name} lost communication with the server."
            self._end(held, runner, Ending(Conclusion.FAILURE, note=note))
            return
        del self._held[held.job_id]
        if runner is not None:
            runner.job_id = None
        self._match()

    def _check(self, runner: Runner, now: datetime) -> None:
        session = runner.session
        if session and not session.polling and now - session.last_seen > timedelta(seconds=self._patience.session_s):
            runner.session = None
        patience = self._patience.idle_s if runner.version else self._patience.offline_s
        if runner.job_id is None and now - runner.registered_at > timedelta(seconds=patience):
            self._registry.remove(runner)

    def _ask_to_stop(self, job: Job) -> None:
        held = self._held.get(job.id)
        runner = self._registry.find(held.runner_id) if held else None
        if held and runner:
            self._registry.tell(runner, "JobCancellation", {"jobId": held.job_guid, "timeout": "00:05:00"})

    def _withdraw(self, job: Job) -> None:
        """A job that ended before it was taken: its runner is told when it asks, and waits on."""
        held = self._held.get(job.id)
        if held and not held.taken:
            del self._held[job.id]
            runner = self._registry.find(held.runner_id)
            if runner is not None:
                runner.job_id = None

    def _of(self, runner: Runner, job_guid: str) -> Held:
        for held in self._held.values():
            if held.job_guid == job_guid and held.runner_id == runner.id and held.taken:
                return held
        raise Refused(404, f"Job not found: {job_guid}.")

    def _entry(self, job_id: int) -> Entry:
        entry = self._runbook.home(job_id)
        if entry is None or entry.run.job(job_id).status is Status.COMPLETED:
            raise Refused(404, f"job {job_id} is over")
        return entry

    def _hold(self, held: Held, *, taken: bool, seconds: float) -> Held:
        return replace(held, taken=taken, until=self._clock() + timedelta(seconds=seconds))
