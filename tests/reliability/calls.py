"""Every outside call is seen, numbered, and struck where a test wants it to be."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from enum import StrEnum

from controller.domain.launch import LaunchAnswer, Refusal
from controller.domain.refusal import RefusalKind
from controller.errors import Rejected, Unavailable
from controller.messages import Chores

THROTTLED_S = 20.0


class PowerCut(BaseException):
    """The process is gone in the middle; nothing of ours may catch this."""


class Fault(StrEnum):
    """What may go wrong with one outside call."""

    CRASH_BEFORE = "crash before"
    CRASH_AFTER = "crash after"
    TIMEOUT = "timeout, effect done"
    THROTTLED = "throttled"
    UNAVAILABLE = "5xx"
    REFUSED = "refused"


_LEAVE_TRACES = frozenset({Fault.CRASH_AFTER, Fault.TIMEOUT})
_READS = frozenset(
    {
        "get",
        "waiting",
        "under_way",
        "owed",
        "expired",
        "pending",
        "ended",
        "doubted",
        "listed",
        "recall",
        "machines",
        "machine",
        "find",
        "rules",
    }
    | {"is_registered", "state", "jobs", "release", "repositories", "active_runs", "since"}
)
_ACKNOWLEDGES = "queue.delete"
"""However it fails, the messages come again; and that it was done unanswered, nobody ever sees."""
_PURE = frozenset({"fleet.request"})


@dataclass(frozen=True, slots=True)
class Call:
    """One outside call of a story."""

    number: int
    door: str
    name: str
    """`port.method`."""
    site: str
    """The function that makes it."""
    state: str
    """Where everything stood just before it."""


def faults_of(call: Call) -> tuple[Fault, ...]:
    """The faults that differ from each other at a call: one that changes nothing is not lost half-way.

    A chore comes again long after a throttle is over, which is then no more to it than a fault of the service.
    """
    if call.name == _ACKNOWLEDGES:
        return (Fault.CRASH_BEFORE,)
    reads = call.name.partition(".")[2] in _READS
    same = {*(_LEAVE_TRACES if reads else ()), *({Fault.THROTTLED} if reads and call.door in _CHORES else ())}
    return tuple(fault for fault in Fault if fault not in same)


_CHORES = frozenset(Chores)
_DEPTH = 5
"""Frames between the one that makes a call and the one that looks who it was."""
_DOOR: ContextVar[str] = ContextVar("door", default="")


class at_door:  # noqa: N801 - used as the statement it makes: a generator would cost more than most calls do
    """Calls made inside are this door's."""

    __slots__ = ("_name", "_token")

    def __init__(self, name: str) -> None:
        self._name = name

    def __enter__(self) -> None:
        self._token = _DOOR.set(self._name)

    def __exit__(self, *_: object) -> None:
        _DOOR.reset(self._token)


class Watch:
    """Stands around every port; strikes the calls with the given numbers."""

    def __init__(
        self,
        clock: Callable[[], float],
        blows: Mapping[int, Fault] | None = None,
        state: Callable[[], str] | None = None,
    ) -> None:
        self._clock, self._blows, self._state = clock, blows or {}, state
        self._throttled: dict[str, float] = {}
        self.count = 0
        self.seen: list[Call] = []
        """Kept only where somebody wants to know the state at each."""
        self.struck: list[tuple[float, Call, Fault]] = []
        self.on_strike: Callable[[], None] = lambda: None

    def __call__(self, name: str, call: Callable[[], object]) -> object:
        """Let the call happen, or not, or not be answered."""
        if name in _PURE:
            return call()
        self.count += 1
        if self._state:
            self.seen.append(self._call(name))
        if self._throttled.get(name, 0.0) > self._clock():
            raise Unavailable(f"{name}: throttled", retry_after_s=1)
        fault = self._blows.get(self.count)
        if fault is None:
            return call()
        self.struck.append((self._clock(), self._call(name), fault))
        self.on_strike()
        return self._strike(fault, name, call)

    def _strike(self, fault: Fault, name: str, call: Callable[[], object]) -> object:
        match fault:
            case Fault.CRASH_BEFORE:
                raise PowerCut(name)
            case Fault.CRASH_AFTER:
                call()
                raise PowerCut(name)
            case Fault.TIMEOUT:
                call()
                raise Unavailable(f"{name}: timed out")
            case Fault.THROTTLED:
                self._throttled[name] = self._clock() + THROTTLED_S
                raise Unavailable(f"{name}: throttled", retry_after_s=1)
            case Fault.UNAVAILABLE:
                raise Unavailable(f"{name}: 503")
            case Fault.REFUSED:
                return _refused(name)

    def _call(self, name: str) -> Call:
        state = self._state() if self._state else ""
        return Call(self.count, _DOOR.get(), name, _caller(), state)


def _caller() -> str:
    """The function of ours that makes the call, behind whatever stands around the port."""
    frame = sys._getframe(_DEPTH)
    nearest = frame.f_code.co_qualname
    while "/controller/" in frame.f_code.co_filename and "/adapters/" in frame.f_code.co_filename and frame.f_back:
        frame = frame.f_back
        nearest = frame.f_code.co_qualname
    return nearest


def _refused(name: str) -> object:
    """As the adapters translate a refusal of the service."""
    port = name.partition(".")[0]
    if name == "fleet.launch":
        return LaunchAnswer(refusals=(Refusal(RefusalKind.CONFIG, "InvalidParameterValue", "said no once"),))
    if port in {"post", "line"}:
        raise Unavailable(f"{name}: refused")
    raise Rejected(f"{name}: refused")
