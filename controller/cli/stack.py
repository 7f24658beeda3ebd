"""Which stack a command is about, and how it answers."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated

import typer

from controller.cli import sources
from controller.errors import Rejected

if TYPE_CHECKING:
    from controller.app.operator import OperatorDoor

StackName = Annotated[
    str,
    typer.Option(
        "--stack",
        envvar="SPOTRUNNER_STACK",
        show_default=False,
        help="<environment>-<region>; without it, the only one in your usual region.",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Answer for a program; times are seconds since the epoch.")]


def opened(stack: str) -> OperatorDoor:
    """The stack's records and deeds; raises `Rejected` or `Unavailable` with the cure."""
    from controller.app import operator  # noqa: PLC0415 - the SDK takes longer to load than `--help` in all

    return operator.door(stack, _region(stack))


def is_drained(door: OperatorDoor, region: str) -> bool:
    """Whether a region is to launch nothing; raises `Unavailable` where that can not be known."""
    return door.watch.is_draining(region)


def now() -> float:
    """The time, in seconds since the epoch."""
    return time.time()


def checked_region(door: OperatorDoor, region: str) -> str:
    """The region meant; raises `Rejected` for one that the environment does not have."""
    if region and region not in door.watch.regions:
        raise Rejected(f"{region} is no region of this environment: it has {', '.join(door.watch.regions)}")
    return region or door.settings.region


def _region(stack: str) -> str:
    try:
        return sources.place_of(stack)[1] if stack else ""
    except Rejected:
        # A stack of a local cloud is called as it likes; where it is, the AWS configuration says.
        return ""
