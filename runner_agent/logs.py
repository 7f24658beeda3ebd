"""The agent's log: one JSON object a line on stdout, with everything secret taken out of every sink."""

from __future__ import annotations

import json
import re
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from typing import TextIO, TypeVar

from runner_agent.contract import wire
from runner_agent.listener import jit

T = TypeVar("T")

HIDDEN = "***"
SHORTEST = 8
"""Hiding anything shorter would blank out half of a text and protect nothing."""
LONGEST_TEXT = 4_000

_SHAPES = re.compile(
    r"gh[pousr]_[A-Za-z0-9_]{16,}"
    r"|github_pat_[A-Za-z0-9_]{16,}"
    r"|eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*"
    r"|(?i:(?<=bearer )|(?<=x-amz-security-token=)|(?<=x-amz-signature=))[^\s\"'&]+"
)

Tell = Callable[..., None]
"""`tell(event, **facts)`: the agent's only way to write a log line."""


class Redactor:
    """Knows the secrets of this machine's life and the shapes of other people's."""

    def __init__(self) -> None:
        self._known: set[str] = set()
        self._pattern: re.Pattern[str] | None = None

    def learn(self, values: Iterable[str]) -> None:
        """From now on, hide these wherever they show up, also as they look inside a JSON text."""
        for value in values:
            for form in (value, json.dumps(value)[1:-1], value.strip()):
                if len(form) >= SHORTEST:
                    self._known.add(form)
        longest_first = sorted(self._known, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, longest_first))) if longest_first else None

    def learn_jit(self, encoded: str) -> None:
        """Hide a JIT configuration, and all that it is made of."""
        self.learn(jit.secrets(encoded))

    def text(self, text: str) -> str:
        """The text without anything secret in it."""
        known = self._pattern.sub(HIDDEN, text) if self._pattern else text
        return _SHAPES.sub(HIDDEN, known)

    def clean(self, value: object) -> object:
        """Plain data with every text in it cleaned."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            return {str(name): self.clean(item) for name, item in value.items()}
        if isinstance(value, list | tuple):
            return [self.clean(item) for item in value]
        return value

    def record(self, record: T) -> T:
        """A contract's record with every text in it cleaned."""
        return wire.decode(type(record), self.clean(wire.encode(record)))


class Log:
    """Writes the agent's log."""

    def __init__(self, redactor: Redactor, sink: TextIO | None = None) -> None:
        self._redactor = redactor
        self._sink = sink or sys.stdout
        self.facts: dict[str, object] = {}
        """Added to every line from now on."""
        self.also: list[Callable[[str], None]] = []
        """Who else gets every line, in its final form."""

    def __call__(self, event: str, **facts: object) -> None:
        """Write one line; a log that cannot be written is no reason to stop."""
        plain = {name: _plain(value) for name, value in {**self.facts, **facts}.items()}
        line = {"at": round(time.time(), 3), "event": event, **plain}
        text = json.dumps(self._redactor.clean(line), ensure_ascii=False, separators=(",", ":"))
        # Once more on the whole line: a secret may have been split over two facts' quoting.
        safe = self._redactor.text(text)
        for keep in self.also:
            keep(safe)
        try:
            self._sink.write(safe + "\n")
            self._sink.flush()
        except (OSError, ValueError):
            pass


def _plain(value: object) -> object:
    if isinstance(value, BaseException):
        return f"{type(value).__name__}: {value}"[:LONGEST_TEXT]
    encoded = wire.encode(value)
    if isinstance(encoded, str):
        return encoded[:LONGEST_TEXT]
    return encoded if isinstance(encoded, int | float | bool | list | dict | None) else str(encoded)[:LONGEST_TEXT]
