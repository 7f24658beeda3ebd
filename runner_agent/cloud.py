"""What the agent needs from the machine it lives on, in our words: metadata, a process tree, power."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from runner_agent.contract.record import Record
from runner_agent.contract.sigv4 import Credentials


class MetadataUnavailable(OSError):
    """The machine's metadata service did not answer; the message names what was asked for."""


class Identity(Record):
    """Which machine this is."""

    instance_id: str
    region: str
    zone: str = ""
    instance_type: str = ""
    image: str = ""
    launched_at: float | None = None
    """When the cloud accepted the launch, by the cloud's clock."""


class Notice(Record):
    """The machine is going to be taken away."""

    action: str
    """`terminate`, `stop` or `hibernate` by the cloud, `shutdown` by the operating system."""
    at: float
    """When, in seconds since the epoch."""


class Metadata(Protocol):
    """What the machine can learn about itself; every call raises `MetadataUnavailable` when it cannot."""

    def identity(self) -> Identity:
        """Which machine this is."""

    def credentials(self) -> Credentials:
        """The machine's own role; still good for some minutes at least."""

    def user_data(self) -> bytes:
        """What the launch handed to the machine; empty where it handed nothing."""

    def tag(self, name: str) -> str:
        """One of the machine's tags, or empty where it has none or may not see it."""

    def interruption(self) -> Notice | None:
        """The announced end of the machine, once there is one."""

    def rebalance(self) -> bool:
        """Whether the cloud recommends to leave this machine."""


class Command(Record):
    """A program to start: never through a shell."""

    argv: tuple[str, ...]
    folder: Path
    environment: Mapping[str, str]
    mark: str
    """Unique to this start; whatever carries it in its environment belongs to the tree."""


class Process(Protocol):
    """A started program with everything it starts, directly or not."""

    @property
    def output(self) -> int:
        """File descriptor of the one pipe that carries its stdout and stderr."""

    def exit_code(self) -> int | None:
        """None while it runs; negative where a signal ended it."""

    def wait(self) -> int:
        """Its exit code, once there is one."""

    def ask_to_stop(self) -> None:
        """Tell the program alone, not its children, to end in good order."""

    def kill(self) -> int:
        """End the whole tree now; how many processes were still there besides the program."""


class ProcessTree(Protocol):
    """How this operating system starts a program so that none of its descendants can stay behind."""

    def start(self, command: Command) -> Process:
        """Start it, as the runner's own user where there is one; raises OSError where it cannot start."""

    def give(self, path: Path) -> None:
        """Hand a file or folder, with all that is in it, to the user that the program runs as."""


class Power(Protocol):
    """The one terminal action."""

    def off(self) -> None:
        """Power the machine off; returns only where somebody else ends this process."""
