"""Who may be launched for now: the line, its limits and the tokens there are, decided in `controller.domain.line`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from controller.domain import line
from controller.domain.events import LaunchesPaced, LineSeen
from controller.domain.job import Job, JobState
from controller.domain.pacing import LEAST_LEASE
from controller.errors import Rejected
from controller.messages import Wake
from controller.ports import Configs, Jobs, Outbox, Tell
from controller.usecases.capacity_book import CapacityBook

LINE_READ = 500
"""How much of the line one dispatch looks at, as long as there is something for everybody."""
MOST_READ = 32_000
AT_WORK_READ = 10_000

_Room = dict[tuple[str, str], int]


@dataclass(frozen=True, slots=True)
class PickJobs:
    """Reads no more than one stretch of the line where all in it can be served."""

    jobs: Jobs
    configs: Configs
    book: CapacityBook
    outbox: Outbox
    tell: Tell
    clock: Callable[[], float]

    def __call__(self, arrived: Sequence[Job]) -> list[Job]:
        """The jobs to launch for, the next first."""
        waiting = _in_line(arrived, self.jobs.waiting(LINE_READ))
        self._tell_line(waiting)
        limits = self._limits(waiting)
        known = self.book.look() if len(waiting) > LEAST_LEASE else self.book.known
        slots = known.pace.slots(len(waiting), self.clock())
        if waiting and not slots:
            self.tell(LaunchesPaced("any configuration", len(waiting)))
            self.book.fell_short(len(waiting))
            return []
        if len(waiting) >= LINE_READ and (limits or slots < len(waiting)):
            # Whoever comes late must not wait for all who came before, and the limited not hold up the others.
            waiting = self._whole(arrived)
            limits, slots = self._limits(waiting), known.pace.slots(len(waiting), self.clock())
        elif len(waiting) >= LINE_READ:
            self.book.fell_short(1)  # there may be more behind those who are all served now
        room = self._room(limits, waiting) if limits else {}
        terms = line.Terms(self._weight, self._priority, room)
        picked = line.pick(waiting, slots, known.served, terms)
        if slots < len(waiting):
            self.book.share(lambda served: line.charged(served, waiting, picked, self._weight))
        if len(picked) == slots < len(waiting):
            self.book.fell_short(len(waiting) - slots)
        return picked

    def _tell_line(self, waiting: Sequence[Job]) -> None:
        oldest = min((job.queued_at for job in waiting), default=None)
        waited = None if oldest is None else max(0.0, self.clock() - oldest)
        self.tell(LineSeen(len(waiting), waited, self.book.places_closed))

    def put_off(self, group: Sequence[Job]) -> None:
        """There was no time for these: they are picked again at the next wake-up."""
        self.book.fell_short(len(group))

    def come_again(self) -> None:
        """Where tokens fell short, be woken when there are some again, once for all dispatchers."""
        after_s = self.book.wake_after()
        if after_s is not None:
            self.outbox.send(Wake("tokens to launch with"), after_s)

    def _whole(self, arrived: Sequence[Job]) -> list[Job]:
        limit = LINE_READ
        while True:
            limit *= 8
            read = self.jobs.waiting(limit)
            if len(read) < limit or limit >= MOST_READ:
                return _in_line(arrived, read)

    def _limits(self, waiting: Iterable[Job]) -> _Room:
        """The limits of those who wait, each under what it is about."""
        shares = self.configs.rules(self.clock()).shares
        found: _Room = {}
        for config in {job.config for job in waiting}:
            if (most := self._most(config)) is not None:
                found["config", config] = most
        for repository in {job.repository.lower() for job in waiting}:
            if (most := shares.most(repository)) is not None:
                found["repository", repository] = most
        return found

    def _room(self, limits: _Room, waiting: Iterable[Job]) -> _Room:
        """What is left of the limits; who waits by a fresher reading is not at work."""
        line_up = {job.key for job in waiting}
        at_work = [job for job in self.jobs.under_way(AT_WORK_READ) if job.key not in line_up]
        used = Counter(("config", job.config) for job in at_work)
        used += Counter(("repository", job.repository.lower()) for job in at_work)
        return {name: most - used[name] for name, most in limits.items()}

    def _weight(self, repository: str) -> float:
        return self.configs.rules(self.clock()).shares.weight(repository)

    def _priority(self, config: str) -> int:
        try:
            found = self.configs.find(config, self.clock())
        except Rejected:
            return 0
        return found.priority if found else 0

    def _most(self, config: str) -> int | None:
        try:
            found = self.configs.find(config, self.clock())
        except Rejected:
            return None
        return found.most_jobs if found else None


def _in_line(*readings: Iterable[Job]) -> list[Job]:
    return [job for job in line.merged(*readings) if job.state is JobState.WAITING]
