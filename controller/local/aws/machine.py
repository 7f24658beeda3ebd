"""Process 1 of a local machine: starts the agent, adopts orphans, and takes everything with it at power-off.

    python -I -S machine.py <program> [argument...]

Standard input is the machine's mains: when it closes, the power is cut. The agent's end, SIGTERM and
systemd's own power-off signal (SIGRTMIN+4) power the machine off. Runs without the package: standard
library only, and little of it, because a burst starts a hundred of these.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import sys

POWER_OFF = signal.SIGRTMIN + 4 if hasattr(signal, "SIGRTMIN") else signal.SIGUSR2
"""What systemd's process 1 takes for `systemctl poweroff`; elsewhere than on Linux, a signal that exists."""

_SET_CHILD_SUBREAPER = 36
_SET_PARENT_DEATH_SIGNAL = 1
_GIVE_UP = 10_000


def main(command: list[str]) -> None:
    """Live until power-off."""
    wake = _signals()
    adopting = _control(_SET_CHILD_SUBREAPER, 1)
    agent = _start(command)
    while not _powered_off(wake, agent):
        pass
    _kill_everything(agent, adopting=adopting)


def _signals() -> int:
    """A pipe that says which signal came."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    signal.set_wakeup_fd(writer)
    for number in (signal.SIGTERM, signal.SIGCHLD, POWER_OFF):
        signal.signal(number, lambda *_: None)
    return reader


def _start(command: list[str]) -> int:
    # The shell's own kill, by number: a small system has no other, and not every kill knows the name.
    os.environ["SPOTRUNNER_POWER_OFF"] = f"sh -c 'kill -{int(POWER_OFF)} {os.getpid()}'"
    agent = os.fork()
    if agent == 0:
        try:
            os.setsid()
            _control(_SET_PARENT_DEATH_SIGNAL, signal.SIGKILL)
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            os.execvp(command[0], command)  # noqa: S606 - a command as a list is the point
        finally:
            os._exit(127)
    return agent


def _powered_off(wake: int, agent: int) -> bool:
    ready, _, _ = select.select([wake, 0], [], [])
    if 0 in ready and not os.read(0, 1):
        return True
    came = os.read(wake, 64) if wake in ready else b""
    if signal.SIGTERM in came or POWER_OFF in came:
        return True
    return agent in _reaped()


def _reaped() -> set[int]:
    """The children that have ended, orphans among them."""
    ended = set()
    with contextlib.suppress(ChildProcessError):
        while (child := os.waitpid(-1, os.WNOHANG)[0]) > 0:
            ended.add(child)
    return ended


def _kill_everything(agent: int, *, adopting: bool) -> None:
    """Kill one generation after another: the orphans of each become ours."""
    if not adopting:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(agent, signal.SIGKILL)
        return
    for _ in range(_GIVE_UP):
        for child in _children():
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            return


def _children() -> list[int]:
    """Whoever the process table says is a child of this process."""
    me, found = str(os.getpid()), []
    for name in os.listdir("/proc"):  # noqa: PTH208 - pathlib would double the time that a machine takes to start
        if name.isdigit():
            with contextlib.suppress(OSError), open(f"/proc/{name}/stat", "rb") as stat:  # noqa: PTH123 - see above
                # The name in parentheses may hold anything; the parent is the second field behind it.
                if stat.read().rpartition(b")")[2].split()[1].decode() == me:
                    found.append(int(name))
    return found


def _control(option: int, value: int) -> bool:
    """Linux's prctl(2); whether this system has it."""
    if sys.platform != "linux":
        return False
    import ctypes  # noqa: PLC0415 - elsewhere it would cost its time for nothing

    return bool(ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0) == 0)


if __name__ == "__main__":
    main(sys.argv[1:])
