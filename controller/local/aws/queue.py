"""An SQS standard queue in memory: visibility, long polls, receive counts and redrive, at any backlog."""

from __future__ import annotations

import heapq
import itertools
import secrets
import threading
import uuid
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from controller.local.aws.refusals import ServiceError

Clock = Callable[[], float]


@dataclass(slots=True, eq=False)
class Message:
    """A message and where it stands; only its queue changes it."""

    body: str = field(repr=False)
    sender: str
    sent_at: float
    attributes: Mapping[str, Mapping[str, str]] = field(default_factory=dict, repr=False)
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    receives: int = 0
    first_received_at: float = 0.0
    receipt: str = ""
    hidden_until: float = 0.0
    """In flight or delayed until then; zero while it is ready."""


@dataclass(frozen=True, slots=True)
class Depth:
    """How many messages stand where."""

    ready: int
    in_flight: int
    delayed: int


@dataclass(slots=True)
class Terms:
    """The attributes of a queue that its owner sets."""

    visibility_s: float = 30.0
    retention_s: float = 345_600.0
    delay_s: float = 0.0
    wait_s: float = 0.0
    redrive: str = ""
    """The redrive policy as it was given."""


class Queue:
    """One queue; every method may be called from any thread."""

    def __init__(self, name: str, terms: Terms, clock: Clock) -> None:
        self.name = name
        self.terms = terms
        self.created_at = clock()
        self.dead: Queue | None = None
        self.max_receives = 0
        self._clock = clock
        self._changed = threading.Condition()
        self._messages: dict[str, Message] = {}
        self._ready: deque[Message] = deque()
        self._hidden: list[tuple[float, int, Message]] = []
        self._order = itertools.count()
        self._closed = False

    def send(self, message: Message, delay_s: float | None = None) -> None:
        """Take a message in."""
        delay = self.terms.delay_s if delay_s is None else delay_s
        with self._changed:
            self._messages[message.id] = message
            if delay > 0:
                self._hide(message, delay)
            else:
                self._ready.append(message)
            self._changed.notify_all()

    def receive(self, limit: int, wait_s: float | None = None, visibility_s: float | None = None) -> list[Message]:
        """Up to `limit` messages, hidden from others for a while; waits for the first one."""
        hide = self.terms.visibility_s if visibility_s is None else visibility_s
        deadline = self._clock() + (self.terms.wait_s if wait_s is None else wait_s)
        with self._changed:
            while True:
                taken = self._take(limit, hide)
                left = deadline - self._clock()
                if taken or left <= 0 or self._closed:
                    return taken
                due = self._hidden[0][0] - self._clock() if self._hidden else left
                self._changed.wait(max(0.001, min(left, due)))

    def delete(self, receipt: str) -> None:
        """Forget the message; an older receipt than the latest does nothing."""
        with self._changed:
            message = self._of(receipt)
            if message and message.receipt == receipt:
                del self._messages[message.id]

    def change_visibility(self, receipt: str, seconds: float) -> None:
        """Hide an in-flight message for this long from now on."""
        with self._changed:
            message = self._of(receipt)
            self._settle()
            if message is None or message.receipt != receipt or not message.hidden_until:
                raise ServiceError("MessageNotInflight", "The message referred to isn't in flight.")
            self._hide(message, seconds)
            self._changed.notify_all()

    def purge(self) -> None:
        """Forget every message."""
        with self._changed:
            self._messages.clear()
            self._ready.clear()
            self._hidden.clear()

    def depth(self) -> Depth:
        """How many messages stand where."""
        with self._changed:
            self._settle()
            hidden = [message for message in self._messages.values() if message.hidden_until]
            in_flight = sum(1 for message in hidden if message.receives)
            return Depth(len(self._messages) - len(hidden), in_flight, len(hidden) - in_flight)

    def oldest_s(self) -> float:
        """How long ago the oldest message was sent that is ready or in flight; 0 where there is none."""
        with self._changed:
            self._settle()
            there = [each.sent_at for each in self._messages.values() if each.receives or not each.hidden_until]
            return max(0.0, self._clock() - min(there)) if there else 0.0

    def close(self) -> None:
        """Send everybody who waits home."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _take(self, limit: int, hide: float) -> list[Message]:
        self._settle()
        taken: list[Message] = []
        now = self._clock()
        while self._ready and len(taken) < limit:
            message = self._ready.popleft()
            if self._messages.get(message.id) is not message or now - message.sent_at > self.terms.retention_s:
                self._messages.pop(message.id, None)
            elif self.dead and self.max_receives and message.receives >= self.max_receives:
                self._bury(message, self.dead)
            else:
                self._hand_out(message, hide, now)
                taken.append(message)
        return taken

    def _hand_out(self, message: Message, hide: float, now: float) -> None:
        message.receives += 1
        message.first_received_at = message.first_received_at or now
        message.receipt = f"{message.id}.{secrets.token_hex(16)}"
        self._hide(message, hide)

    def _bury(self, message: Message, dead: Queue) -> None:
        del self._messages[message.id]
        message.receipt = ""
        message.receives = 0
        dead.send(message, 0)

    def _hide(self, message: Message, seconds: float) -> None:
        message.hidden_until = self._clock() + seconds
        heapq.heappush(self._hidden, (message.hidden_until, next(self._order), message))

    def _settle(self) -> None:
        """Bring back what has been hidden for long enough; an outdated entry of the heap says nothing."""
        now = self._clock()
        while self._hidden and self._hidden[0][0] <= now:
            until, _, message = heapq.heappop(self._hidden)
            if message.hidden_until == until and self._messages.get(message.id) is message:
                message.hidden_until = 0.0
                self._ready.append(message)

    def _of(self, receipt: str) -> Message | None:
        identity, dot, _ = receipt.partition(".")
        if not dot:
            raise ServiceError("ReceiptHandleIsInvalid", "The input receipt handle is invalid.", 404)
        return self._messages.get(identity)
