"""Waits for a Docker daemon that starts beside the agent: a job that wants a container must find it there."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from pathlib import Path

from runner_agent.contract.record import Record

SOCKET = Path("/var/run/docker.sock")
DAEMONS = (Path("/usr/bin/dockerd"), Path("/usr/local/bin/dockerd"))
LOOK_S = 0.1


class Docker(Record):
    """One daemon, by its socket."""

    path: Path = SOCKET

    def ready(self) -> bool:
        """Whether it takes connections; where there are no such sockets, nothing is to be waited for."""
        family = getattr(socket, "AF_UNIX", None)
        if family is None:
            return True
        with socket.socket(family, socket.SOCK_STREAM) as door:
            door.settimeout(LOOK_S)
            try:
                door.connect(str(self.path))
            except OSError:
                return False
        return True

    def wait(self, seconds: float, pause: Callable[[float], None]) -> bool:
        """Whether it came up in time."""
        until = time.monotonic() + seconds
        while not self.ready():
            if time.monotonic() > until:
                return False
            pause(LOOK_S)
        return True


def installed() -> Docker | None:
    """The daemon of this machine, where it has one."""
    return Docker() if any(daemon.exists() for daemon in DAEMONS) else None
