"""What a stack says about labels beside its configurations: grammars, aliases, policy and trust, one document."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from controller.domain import labels as language
from controller.domain.grammars.aliases import Alias
from controller.domain.grammars.label_matcher import Matcher
from controller.domain.labels import Wanted
from controller.domain.policy import Policy, Rule
from controller.domain.recognition import MARKERS
from controller.domain.shares import Shares
from controller.errors import Rejected


class Trust(StrEnum):
    """What becomes of a job from a fork's pull request."""

    ALLOW = "allow"
    """The same as of any other; costs nothing."""
    REFUSE = "refuse"
    ROUTE = "route"
    """It gets a machine of the configuration for forks, whatever its label says."""


@dataclass(frozen=True, slots=True)
class Forks:
    """The policy for forks; anything but `allow` costs one request to GitHub for each job."""

    trust: Trust = Trust.ALLOW
    config: str = ""

    def __post_init__(self) -> None:
        if (self.trust is Trust.ROUTE) is not bool(self.config):
            raise ValueError("a configuration goes with `route`, and only with it")

    def applied(self, wanted: Wanted) -> Wanted:
        """The wish of a fork's job as the policy lets it be; raises `Rejected` where it refuses it."""
        match self.trust:
            case Trust.ALLOW:
                return wanted
            case Trust.ROUTE:
                return Wanted(self.config, run=wanted.run)
            case Trust.REFUSE:
                raise Rejected("the run comes from a fork, and this stack's policy for forks refuses those")


@dataclass(frozen=True, slots=True)
class Assignment:
    """Labels matched as terraform-aws-github-runner does; its matcher's key is a label of ours."""

    matcher: Matcher
    quirks: bool = False
    """Whether matches that follow from an oddity alone count."""


@dataclass(frozen=True, slots=True)
class Rules:
    """The routing document of a stack."""

    grammars: Mapping[str, str] = field(default_factory=dict)
    """`runs-on` or `runs-fleet`: the configuration that its labels are laid over."""
    aliases: tuple[Alias, ...] = ()
    matchers: tuple[Assignment, ...] = ()
    policy: Policy = field(default_factory=Policy)
    forks: Forks = field(default_factory=Forks)
    shares: Shares = field(default_factory=Shares)

    def __post_init__(self) -> None:
        for name in self.grammars:
            if name not in MARKERS:
                raise ValueError(f"grammars: {name!r} is not one of {', '.join(MARKERS)}")
        for to in (*(alias.to for alias in self.aliases if not alias.regex), *(a.matcher.key for a in self.matchers)):
            try:
                language.parse((to,))
            except Rejected as bad:
                raise ValueError(str(bad)) from None

    def with_rules(self, more: Sequence[Rule]) -> Rules:
        """The same with rules that no document can take away."""
        return replace(self, policy=replace(self.policy, rules=(*self.policy.rules, *more))) if more else self
