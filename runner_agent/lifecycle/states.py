"""The states of a machine's life and the legal moves between them."""

from __future__ import annotations

from enum import StrEnum

from runner_agent.logs import Tell


class State(StrEnum):
    """Where a machine is in its life."""

    BOOT = "boot"
    CLAIMING = "claiming"
    PREPARING = "preparing"
    LISTENING = "listening"
    RUNNING = "running"
    INTERRUPTED = "interrupted"
    """The machine is going to be taken away."""
    LIMIT = "limit"
    """Something took too long, or can no longer come to a good end."""
    DRAINING = "draining"
    """The runner has ended or must end; nothing of it may stay."""
    CRASH = "crash"
    DONE = "done"
    POWEROFF = "poweroff"


class IllegalMove(RuntimeError):
    """A move that is not in the table; like every other surprise it ends in power-off."""


_S = State
MOVES: dict[State, frozenset[State]] = {
    _S.BOOT: frozenset({_S.CLAIMING, _S.INTERRUPTED, _S.CRASH, _S.DONE}),
    _S.CLAIMING: frozenset({_S.PREPARING, _S.INTERRUPTED, _S.CRASH, _S.DONE}),
    # Back to CLAIMING: a JIT configuration that cannot be read is exchanged for another one.
    _S.PREPARING: frozenset({_S.LISTENING, _S.CLAIMING, _S.INTERRUPTED, _S.CRASH, _S.DONE}),
    _S.LISTENING: frozenset({_S.RUNNING, _S.INTERRUPTED, _S.LIMIT, _S.DRAINING, _S.CRASH}),
    _S.RUNNING: frozenset({_S.INTERRUPTED, _S.LIMIT, _S.DRAINING, _S.CRASH}),
    _S.INTERRUPTED: frozenset({_S.DRAINING, _S.CRASH, _S.DONE}),
    _S.LIMIT: frozenset({_S.DRAINING, _S.CRASH}),
    # Back to CLAIMING or PREPARING: the runner ended without a job and the machine is as clean as before.
    _S.DRAINING: frozenset({_S.CLAIMING, _S.PREPARING, _S.INTERRUPTED, _S.CRASH, _S.DONE}),
    _S.CRASH: frozenset({_S.DONE, _S.POWEROFF}),
    _S.DONE: frozenset({_S.CRASH, _S.POWEROFF}),
    _S.POWEROFF: frozenset(),
}


class Position:
    """Where a machine is; every move is told."""

    def __init__(self, tell: Tell) -> None:
        self._tell = tell
        self.state = State.BOOT

    def to(self, state: State, **facts: object) -> None:
        """Move; raises `IllegalMove`."""
        self.state = move(self.state, state)
        self._tell("state", state=state, **facts)


def move(here: State, to: State) -> State:
    """The next state; raises `IllegalMove`."""
    if to not in MOVES[here]:
        raise IllegalMove(f"{here} -> {to}")
    return to
