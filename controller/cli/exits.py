"""How a command ends: a number for scripts, and where it failed one line that says what to do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum

import typer

from controller.errors import Rejected, SpotRunnerError


class Exit(IntEnum):
    """What a script is told; 2 is a wrong command line."""

    SERVED = 0
    REFUSED = 1
    NOT_OURS = 3
    UNKNOWN = 4
    ATTENTION = 5


EXIT_CODES = "Exit code: 0 done, 1 there is no such thing, 2 wrong command line, 4 the stack can not be read."

_CURES = (
    ("Unable to locate credentials", "set AWS_PROFILE, or log in as with `aws sso login`"),
    ("Token has expired", "log in again, as with `aws sso login`"),
    ("ExpiredToken", "log in again, as with `aws sso login`"),
    ("Could not connect to the endpoint", "check the network, the region, and AWS_ENDPOINT_URL"),
    ("AccessDenied", "docs/operate.md has the policy that an operator needs"),
    ("UnauthorizedOperation", "docs/operate.md has the policy that an operator needs"),
)


@contextmanager
def one_line_errors() -> Iterator[None]:
    """End the command with one line where something inside fails on purpose."""
    try:
        yield
    except SpotRunnerError as bad:
        cure = next((f" - {words}" for sign, words in _CURES if sign in str(bad)), "")
        typer.echo(f"spotrunner: {' '.join(str(bad).split())}{cure}", err=True)
        raise typer.Exit(Exit.REFUSED if isinstance(bad, Rejected) else Exit.UNKNOWN) from bad
