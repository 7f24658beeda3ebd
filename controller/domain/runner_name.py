"""A runner's name at GitHub leads back to its machine."""

from __future__ import annotations

PREFIX = "spotrunner-"


def name_of(instance_id: str, claim: int) -> str:
    """The runner's name at GitHub: unique for each claim, and leads back to the machine."""
    return f"{PREFIX}{instance_id}-{claim}"


def instance_of(name: str) -> str | None:
    """The machine behind a runner's name; None for a runner that is not ours."""
    instance, _, claim = name.removeprefix(PREFIX).rpartition("-")
    return instance if name.startswith(PREFIX) and instance and claim.isdecimal() else None
