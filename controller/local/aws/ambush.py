"""Ends a function's process in the middle of its work: just before one of its calls to AWS, or just after it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum

from controller.local.aws.principals import Principal, PrincipalKind


class Moment(StrEnum):
    """On which side of the call."""

    BEFORE = "before"
    """The call is not made."""
    AFTER = "after"
    """The call is made, and nobody hears its answer."""


@dataclass(frozen=True, slots=True)
class _Trap:
    function: str
    calls: int
    """How many more calls until it strikes; 1 is the next one."""
    moment: Moment


class Ambushes:
    """Traps for functions; each strikes once."""

    def __init__(self, kill: Callable[[str], None]) -> None:
        self._kill = kill
        self._lock = threading.Lock()
        self._traps: list[_Trap] = []

    def lay(self, function: str, call: int, moment: Moment) -> None:
        """Strike at this function's next call but `call - 1`."""
        with self._lock:
            self._traps.append(_Trap(function, call, moment))

    def lift(self) -> None:
        """Strike nobody any more."""
        with self._lock:
            self._traps.clear()

    def struck(self, caller: Principal) -> Moment | None:
        """Count a call; when its maker is to end with it, if at all."""
        if caller.kind is not PrincipalKind.FUNCTION:
            return None
        with self._lock:
            mine = next((trap for trap in self._traps if trap.function == caller.name), None)
            if mine is None:
                return None
            self._traps.remove(mine)
            if mine.calls > 1:
                self._traps.append(replace(mine, calls=mine.calls - 1))
                return None
        return mine.moment

    def strike(self, caller: Principal) -> None:
        """End whoever made the call, with all that it has in hand."""
        self._kill(caller.name)
