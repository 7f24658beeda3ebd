"""Labels that users already have, each standing for one of ours: the first alias in order that fits wins.

An expression may catch parts of a label. It must be of a kind that no label can make slow: a short
label, few repetitions, none of a group, so that the work grows with a low power of its length.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from controller.domain.recognition import MAX_LABEL
from controller.errors import Rejected

MAX_PATTERN = 200
MAX_WAYS = 5_000_000
"""Ways in which an expression may be laid over the longest label before it is known not to fit."""
_ATOM = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|\(\?P<\w+>|\(\?:|\(\?|[(){}*+?|^$.]|[^\\\[]", re.DOTALL)
_REPEAT = re.compile(r"[*+]|\{\d*,?\d*\}")
_PLACE = re.compile(r"\$(?:(\d)|\{(\w+)\})")
_CAUGHT = re.compile(r"[A-Za-z0-9_.+-]*")
"""What may be put into a label: nothing that begins another option."""


@dataclass(frozen=True, slots=True)
class Alias:
    """A label, or an expression for labels, and the label of ours that it stands for."""

    match: str
    to: str
    regex: bool = False

    def __post_init__(self) -> None:
        if not self.match or not self.to:
            raise ValueError("an alias has a match and a label it stands for")
        if self.regex:
            _check(self.match)
            _check_places(self)

    def pattern(self) -> re.Pattern[str]:
        """Upper and lower case are one, as they are for GitHub."""
        return re.compile(self.match if self.regex else f"^{re.escape(self.match)}$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Hit:
    """A job's label, and the label of ours that it stands for."""

    label: str
    stands_for: str


def find(labels: Iterable[str], aliases: Sequence[Alias]) -> Hit | None:
    """The first alias that fits a label; raises `Rejected` where what it caught can not stand in a label."""
    given = [label for label in labels if len(label) <= MAX_LABEL]
    for alias in aliases:
        pattern = alias.pattern()
        for label in given:
            caught = pattern.search(label)
            if caught:
                return Hit(label, _expanded(alias, caught, label))
    return None


def _expanded(alias: Alias, caught: re.Match[str], label: str) -> str:
    def put(place: re.Match[str]) -> str:
        text = caught[int(place[1]) if place[1] else place[2]] or ""
        if not _CAUGHT.fullmatch(text):
            raise Rejected(f"label {label!r}: alias {alias.match!r} catches {text!r}, which can not stand in a label")
        return text

    return _PLACE.sub(put, alias.to) if alias.regex else alias.to


def _check_places(alias: Alias) -> None:
    compiled = re.compile(alias.match)
    for number, name in _PLACE.findall(alias.to):
        if (number and int(number) > compiled.groups) or (name and name not in compiled.groupindex):
            raise ValueError(f"{alias.to!r} wants ${number or name}, which {alias.match!r} does not catch")


def _check(pattern: str) -> None:
    """Raises `ValueError` for an expression that is none, or that some label could make slow."""
    if len(pattern) > MAX_PATTERN:
        raise ValueError(f"an expression has at most {MAX_PATTERN} characters")
    try:
        re.compile(pattern)
    except (re.error, RecursionError, OverflowError) as bad:
        raise ValueError(f"{pattern!r} is not a regular expression: {bad}") from None
    _check_speed(pattern)


def _check_speed(pattern: str) -> None:
    repeats, choices, groups = 0, 1, [1]
    place, before = 0, ""
    while place < len(pattern):
        repeat = _REPEAT.match(pattern, place)
        if repeat and before == ")":
            raise ValueError(f"{pattern!r}: a repeated group can be made slow; repeat single characters only")
        atom = repeat or _ATOM.match(pattern, place)
        before = atom[0] if atom else pattern[place]
        place += len(before)
        repeats += bool(repeat)
        _check_atom(pattern, before)
        match before:
            case "(" | "(?:":
                groups.append(1)
            case "|":
                groups[-1] += 1
            case ")":
                choices *= groups.pop()
            case "?":
                choices *= 2
            case named if named.startswith("(?P<"):
                groups.append(1)
    # Where it may begin is one more thing to try, unless it can begin in one place only.
    free = repeats + (not pattern.startswith("^") or groups[0] > 1)
    ways = MAX_LABEL**free // math.factorial(free) * choices * groups[0]
    if ways > MAX_WAYS:
        raise ValueError(f"{pattern!r}: too many repetitions and choices, which can be made slow; begin it with ^")


def _check_atom(pattern: str, atom: str) -> None:
    if atom == "(?":
        raise ValueError(f"{pattern!r}: only plain, named and (?:...) groups are taken")
    if re.fullmatch(r"\\[1-9]", atom):
        raise ValueError(f"{pattern!r}: references back to a group can be made slow")
