"""Takes values out of a stack's configuration one by one, remembering everything that is wrong with them."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

PROJECT = "spotrunner"


class BadConfig(Exception):
    """The stack's configuration can not be deployed; the message names every fault."""


@dataclass(slots=True)
class Values:
    """Pulumi's `namespace:key` values; a key without a namespace is the project's own.

    What is wrong is noted, and something of the right type returned, so that reading goes on to the next fault.
    """

    left: dict[str, object] = field(repr=False)
    secrets: Collection[str] = ()
    """The keys whose values Pulumi keeps encrypted."""
    faults: list[str] = field(default_factory=list)

    def fault(self, key: str, what: str) -> None:
        """Note that something is wrong with a value."""
        self.faults.append(f"{_full(key)}: {what}")

    def text(self, key: str, pattern: str, wanted: str, default: str | None = None) -> str:
        """Text that fits a pattern, whose meaning is `wanted`; required where there is no default."""
        value = self._take(key)
        if value is None:
            if default is None:
                self.fault(key, f"missing; {wanted}")
            return default or ""
        if not re.fullmatch(pattern, str(value)):
            self.fault(key, f"{value!r} is not {wanted}")
        return str(value)

    def secret(self, key: str, pattern: str, wanted: str) -> str:
        """Like `text`, empty where there is none; never shown, and only as Pulumi keeps secrets."""
        value = self._take(key)
        if value is None:
            return ""
        if _full(key) not in self.secrets:
            self.fault(key, f"in plain text; set it with `pulumi config set --secret {_full(key)}`")
        elif not re.fullmatch(pattern, str(value)):
            self.fault(key, f"not {wanted}")
        return str(value)

    def number(self, key: str, default: int, low: int, high: int) -> int:
        """A whole number in an inclusive range."""
        value = self._take(key)
        text = str(default if value is None else value)
        if not (text.isdecimal() and low <= int(text) <= high):
            self.fault(key, f"{text!r} is not a whole number from {low} to {high}")
            return default
        return int(text)

    def flag(self, key: str, *, default: bool) -> bool:
        """True or false."""
        value = self._take(key)
        text = str(default if value is None else value).lower()
        if text not in {"true", "false"}:
            self.fault(key, f"{value!r} is neither true nor false")
        return text == "true"

    def choice(self, key: str, known: Sequence[str]) -> str:
        """One of some words; the first is the default."""
        value = self._take(key)
        text = str(known[0] if value is None else value)
        if text not in known:
            self.fault(key, f"{text!r} is not one of {', '.join(known)}")
            return known[0]
        return text

    def names(self, key: str, default: Sequence[str] = ()) -> tuple[str, ...]:
        """Words with commas between, or a list of them."""
        value = self._take(key)
        if value is None:
            return tuple(default)
        text = str(value)
        try:
            parts = json.loads(text) if text.startswith("[") else text.split(",")
        except ValueError:
            parts = []
        if not parts or not all(isinstance(part, str) and part.strip() for part in parts):
            self.fault(key, f"{text!r} is not words with commas between")
            return ()
        return tuple(part.strip() for part in parts)

    def mapping(self, key: str) -> dict[str, str]:
        """`key: value` lines; empty where there are none. Pulumi hands them over as JSON."""
        value = self._take(key)
        if value is None:
            return {}
        try:
            data = json.loads(value) if isinstance(value, str) else value
        except ValueError:
            data = None
        if not isinstance(data, Mapping):
            self.fault(key, f"{value!r} is not a list of `key: value` lines")
            return {}
        return {str(left): str(right) for left, right in data.items()}

    def sections(self, key: str) -> tuple[str, ...]:
        """Names with lines under each, which are read as `key.name.line` from then on."""
        value = self._take(key)
        try:
            data = json.loads(value) if isinstance(value, str) else value or {}
        except ValueError:
            data = None
        if not isinstance(data, Mapping):
            self.fault(key, f"{value!r} is not a list of names with lines under each")
            return ()
        for name, lines in data.items():
            if isinstance(lines, Mapping):
                self.left |= {_full(f"{key}.{name}.{line}"): _as_text(each) for line, each in lines.items()}
            else:
                self.fault(f"{key}.{name}", f"{lines!r} is not `key: value` lines")
        return tuple(str(name) for name, lines in data.items() if isinstance(lines, Mapping))

    def finish(self, stack: str) -> None:
        """Raise `BadConfig` with every fault, unread values among them."""
        for name in sorted(self.left):
            if name.startswith("aws:"):
                self.fault(name, "not read; credentials come from the environment, such as AWS_PROFILE")
            elif name.startswith(f"{PROJECT}:"):
                self.fault(name, "there is no such setting")
        if self.faults:
            raise BadConfig("\n  ".join([f"stack {stack} can not be deployed:", *self.faults]))

    def _take(self, key: str) -> object:
        return self.left.pop(_full(key), None)


def _as_text(value: object) -> str:
    """As Pulumi hands over a value that stands by itself."""
    return value if isinstance(value, str) else json.dumps(value)


def _full(key: str) -> str:
    return key if ":" in key else f"{PROJECT}:{key}"
