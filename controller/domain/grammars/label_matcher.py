"""terraform-aws-github-runner's way to give a job to a runner configuration, its oddities included.

A configuration lists sets of labels; whether a job fits one is decided by the mode. An answer that
follows from an oddity alone is marked, so that nobody has to rely on it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from fnmatch import translate

DYNAMIC = "ghr-"
_DYNAMIC_LABEL = re.compile(r"[a-zA-Z0-9._/;\-:]{1,128}")
_EC2 = "ghr-ec2-"


class Mode(StrEnum):
    """How a job's labels are compared with one set R of a configuration."""

    BIDIRECTIONAL = "bidirectional"
    """They are R."""
    EXACT = "exact"
    """They are part of R."""
    LOOSE = "loose"
    """They share a label with R."""


@dataclass(frozen=True, slots=True)
class Restriction:
    """What one dynamic key may say: anchored patterns of `*` and `?`, upper and lower case apart."""

    allowed: tuple[str, ...] = ()
    denied: tuple[str, ...] = ()
    most: float | None = None


@dataclass(frozen=True, slots=True)
class DynamicPolicy:
    """Which `ghr-ec2-<key>:<value>` labels a configuration takes; keys it does not list pass."""

    blocked: frozenset[str] = frozenset()
    restricted: Mapping[str, Restriction] = field(default_factory=dict)

    def violation(self, label: str) -> str:
        """Why a dynamic label is not taken; empty where it is."""
        key, _, value = label.removeprefix(_EC2).partition(":")
        if not label.startswith(_EC2):
            return ""
        if key in self.blocked:
            return f"{key} is blocked"
        rule = self.restricted.get(key)
        # A key without a value passes.
        return _violation(key, value, rule) if rule and value else ""


@dataclass(frozen=True, slots=True)
class Matcher:
    """One runner configuration as the matcher sees it."""

    key: str
    sets: tuple[tuple[str, ...], ...]
    mode: Mode = Mode.EXACT
    priority: int = 999
    dynamic: bool = False
    """Whether it takes jobs with dynamic labels."""
    policy: DynamicPolicy = field(default_factory=DynamicPolicy)


@dataclass(frozen=True, slots=True)
class Match:
    """A configuration that takes the job."""

    matcher: Matcher
    quirk: str = ""
    """Why nobody should rely on this answer; empty where it is as one would expect."""


def divided(labels: Iterable[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """A job's static labels, in lower case, and its dynamic ones; badly formed dynamic ones are dropped."""
    labels = tuple(labels)
    static = tuple(label.lower() for label in labels if not label.startswith(DYNAMIC))
    dynamic = (label for label in labels if label.startswith(DYNAMIC))
    return static, tuple(label for label in dynamic if _DYNAMIC_LABEL.fullmatch(label))


def matches(labels: Iterable[str], matchers: Sequence[Matcher]) -> list[Match]:
    """Every configuration that takes the job, in the order in which they are asked."""
    static, dynamic = divided(labels)
    ordered = sorted(matchers, key=lambda one: (one.mode is Mode.LOOSE, f"{one.priority:03d}", one.key))
    found = [match for one in ordered if (match := fit(static, one))]
    if not dynamic:
        return [match for match in found if match.matcher.mode is found[0].matcher.mode]
    return [
        match
        for match in found
        if match.matcher.dynamic and not any(match.matcher.policy.violation(label) for label in dynamic)
    ][:1]


def fit(static: Sequence[str], matcher: Matcher) -> Match | None:
    """Whether one configuration takes these static labels."""
    wanted = set(static)
    if not wanted and matcher.mode is not Mode.BIDIRECTIONAL:
        # Nothing to compare turns both answers round.
        quirk = "a job without static labels fits every loose configuration"
        return Match(matcher, quirk) if matcher.mode is Mode.LOOSE else None
    for row in matcher.sets:
        offered = {label.lower() for label in row}
        match matcher.mode:
            case Mode.BIDIRECTIONAL if wanted == offered:
                return Match(matcher)
            case Mode.EXACT if wanted <= offered:
                return Match(matcher)
            case Mode.LOOSE if wanted & offered:
                missing = ", ".join(sorted(wanted - offered))
                return Match(matcher, f"the runner lacks {missing}, which the job asks for" if missing else "")
            case _:
                pass
    return None


def _violation(key: str, value: str, rule: Restriction) -> str:
    if rule.allowed and not any(re.match(translate(pattern), value) for pattern in rule.allowed):
        return f"{key}={value} is not one of {', '.join(rule.allowed)}"
    if any(re.match(translate(pattern), value) for pattern in rule.denied):
        return f"{key}={value} is denied"
    if rule.most is not None and not _at_most(value, rule.most):
        return f"{key}={value} is more than {rule.most:g}"
    return ""


def _at_most(value: str, most: float) -> bool:
    return bool(re.fullmatch(r"\d{1,9}(\.\d{1,6})?", value, re.ASCII)) and float(value) <= most
