"""Messages that no door could handle come back a few times, ever later; what never can be handled is parked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from controller import messages
from controller.domain.archive import day
from controller.domain.dead_letters import DeadLetter, Drop, Fate, Park, SendBack, fate
from controller.domain.deliveries import MessageDelayed
from controller.domain.events import LetterParked, LetterSentBack
from controller.errors import Rejected, Unavailable
from controller.ports import Archive, DeadLetters, Tell
from runner_agent.contract import wire

PARKED = "parked/"
"""Where in the archive the parked messages lie."""


@dataclass(frozen=True, slots=True)
class Parked:
    """A message as it lies in the archive."""

    queue: str
    id: str
    sender: str
    reason: str
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class RedriveLetters:
    """A housekeeping task over the dead letters of each queue."""

    stack: str
    most: int
    """Of one queue in one look: a door that is still ill must not get all of them at once."""
    queues: Sequence[str]
    foreign: frozenset[str]
    """Queues whose messages are not in our words: only that they are JSON can be told."""
    letters: DeadLetters
    archive: Archive | None
    tell: Tell
    clock: Callable[[], float]

    def __call__(self, dry_run: bool) -> tuple[int, list[str]]:  # noqa: FBT001 - all tasks are called alike
        """Decide on each; a queue or a message that fails does not stop the others."""
        looked_at, done = 0, []
        for queue in self.queues:
            try:
                taken = self.letters.take(queue, self.most)
            except (Rejected, Unavailable) as later:
                self.tell(MessageDelayed(f"{queue}-dead", "", str(later)))
                continue
            looked_at += len(taken)
            fates = [decided for letter in taken if (decided := self._fate(letter))]
            done += [_line(each) for each in fates if dry_run or self._carry_out(each)]
        return looked_at, done

    def _fate(self, letter: DeadLetter) -> Fate | None:
        decided = fate(letter, self.clock(), _unreadable(letter, foreign=letter.queue in self.foreign))
        # Without an archive there is no better place for it than where it lies.
        return None if isinstance(decided, Park) and self.archive is None else decided

    def _carry_out(self, decided: Fate) -> bool:
        letter = decided.letter
        try:
            match decided:
                case SendBack():
                    # In this order: two copies do no harm, and none would.
                    self.letters.send_back(letter)
                    self.letters.discard(letter)
                    self.tell(LetterSentBack(letter.queue, letter.id, decided.reason))
                case Park():
                    self._park(letter, decided.reason)
                case Drop():
                    self.letters.discard(letter)
        except (Rejected, Unavailable) as later:
            self.tell(MessageDelayed(f"{letter.queue}-dead", letter.id, str(later)))
            return False
        return True

    def _park(self, letter: DeadLetter, reason: str) -> None:
        if self.archive is None:
            return
        name = f"{PARKED}{letter.queue}/{day(letter.sent_at)}/{self.stack}/{letter.id}.json.gz"
        self.archive.keep(name, [wire.dumps(Parked(letter.queue, letter.id, letter.sender, reason, letter.text))])
        self.letters.discard(letter)
        self.tell(LetterParked(letter.queue, letter.id, reason, name))


def _unreadable(letter: DeadLetter, *, foreign: bool) -> str:
    try:
        if foreign:
            messages.json_of(letter.text)
        else:
            messages.read(letter.text)
    except Rejected as bad:
        return str(bad)
    return ""


def _line(decided: Fate) -> str:
    verb = {SendBack: "send back", Park: "park", Drop: "drop"}[type(decided)]
    return f"{verb} message {decided.letter.id} of {decided.letter.queue}: {decided.reason}"
