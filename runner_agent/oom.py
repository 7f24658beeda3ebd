"""Whom the kernel has ended for lack of memory, by its own log; unknown where that may not be read."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from pathlib import Path

KERNEL_LOG = Path("/dev/kmsg")
_KILLED = re.compile(rb"Killed process \d+ \((.{1,64}?)\)")
_MOST_RECORDS = 20_000


class KernelLog:
    """The kernel's log from now on."""

    def __init__(self, path: Path = KERNEL_LOG) -> None:
        self._descriptor = -1
        with suppress(OSError):
            self._descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
            os.lseek(self._descriptor, 0, os.SEEK_END)

    def victims(self) -> tuple[str, ...]:
        """Names of the programs ended since then, each once; closes the log."""
        if self._descriptor < 0:
            return ()
        found: dict[str, None] = {}
        for _ in range(_MOST_RECORDS):
            record = self._record()
            if record is None:
                break
            match = _KILLED.search(record)
            if match:
                found[match[1].decode("utf-8", "replace")] = None
        os.close(self._descriptor)
        self._descriptor = -1
        return tuple(found)

    def _record(self) -> bytes | None:
        try:
            return os.read(self._descriptor, 8192) or None
        except BrokenPipeError:
            # Overwritten before it was read: the next one is still there.
            return b""
        except OSError:
            return None
