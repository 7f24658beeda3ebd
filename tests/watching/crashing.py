"""Handlers after an upgrade that went wrong: none of them works."""

from __future__ import annotations

from typing import Never


def webhook(*_: object) -> Never:
    """Crashes."""
    raise RuntimeError("broken by an upgrade")


dispatch = claim = reports = housekeeping = events = webhook
