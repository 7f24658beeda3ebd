"""Some disk space held back, to be let go when a job has used up all the rest: a log needs room to be sent off."""

from __future__ import annotations

import os
import shutil
import sys
from contextlib import suppress
from pathlib import Path

SIZE = 64 * 1024 * 1024
SHARE = 20
"""Of the free space no more than this part: a small disk is the job's first of all."""


class Ballast:
    """A file that is worth nothing but its size."""

    def __init__(self, home: Path, size: int = SIZE) -> None:
        self._path = home / "ballast"
        self._size = size

    def load(self) -> None:
        """Take the space; a disk that has none to spare, or cannot hold any back, goes without."""
        if not self._size:
            return
        with suppress(OSError):
            size = min(self._size, shutil.disk_usage(self._path.parent).free // SHARE)
            descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT, 0o600)
            try:
                if sys.platform != "win32":
                    os.posix_fallocate(descriptor, 0, size)
            finally:
                os.close(descriptor)

    def drop(self) -> None:
        """Let it go."""
        with suppress(OSError):
            self._path.unlink()
