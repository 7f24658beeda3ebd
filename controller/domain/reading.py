"""A job's labels, read in whichever of the stack's languages they are written."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from controller.domain import labels as language
from controller.domain.grammars import aliases, label_matcher, runs_fleet, runs_on
from controller.domain.labels import Wanted
from controller.domain.recognition import MARKERS, Recognition
from controller.domain.rules import Rules
from controller.errors import Rejected

OURS = "spotrunner"


@dataclass(frozen=True, slots=True)
class Reading:
    """A parser's two outputs: the machine wanted, and what to register it with."""

    wanted: Wanted
    register: tuple[str, ...]
    """The job's labels verbatim: GitHub gives a job only to a runner that has every one of them."""
    grammar: str = OURS
    warnings: tuple[str, ...] = ()


def recognition(rules: Rules) -> Recognition:
    """What the webhook's door needs of the rules to tell our jobs from others."""
    return Recognition(
        frozenset(rules.grammars),
        frozenset(alias.match.lower() for alias in rules.aliases if not alias.regex),
        tuple(alias.pattern() for alias in rules.aliases if alias.regex),
        (_Assigned(rules),) if rules.matchers else (),
    )


def read(labels: tuple[str, ...], rules: Rules) -> Reading:
    """The wish in a job's labels; raises `Rejected` where they are not ours or can not be read."""
    register = tuple(dict.fromkeys(labels))
    if language.is_ours(labels):
        return Reading(language.parse(labels), register)
    for name, default in rules.grammars.items():
        if any(MARKERS[name](label) for label in labels):
            return _dropped_in(name, labels, default, register)
    hit = aliases.find(labels, rules.aliases)
    if hit:
        return Reading(language.parse((hit.stands_for,)), register, f"alias {hit.label}")
    matched = _matched(labels, rules)
    if matched:
        quirks = (matched.quirk,) if matched.quirk else ()
        return Reading(language.parse((matched.matcher.key,)), register, "matcher", quirks)
    return Reading(language.parse(labels), register)


def _dropped_in(name: str, labels: tuple[str, ...], default: str, register: tuple[str, ...]) -> Reading:
    if name == "runs-on":
        request = runs_on.parse(labels)
        if request:
            return Reading(_checked(runs_on.wanted(request, default)), register, name, request.warnings)
    spec = runs_fleet.parse(labels)
    if spec is None:
        raise Rejected(f"none of the labels {', '.join(labels)} is in the language of {name}")
    return Reading(_checked(runs_fleet.wanted(spec, default)), register, name)


def _checked(wanted: Wanted) -> Wanted:
    """The wish as our own language would say it: what a job's record keeps of it must read back the same."""
    plain = re.sub(r"[/,\s]", "-", wanted.run)
    return language.parse((language.spell(replace(wanted, run=plain)),))


def _matched(labels: Sequence[str], rules: Rules) -> label_matcher.Match | None:
    trusted = {assignment.matcher.key: assignment.quirks for assignment in rules.matchers}
    found = label_matcher.matches(labels, [assignment.matcher for assignment in rules.matchers])
    return next((match for match in found if not match.quirk or trusted[match.matcher.key]), None)


@dataclass(frozen=True, slots=True)
class _Assigned:
    """Whether a matcher takes a job: given to the recognition, which knows no grammar."""

    rules: Rules

    def __call__(self, labels: tuple[str, ...]) -> bool:
        return _matched(labels, self.rules) is not None
