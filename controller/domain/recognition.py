"""Which labels are ours, well formed or not: all that the door of every delivery has to know of them.

Parsing comes later and loads more.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

MARKER = "spotrunner"
MAX_LABEL = 100
"""A longer label fits no alias, so no expression ever reads a long text."""

_SEPARATOR = re.compile("[/,]")


def is_marked(label: str) -> bool:
    """Whether a label is in our own language."""
    return _SEPARATOR.split(label.lower(), 1)[0].strip() == MARKER


def is_runs_on(label: str) -> bool:
    """Whether a label carries RunsOn's marker."""
    head = _SEPARATOR.split(label, 1)[0].strip()
    return head == "runs-on" or head.startswith("runs-on=")


def is_runs_fleet(label: str) -> bool:
    """Whether a label carries runs-fleet's marker; it knows upper and lower case apart."""
    return label == "runs-fleet" or label.startswith(("runs-fleet/", "runs-fleet="))


MARKERS: dict[str, Callable[[str], bool]] = {"runs-on": is_runs_on, "runs-fleet": is_runs_fleet}
"""The drop-in grammars that a stack may switch on."""


@dataclass(frozen=True, slots=True)
class Recognition:
    """Our own language, and what a stack has switched on beside it."""

    grammars: frozenset[str] = frozenset()
    literals: frozenset[str] = frozenset()
    patterns: tuple[re.Pattern[str], ...] = ()
    matchers: tuple[Callable[[tuple[str, ...]], bool], ...] = ()
    """Those that look at a job's labels together."""

    def __call__(self, labels: tuple[str, ...]) -> bool:
        """Whether a job is ours."""
        return any(self._is_ours(label) for label in labels) or any(fits(labels) for fits in self.matchers)

    def _is_ours(self, label: str) -> bool:
        if is_marked(label) or label.lower() in self.literals:
            return True
        if any(MARKERS[name](label) for name in self.grammars):
            return True
        return len(label) <= MAX_LABEL and any(pattern.search(label) for pattern in self.patterns)
