"""What a local GitHub is made of."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field

from controller.local.github.exchange import Patience


@dataclass(frozen=True, slots=True)
class Config:
    """Who owns what here, the App and its secret, and GitHub's deadlines and budgets."""

    organisation: str = "acme"
    repositories: tuple[str, ...] = ("shop",)
    actor: str = "octocat"
    app_id: int = 219_217
    installation_id: int = 61_234_567
    webhook_url: str = ""
    webhook_secret: str = field(default_factory=lambda: secrets.token_hex(20), repr=False)
    act: str = ""
    """The program that executes jobs; empty: the one beside this Python, or on the path."""
    minimum_runner_version: str = "2.329.0"
    patience: Patience = field(default_factory=Patience)
    budgets: dict[str, int] = field(default_factory=dict)
    """Rate limits that differ from GitHub's."""
