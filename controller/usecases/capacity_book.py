"""One dispatcher's copy of what all know of the cloud's capacity; written where it changes, if nobody was faster.

What can not be shared is gone without: the record saves useless requests, and no job's fate hangs on it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, field, replace
from typing import TypeVar

from controller.domain import capacity, places
from controller.domain.capacity import Capacity, Terms, Turn
from controller.domain.events import PlaceClosed
from controller.domain.launch import LaunchAnswer, Offering
from controller.domain.line import Served
from controller.domain.places import Force
from controller.domain.refusal import RefusalKind
from controller.domain.runner import Lifecycle, Runner
from controller.errors import Rejected, Unavailable
from controller.ports import Memory
from runner_agent.contract import wire

FACT = "capacity"
KEEP_S = 400 * 86_400.0
_TRIES = 12

T = TypeVar("T")


@dataclass(slots=True)
class CapacityBook:
    """Kept between warm invocations: as long as nobody else writes, changing it takes one call and reading it none.

    Launches side by side share it, and change it one after another.
    """

    memory: Memory
    terms: Terms
    clock: Callable[[], float]
    new_id: Callable[[], str]
    lock: AbstractContextManager[object] = field(default_factory=threading.RLock, repr=False)
    """For whom threads take turns in another way: something that holds nobody up."""
    _text: str | None = field(default=None)
    _known: Capacity = field(default_factory=Capacity)
    _short: int = field(default=0)
    _read: bool = field(default=False)

    @property
    def known(self) -> Capacity:
        """The record as it was when it was last read or written."""
        return self._known

    @property
    def places_closed(self) -> int | None:
        """How many places the record keeps spot machines out of; None before it was ever read."""
        return len(places.closed(self._known.breakers)) if self._read else None

    def closed_since(self, began: float) -> list[PlaceClosed]:
        """The places that have been closed since a time."""
        known = self._known.breakers
        news = [name for name in sorted(places.closed(known)) if (known[name].opened_at or 0.0) >= began]
        return [PlaceClosed(name, known[name].cause, known[name].trips) for name in news]

    def look(self) -> Capacity:
        """The record as it is now."""
        # Where it can not be read, what was known before is better than nothing.
        with self.lock, suppress(Unavailable, Rejected):
            self._open(self.memory.recall(FACT, self.clock()))
        return self._known

    def turn(self, lifecycle: Lifecycle, offerings: Sequence[Offering], wanted: int) -> Turn:
        """What may be asked for next, its tokens taken."""
        taken = self._change(lambda known: capacity.turn(known, lifecycle, offerings, wanted, self.clock()))
        if taken.paced:
            self.fell_short(wanted)
        return taken

    def answered(self, lifecycle: Lifecycle, taken: Turn, answer: LaunchAnswer) -> None:
        """Remember what an answer says."""
        asked = (lifecycle, taken)
        if any(no.kind is RefusalKind.RATE for no in answer.refusals):
            self.fell_short(taken.count - len(answer.machines))
        self._change(lambda known: (capacity.answered(known, asked, answer, self.clock(), self.terms), None))

    def unanswered(self) -> None:
        """Remember that a request was throttled, or that nobody knows what came of it."""
        self._change(lambda known: (capacity.unanswered(known, self.clock()), None))

    def share(self, change: Callable[[Served], Served]) -> None:
        """Remember who has had how much of his share."""
        self._change(lambda known: (replace(known, served=change(known.served)), None))

    def fell_short(self, jobs: int) -> None:
        """For so many jobs there were no tokens."""
        with self.lock:
            self._short += max(0, jobs)

    def wake_after(self) -> float | None:
        """In how many seconds those may be served for whom there were no tokens; None: nobody, or somebody is on it."""
        jobs, self._short = self._short, 0
        if not jobs:
            return None
        return self._change(lambda known: capacity.wake(known, jobs, self.clock()))

    def heed(self, taken: Iterable[Runner]) -> None:
        """Remember where machines were taken away; each of them counts once, however often it is told.

        By the cloud's word only: a machine's own may be that of a job on it, which would close the place to all.
        """
        happened = [places.taken_away(one.instance_id, one.instance_type, one.zone) for one in taken]
        if happened:
            self._change(lambda known: (capacity.interrupted(known, happened, self.clock()), None))

    def order(self, pattern: str, force: Force | None) -> Capacity:
        """Write down an operator's order; raises `Unavailable` where it can not be kept."""
        self._open(self.memory.recall(FACT, self.clock()))
        for _ in range(_TRIES):
            if self._write(replace(capacity.ordered(self._known, pattern, force), stamp=self.new_id())):
                return self._known
        raise Unavailable(f"order for {pattern}: the record changes faster than it can be written")

    def _change(self, change: Callable[[Capacity], tuple[Capacity, T]]) -> T:
        with self.lock:
            for _ in range(_TRIES):
                new, outcome = change(self._known)
                if new == self._known:
                    return outcome
                try:
                    if self._write(replace(new, stamp=self.new_id())):
                        return outcome
                except (Unavailable, Rejected):
                    break
            self._known = new
            return outcome

    def _write(self, new: Capacity) -> bool:
        text = wire.dumps(new)
        standing = self.memory.swap(FACT, self._text, text, self.clock() + KEEP_S)
        self._open(standing)
        return standing == text

    def _open(self, text: str | None) -> None:
        self._text = text
        self._read = True
        self._known = read(text)


def read(text: str | None) -> Capacity:
    """The record in its text; an empty one where another version of this code has written it."""
    try:
        return wire.loads(Capacity, text) if text else Capacity()
    except wire.Malformed:
        return Capacity()
