"""Configurations whose machines have a role of their own: for whose jobs, and from which launch templates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from controller.domain.fleet_config import RunnerConfig
from controller.domain.policy import Rule
from controller.errors import Rejected

_DEFAULT_GROUP = 1


@dataclass(frozen=True, slots=True)
class OwnRoles:
    """What such a role may do is between the stack's file and IAM; here is who gets a machine with it."""

    repositories: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Configuration to patterns of the repositories whose jobs it is for."""
    templates: Mapping[str, str] = field(default_factory=dict)
    """`<platform>/<configuration>` to launch template."""

    def __contains__(self, config: str) -> bool:
        return config in self.repositories

    def rules(self) -> tuple[Rule, ...]:
        """What keeps the jobs of other repositories away from these configurations."""
        return tuple(
            Rule(f"role of {config}", unless=repositories, closed=(config,))
            for config, repositories in self.repositories.items()
        )

    def template(self, config: RunnerConfig, platform: str) -> str:
        """The launch template of one of them; raises `Rejected` where GitHub could hand its machine to others."""
        if _is_anybodys(config) and "*" not in self.repositories[config.name]:
            raise Rejected(
                f"configuration {config.name!r} has a role that is not for all repositories, and registers with the "
                "whole organisation; name a runner_group that only they may use"
            )
        try:
            return self.templates[f"{platform}/{config.name}"]
        except KeyError:
            raise Rejected(f"the stack has no launch template for {platform} with the role of {config.name}") from None


def read(repositories: Mapping[str, str], templates: Mapping[str, str]) -> OwnRoles:
    """From the stack's settings, where a configuration's patterns have spaces between them."""
    return OwnRoles({config: tuple(patterns.split()) for config, patterns in repositories.items()}, templates)


def _is_anybodys(config: RunnerConfig) -> bool:
    return config.organization and not config.runner_group and config.runner_group_id == _DEFAULT_GROUP
