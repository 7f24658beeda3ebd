"""Queues with visibility, counted receives and dead letters, on virtual time."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import count

from controller import wiring
from controller.domain.dead_letters import DeadLetter
from controller.messages import Chore, Delivery, JobMoved
from runner_agent.contract import wire
from tests.fakes.queue import FakeBacklog, FakeOutbox, Sent
from tests.reliability.timeline import Timeline


@dataclass(slots=True)
class Message:
    """One message on a queue."""

    id: str
    text: str
    sender: str
    visible_at: float
    receives: int = 0
    sent_at: float = 0.0
    returns: int = 0
    """How often it has been sent back from the dead letters."""


class SimQueue:
    """One queue and its dead letters; `on_ready` is called when a message can be received."""

    def __init__(self, spec: wiring.Queue, timeline: Timeline, on_ready: Callable[[], None], window_s: float) -> None:
        self.spec, self._timeline, self._on_ready, self._window_s = spec, timeline, on_ready, window_s
        self.messages: dict[str, Message] = {}
        self.dead: list[Message] = []
        self.dealt_with: set[str] = set()
        """Messages that a function answered for."""
        self.sent = 0
        self._serial = count(1)

    def send(self, text: str, sender: str, after_s: float = 0.0, returns: int = 0) -> None:
        """Put a message on the queue."""
        name = f"{self.spec.name}-{next(self._serial)}"
        self.sent += 1
        self.messages[name] = Message(
            name, text, sender, self._timeline.now + after_s, sent_at=self._timeline.now, returns=returns
        )
        self._timeline.after(after_s + self._window_s, self._on_ready, background=True)

    def bury(self, text: str, sender: str) -> None:
        """A message that the door has given up lies among the dead letters."""
        name = f"{self.spec.name}-{next(self._serial)}"
        self.sent += 1
        self.dead.append(Message(name, text, sender, self._timeline.now, sent_at=self._timeline.now))

    def take(self, limit: int) -> list[Delivery]:
        """Messages that are visible now; each stays away until its visibility runs out."""
        now = self._timeline.now
        taken: list[Delivery] = []
        for message in [m for m in self.messages.values() if m.visible_at <= now]:
            if len(taken) == limit:
                break
            if message.receives >= self.spec.max_receives:
                self.dead.append(self.messages.pop(message.id))
                continue
            message.receives += 1
            message.visible_at = now + self.spec.visibility_s
            self._timeline.after(self.spec.visibility_s, self._on_ready, background=True)
            taken.append(Delivery(message.id, message.text, message.sender, message.id))
        return taken

    @property
    def vanished(self) -> int:
        """How many messages are gone though nobody ever answered for them."""
        kept = self.messages.keys() | {message.id for message in self.dead}
        return self.sent - len(self.dealt_with | kept)

    def answered(self, ids: Collection[str]) -> None:
        """A function says that these are dealt with."""
        self.dealt_with.update(ids)

    def delete(self, ids: Collection[str]) -> None:
        """Never hand these out again."""
        for name in ids:
            self.messages.pop(name, None)


class Post(FakeOutbox):
    """What the doors send arrives on its queue."""

    def __init__(self, queues: dict[str, SimQueue]) -> None:
        super().__init__()
        self._queues = queues

    def send(self, message: Sent, after_s: float = 0.0) -> None:
        self._queues[_address(message)].send(wire.dumps(message), "AROADOOR:door", after_s)


def _address(message: Sent) -> str:
    match message:
        case JobMoved():
            return wiring.REPORTS.name
        case Chore():
            return wiring.HOUSEKEEPING.name
        case _:
            return wiring.JOBS.name


class Line(FakeBacklog):
    """The jobs queue as the dispatcher drains it."""

    def __init__(self, queue: SimQueue) -> None:
        super().__init__()
        self._queue = queue

    def take(self, limit: int) -> list[Delivery]:
        return self._queue.take(limit)

    def done(self, deliveries: Sequence[Delivery]) -> None:
        ids = [delivery.id for delivery in deliveries]
        self._queue.answered(ids)
        self._queue.delete(ids)


class Graves:
    """The dead letters of all queues, as housekeeping sees them."""

    def __init__(self, queues: Mapping[str, SimQueue], timeline: Timeline) -> None:
        self._queues, self._timeline = queues, timeline
        self._hidden: dict[str, float] = {}

    def take(self, queue: str, limit: int) -> list[DeadLetter]:
        now = self._timeline.now
        found = [each for each in self._queues[queue].dead if self._hidden.get(each.id, 0.0) <= now][:limit]
        self._hidden |= {each.id: now + _HIDDEN_S for each in found}
        return [
            DeadLetter(queue, each.id, each.text, each.sender, each.sent_at, each.returns, each.id) for each in found
        ]

    def send_back(self, letter: DeadLetter) -> None:
        self._queues[letter.queue].send(letter.text, letter.sender, returns=letter.returns + 1)

    def discard(self, letter: DeadLetter) -> None:
        queue = self._queues[letter.queue]
        queue.answered([letter.id])
        queue.dead = [each for each in queue.dead if each.id != letter.receipt]


_HIDDEN_S = 240.0
