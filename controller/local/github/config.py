"""What a local GitHub is made of."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field

from controller.local.github.exchange import Patience


@dataclass(frozen=True, slots=True)
class Installation:
    """The App on an organisation, with the repositories it may see there."""

    organisation: str
    repositories: tuple[str, ...]
    id: int


@dataclass(frozen=True, slots=True)
class FurtherApp:
    """An App beside the one with the webhook: it has installations, and with them limits, of its own."""

    id: int
    installations: tuple[Installation, ...]


@dataclass(frozen=True, slots=True)
class Config:
    """Who owns what here, the App and its secret, and GitHub's deadlines and budgets."""

    organisation: str = "acme"
    repositories: tuple[str, ...] = ("shop",)
    actor: str = "octocat"
    app_id: int = 219_217
    installation_id: int = 61_234_567
    others: tuple[Installation, ...] = ()
    """Further organisations that have the App."""
    further_apps: tuple[FurtherApp, ...] = ()
    base_path: str = ""
    """`/api/v3` makes it a GitHub Enterprise Server: every route lives below, and no rate is limited by itself."""
    runner_groups: tuple[str, ...] = ()
    """Beside the default one."""
    protected_environments: tuple[str, ...] = ()
    """Jobs of these wait until somebody approves."""
    webhook_url: str = ""
    webhook_secret: str = field(default_factory=lambda: secrets.token_hex(20), repr=False)
    act: str = ""
    """The program that executes jobs; empty: the one beside this Python, or on the path."""
    minimum_runner_version: str = "2.329.0"
    patience: Patience = field(default_factory=Patience)
    budgets: dict[str, int] = field(default_factory=dict)
    """Rate limits that differ from GitHub's, by the names of `ratelimit.BUDGETS`."""

    @property
    def installations(self) -> tuple[Installation, ...]:
        """Every organisation that has the App, the main one first."""
        return Installation(self.organisation, self.repositories, self.installation_id), *self.others

    @property
    def apps(self) -> dict[int, tuple[Installation, ...]]:
        """Every App's installations by its id, those of the App with the webhook first."""
        return {self.app_id: self.installations, **{app.id: app.installations for app in self.further_apps}}
