"""Why the cloud refused a launch, by what to do about it."""

from __future__ import annotations

from enum import StrEnum


class RefusalKind(StrEnum):
    """Why the cloud refused, by what to do about it."""

    CAPACITY = "capacity"
    """This pool (lifecycle, type, zone) has none now: try another."""
    UNSUPPORTED = "unsupported"
    """This type is not offered there, and will not be soon."""
    SUBNET = "subnet"
    """The subnet has no free address."""
    RATE = "rate"
    """Too many calls: wait; says nothing about capacity."""
    SERVER = "server"
    """A fault of the service: send the same request again."""
    QUOTA = "quota"
    """The account's own limit."""
    SPECIAL = "special"
    """The account lacks a role without which it gets no spot machine at all."""
    RACE = "race"
    """The service does not know yet what it has just made: send the same request again."""
    CONFIG = "config"
    """Will never work as asked."""
