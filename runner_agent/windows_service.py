"""The agent as a Windows service: its life between the service manager's start and stop, each call behind one class."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any

NAME = "SpotRunnerAgent"
# Literals of the Windows headers.
STOPPED, STOP_PENDING, RUNNING = 1, 3, 4
CONTROL_STOP, CONTROL_PRESHUTDOWN = 1, 15
ACCEPTS_STOP_AND_PRESHUTDOWN = 0x0000_0101
STOP_WAIT_MS = 45_000
"""How long the service manager should wait for us; `install` gives Windows the same time before a shutdown."""
_OWN_PROCESS = 0x10
_HANDLED, _NOT_IMPLEMENTED = 0, 120


class _Status(ctypes.Structure):
    _fields_ = tuple(
        (name, ctypes.c_uint32) for name in ("kind", "state", "accepts", "exit_code", "specific", "checkpoint", "wait")
    )


class ServiceApi:
    """Every call to the service manager; tests put a recording one in its place."""

    def __init__(self) -> None:
        self._advapi: Any = getattr(ctypes, "windll").advapi32  # noqa: B009 - the attribute exists on Windows only
        self._function: Any = getattr(ctypes, "WINFUNCTYPE")  # noqa: B009 - the same
        self._advapi.RegisterServiceCtrlHandlerExW.restype = ctypes.c_void_p
        # Windows keeps pointers to these; Python must not collect them.
        self._kept: list[object] = []

    def dispatch(self, main: Callable[[], None]) -> None:
        """Hand this thread to the service manager, which calls `main` on another; returns when that has stopped."""

        class Entry(ctypes.Structure):
            _fields_ = (("name", ctypes.c_wchar_p), ("main", ctypes.c_void_p))

        entered = self._function(None, ctypes.c_uint32, ctypes.c_void_p)(lambda _count, _words: main())
        self._kept.append(entered)
        table = (Entry * 2)(Entry(NAME, ctypes.cast(entered, ctypes.c_void_p)), Entry(None, None))
        if not self._advapi.StartServiceCtrlDispatcherW(table):
            raise OSError("only the service manager can start a service; run `spotrunner-agent run` by hand")

    def register(self, control: Callable[[int], int]) -> int:
        """Have the service manager's words brought to a function; the service's handle."""
        kind = self._function(ctypes.c_uint32, ctypes.c_uint32, ctypes.c_uint32, ctypes.c_void_p, ctypes.c_void_p)
        called = kind(lambda code, _event, _data, _context: control(code))
        self._kept.append(called)
        handle = self._advapi.RegisterServiceCtrlHandlerExW(NAME, called, None)
        if not handle:
            raise OSError("the service manager does not know this service")
        return int(handle)

    def report(self, handle: int, state: int, accepts: int, wait_ms: int) -> None:
        """Tell the service manager where the service is."""
        status = _Status(_OWN_PROCESS, state, accepts, 0, 0, 0, wait_ms)
        self._advapi.SetServiceStatus(ctypes.c_void_p(handle), ctypes.byref(status))


def serve(live: Callable[[], None], shut_down: Callable[[], None], api: ServiceApi | None = None) -> None:
    """Live one life under the service manager; a stop or the coming shutdown is told to it."""
    manager = api or ServiceApi()
    handles: list[int] = []

    def control(code: int) -> int:
        if code not in {CONTROL_STOP, CONTROL_PRESHUTDOWN}:
            return _NOT_IMPLEMENTED
        if handles:
            manager.report(handles[0], STOP_PENDING, 0, STOP_WAIT_MS)
        shut_down()
        return _HANDLED

    def main() -> None:
        handles.append(manager.register(control))
        manager.report(handles[0], RUNNING, ACCEPTS_STOP_AND_PRESHUTDOWN, 0)
        try:
            live()
        finally:
            manager.report(handles[0], STOPPED, 0, 0)

    manager.dispatch(main)
