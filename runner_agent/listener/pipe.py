"""Reads a child's pipe at once, whatever comes: a full pipe would stall the runner."""

from __future__ import annotations

import os
import sys
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress

CHUNK = 256 * 1024
ROOM = 1024 * 1024
"""What the pipe itself may hold, where that can be chosen: the writer goes on while the reader is busy."""
LONGEST_LINE = 8 * 1024
"""What a line has beyond this is dropped, and counted."""
KEPT_LINES = 200


class Cutter:
    """Cuts a stream of bytes into lines, in bounded memory."""

    def __init__(self, longest: int = LONGEST_LINE) -> None:
        self._longest = longest
        self._open = bytearray()
        self.dropped_bytes = 0

    def feed(self, chunk: bytes) -> list[str]:
        """The lines that end in this chunk."""
        end = chunk.rfind(b"\n")
        if end < 0:
            self._keep(chunk)
            return []
        whole = bytes(self._open) + chunk[:end]
        # One look for all of them: a flood has many lines, and almost never a long one.
        short = max(map(len, whole.split(b"\n"))) <= self._longest
        lines = _decoded(whole).split("\n") if short else self._each(chunk[:end])
        self._open.clear()
        self._keep(chunk[end + 1 :])
        return lines

    def rest(self) -> list[str]:
        """The last line, where the stream ended without a newline."""
        return [self._cut()] if self._open else []

    def _each(self, chunk: bytes) -> list[str]:
        lines = []
        for piece in chunk.split(b"\n"):
            self._keep(piece)
            lines.append(self._cut())
        return lines

    def _keep(self, piece: bytes) -> None:
        room = self._longest - len(self._open)
        self._open += piece[:room]
        self.dropped_bytes += max(0, len(piece) - room)

    def _cut(self) -> str:
        line = _decoded(bytes(self._open))
        self._open.clear()
        return line


def _decoded(data: bytes) -> str:
    """Lines as text, without the carriage returns before their ends."""
    text = data.decode("utf-8", "replace")
    return "\n".join(line.rstrip("\r") for line in text.split("\n")) if "\r" in text else text


class Tail:
    """The last lines that are safe to show: the worker's diagnostics would only drown them."""

    def __init__(self, kept: int = KEPT_LINES) -> None:
        self._lines: deque[str] = deque(maxlen=kept)

    def add(self, lines: Sequence[str]) -> None:
        """Remember lines for a while."""
        self._lines.extend(lines)

    def lines(self, most: int) -> tuple[str, ...]:
        """The newest lines, oldest first."""
        return tuple(self._lines)[-most:]


def drain(descriptor: int, take: Callable[[Sequence[str]], None]) -> int:
    """Read until everyone has closed the pipe; hands over the lines of each read and answers the bytes dropped."""
    _widen(descriptor)
    cutter = Cutter()
    while chunk := os.read(descriptor, CHUNK):
        if lines := cutter.feed(chunk):
            take(lines)
    if lines := cutter.rest():
        take(lines)
    return cutter.dropped_bytes


def _widen(descriptor: int) -> None:
    """Make room in the pipe, as far as the system grants it."""
    if sys.platform == "linux":
        import fcntl  # noqa: PLC0415 - exists there only

        with suppress(OSError):
            fcntl.fcntl(descriptor, fcntl.F_SETPIPE_SZ, ROOM)
