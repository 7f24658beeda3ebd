"""Reads a child's pipe at once, whatever comes: a full pipe would stall the runner."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator

CHUNK = 64 * 1024
LONGEST_LINE = 8 * 1024
"""What a line has beyond this is dropped, and counted."""
KEPT_LINES = 200


class Cutter:
    """Cuts a stream of bytes into lines, in bounded memory."""

    def __init__(self, longest: int = LONGEST_LINE) -> None:
        self._longest = longest
        self._open = bytearray()
        self.dropped_bytes = 0

    def feed(self, chunk: bytes) -> Iterator[str]:
        """The lines that end in this chunk."""
        *whole, rest = chunk.split(b"\n")
        for piece in whole:
            self._keep(piece)
            yield self._cut()
        self._keep(rest)

    def rest(self) -> Iterator[str]:
        """The last line, where the stream ended without a newline."""
        if self._open:
            yield self._cut()

    def _keep(self, piece: bytes) -> None:
        room = self._longest - len(self._open)
        self._open += piece[:room]
        self.dropped_bytes += max(0, len(piece) - room)

    def _cut(self) -> str:
        line = self._open.decode("utf-8", "replace").rstrip("\r")
        self._open.clear()
        return line


class Tail:
    """The last lines that are safe to show: the worker's diagnostics would only drown them."""

    def __init__(self, kept: int = KEPT_LINES) -> None:
        self._lines: deque[str] = deque(maxlen=kept)

    def add(self, line: str) -> None:
        """Remember a line for a while."""
        self._lines.append(line)

    def lines(self, most: int) -> tuple[str, ...]:
        """The newest lines, oldest first."""
        return tuple(self._lines)[-most:]


def drain(descriptor: int, each: Callable[[str], None]) -> int:
    """Read until everyone has closed the pipe; hands over each line and answers the bytes dropped."""
    cutter = Cutter()
    while chunk := os.read(descriptor, CHUNK):
        for line in cutter.feed(chunk):
            each(line)
    for line in cutter.rest():
        each(line)
    return cutter.dropped_bytes
