"""The production handlers, but for the claim's, which crashes."""

from __future__ import annotations

from typing import Never

from controller import lambdas

webhook, dispatch, reports, events, housekeeping = (
    lambdas.webhook,
    lambdas.dispatch,
    lambdas.reports,
    lambdas.events,
    lambdas.housekeeping,
)


def claim(*_: object) -> Never:
    """Crashes."""
    raise RuntimeError("broken by an upgrade")
