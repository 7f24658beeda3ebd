"""How the listener comes to have a session, and what it says when it gets none."""

from __future__ import annotations

import os
import platform
import queue
import time

from .events import Exit, Inbox, Left
from .service import Service, ServiceError, Unreachable
from .terminal import Terminal, stamp

RETURN_DEPRECATED = "ACTIONS_RUNNER_RETURN_VERSION_DEPRECATED_EXIT_CODE"
SESSION_RETRY_S = 30.0
CONFLICT_S = 240.0
DELETED = (
    "Failed to create a session. The runner registration has been deleted from the server, please re-configure. "
    "Runner registrations are automatically deleted for runners that have not connected to the service recently."
)


def connect(service: Service, terminal: Terminal, inbox: Inbox) -> None:
    """Sign in and open a session, as often as it takes; raises `Left` when it never will."""
    owner = f"{platform.node() or 'RUNNER'} (PID: {os.getpid()})"
    conflict_until = time.monotonic() + CONFLICT_S
    while True:
        try:
            service.sign_in()
            terminal.line()
            terminal.line("√ Connected to GitHub")
            terminal.line()
            service.open_session(owner)
        except ServiceError as error:
            _refused(error, terminal, conflict_until)
        except Unreachable as error:
            terminal.error(f"{stamp()}: Runner connect error: {error}. Retrying until reconnected.")
        else:
            return
        _sleep(SESSION_RETRY_S, terminal, inbox)


def check_version(error: ServiceError, terminal: Terminal) -> None:
    """Leave when GitHub calls this version too old."""
    if error.kind == "RunnerVersionTooOld":
        terminal.error(f"An error occurred: {error}")
        raise Left(Exit.DEPRECATED if os.environ.get(RETURN_DEPRECATED) else Exit.TERMINATED)


def _refused(error: ServiceError, terminal: Terminal, conflict_until: float) -> None:
    if error.kind in ("invalid_client", "RunnerNotFound"):
        terminal.error(DELETED)
        raise Left(Exit.TERMINATED)
    check_version(error, terminal)
    if error.status != 409:  # noqa: PLR2004 Conflict
        terminal.error(f"{stamp()}: Runner connect error: {error}. Retrying until reconnected.")
        return
    terminal.error("A session for this runner already exists.")
    if time.monotonic() + SESSION_RETRY_S > conflict_until:
        terminal.error(f"Stop retry on SessionConflictException after retried for {CONFLICT_S:g} seconds.")
        raise Left(Exit.CONFLICT)


def _sleep(seconds: float, terminal: Terminal, inbox: Inbox) -> None:
    """Wait before a retry, unless a signal comes first."""
    try:
        inbox.get(timeout=seconds)
    except queue.Empty:
        return
    terminal.line("Exiting...")
    raise Left(Exit.SUCCESS)
