"""What a role's policies say to one access: an explicit deny wins, and what nobody allows is denied.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
Identity-based policies only. Whatever is not understood is `Unclear`, an error, and never an allow.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from controller.local.aws.iam_conditions import AnyCondition, conditions
from controller.local.aws.iam_patterns import Context, Pattern, Unclear, Unresolved, pattern

_VERSIONS = {"2012-10-17": True, "2008-10-17": False}
"""Whether texts of that version have variables; a document without a version is of the older one."""

_NAMED = re.compile(r"\$\{([^{},*?$]+)")
_ELEMENTS = frozenset({"Sid", "Effect", "Action", "NotAction", "Resource", "NotResource", "Condition"})


class Effect(StrEnum):
    """What a statement does to what it applies to."""

    ALLOW = "Allow"
    DENY = "Deny"


class Decision(StrEnum):
    """What comes of all statements."""

    ALLOWED = "allowed"
    IMPLICITLY_DENIED = "implicitly denied"
    EXPLICITLY_DENIED = "explicitly denied"


@dataclass(frozen=True, slots=True)
class Access:
    """One action on one resource, with what is known about the call; `*` where an action has no resource."""

    action: str
    resource: str
    context: Context = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Among:
    """The texts of `Action` or `Resource`; or, of `NotAction` and `NotResource`, all others."""

    patterns: tuple[Pattern, ...]
    negated: bool

    def has_action(self, action: str) -> bool:
        """Whether an action is one of these, in whatever case it is written."""
        return any(each.fits(action, {}) for each in self.patterns) != self.negated

    def has_resource(self, arn: str, context: Context) -> bool:
        """Whether an ARN is one of these."""
        return any(each.fits_arn(arn, context) for each in self.patterns) != self.negated


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement of a policy."""

    effect: Effect
    actions: Among
    resources: Among
    conditions: tuple[AnyCondition, ...]

    def applies(self, access: Access) -> bool:
        """Whether it has a say on one of its actions; raises `Unclear`."""
        try:
            return self.resources.has_resource(access.resource, access.context) and all(
                condition.holds(access.context) for condition in self.conditions
            )
        except Unresolved as variable:
            # An allow that names nobody allows nothing; of a deny nobody can say whom it spares.
            if self.effect is Effect.DENY:
                raise Unclear(f"a denial of {access.action} asks for {variable}, which has no value") from variable
            return False


@dataclass(frozen=True, slots=True)
class Policy:
    """A policy document, read."""

    statements: tuple[Statement, ...]
    keys: frozenset[str]
    """Every condition key that the document asks for, in lower case."""
    _about: dict[str, tuple[Statement, ...]] = field(default_factory=dict, compare=False, repr=False)

    def about(self, action: str) -> tuple[Statement, ...]:
        """The statements that have this action, found once: a role does the same few things again and again."""
        if action not in self._about:
            self._about[action] = tuple(each for each in self.statements if each.actions.has_action(action))
        return self._about[action]


def decide(policies: Iterable[Policy], access: Access) -> Decision:
    """The verdict of all policies of a role together; raises `Unclear`."""
    found = (statement for policy in policies for statement in policy.about(access.action))
    effects = {statement.effect for statement in found if statement.applies(access)}
    if Effect.DENY in effects:
        return Decision.EXPLICITLY_DENIED
    return Decision.ALLOWED if Effect.ALLOW in effects else Decision.IMPLICITLY_DENIED


def read(document: Mapping[str, Any]) -> Policy:
    """Read an identity-based policy document; raises `Unclear` for what it does not know."""
    version = document.get("Version", "2008-10-17")
    if version not in _VERSIONS or document.keys() - {"Version", "Id", "Statement"}:
        raise Unclear(f"a policy document of version {version} with {', '.join(sorted(document))}")
    found = document.get("Statement", [])
    listed = found if isinstance(found, list) else [found]
    statements = tuple(_statement(each, variables=_VERSIONS[version]) for each in listed)
    asked = {condition.key for statement in statements for condition in statement.conditions}
    named = {key.strip().lower() for key in _NAMED.findall(json.dumps(listed))} if _VERSIONS[version] else set()
    return Policy(statements, frozenset(asked | named))


def _statement(found: Mapping[str, Any], *, variables: bool) -> Statement:
    if unknown := found.keys() - _ELEMENTS:
        raise Unclear(f"a statement of a role has no {', '.join(sorted(unknown))}")
    try:
        effect = Effect(found.get("Effect", ""))
    except ValueError:
        raise Unclear(f"the effect {found.get('Effect')!r} is neither Allow nor Deny") from None
    return Statement(
        effect,
        _among(found, "Action", _action),
        _among(found, "Resource", lambda text: _resource(text, variables=variables)),
        tuple(conditions(found.get("Condition", {}), variables=variables)),
    )


def _among(found: Mapping[str, Any], name: str, make: Callable[[str], Pattern]) -> Among:
    given = [element for element in (name, f"Not{name}") if element in found]
    if len(given) != 1:
        raise Unclear(f"a statement has either {name} or Not{name}")
    return Among(tuple(make(text) for text in _texts(found[given[0]], name)), negated=given[0] != name)


def _action(text: str) -> Pattern:
    service, colon, action = text.partition(":")
    if text != "*" and not (colon and service and action):
        raise Unclear(f"{text!r} is no action")
    return pattern(text, variables=False, ignore_case=True)


def _resource(text: str, *, variables: bool) -> Pattern:
    if text != "*" and not text.startswith("arn:"):
        raise Unclear(f"{text!r} is no ARN")
    return pattern(text, variables=variables)


def _texts(value: Any, name: str) -> Iterator[str]:  # noqa: ANN401 - JSON
    values = value if isinstance(value, list) else [value]
    if not values or not all(isinstance(one, str) for one in values):
        raise Unclear(f"{name} is a text or a list of texts, not {value!r}")
    yield from values
