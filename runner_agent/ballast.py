"""Some disk space and some inodes held back, to be let go when a job has used up all others: its log needs room."""

from __future__ import annotations

import os
import shutil
import sys
from contextlib import suppress
from pathlib import Path

SIZE = 64 * 1024 * 1024
FILES = 32
SHARE = 20
"""Of what is free no more than this part: a small disk is the job's first of all."""


class Ballast:
    """A folder that is worth nothing but what it takes up."""

    def __init__(self, home: Path, size: int = SIZE) -> None:
        self._folder = home / "ballast"
        self._size = size

    def load(self) -> None:
        """Take it; a disk that has none to spare, or cannot hold any back, goes without."""
        if not self._size:
            return
        with suppress(OSError):
            size = min(self._size, shutil.disk_usage(self._folder.parent).free // SHARE)
            self._folder.mkdir(exist_ok=True)
            _take(self._folder / "space", size)
            for number in range(_files(self._folder)):
                (self._folder / str(number)).touch()

    def drop(self) -> None:
        """Let it go."""
        shutil.rmtree(self._folder, ignore_errors=True)


def _take(path: Path, size: int) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
    try:
        if sys.platform != "win32":
            os.posix_fallocate(descriptor, 0, size)
    finally:
        os.close(descriptor)


def _files(folder: Path) -> int:
    """How many files to make; none where a disk has no limit to them."""
    if sys.platform == "win32":
        return 0
    return min(FILES, os.statvfs(folder).f_favail // SHARE)
