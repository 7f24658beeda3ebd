"""The agent's door: reads the environment once, joins the parts, lives one life."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from runner_agent import __version__, aws, power
from runner_agent.cloud import Notice, ProcessTree
from runner_agent.lifecycle.inbox import Inbox
from runner_agent.lifecycle.life import Machine, live
from runner_agent.limits import SHUTDOWN_S
from runner_agent.logs import Log, Redactor

_EXAMPLE = """\
example:
  SPOTRUNNER_HOME=/opt/spotrunner SPOTRUNNER_RUNNER_USER=runner spotrunner-agent run

environment:
  SPOTRUNNER_HOME          folder with runner/<version>, work and spool     (/opt/spotrunner)
  SPOTRUNNER_RUNNER_USER   user that jobs run as; empty: the agent's own    (runner)
  SPOTRUNNER_POWER_OFF     command that ends the machine                    (systemctl poweroff)
  AWS_EC2_METADATA_SERVICE_ENDPOINT   address of the instance metadata      (http://169.254.169.254)
  AWS_ENDPOINT_URL         stands in for the addresses of SQS and S3        (none)
"""


@dataclass(frozen=True, slots=True)
class Settings:
    """The agent's whole configuration."""

    home: Path
    runner_user: str
    power_off: str
    metadata: str
    aws_endpoint: str
    notify_socket: str

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> Settings:
        """From the environment, with the defaults of a machine image."""
        return cls(
            home=Path(environment.get("SPOTRUNNER_HOME", "/opt/spotrunner")),
            runner_user=environment.get("SPOTRUNNER_RUNNER_USER", "runner"),
            power_off=environment.get("SPOTRUNNER_POWER_OFF", power.DEFAULT),
            metadata=environment.get("AWS_EC2_METADATA_SERVICE_ENDPOINT", aws.ENDPOINT),
            aws_endpoint=environment.get("AWS_ENDPOINT_URL", ""),
            notify_socket=environment.get("NOTIFY_SOCKET", ""),
        )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; `run` ends with the machine."""
    words = sys.argv[1:] if arguments is None else list(arguments)
    if words != ["run"]:
        _parse(words)
    live(machine(Settings.read(os.environ), os.environ))
    return 0


def _parse(words: list[str]) -> None:
    import argparse  # noqa: PLC0415 - a booting machine does not wait for the import

    parser = argparse.ArgumentParser(
        prog="spotrunner-agent",
        description="Claims a job for this machine, runs it, tells what happened and powers the machine off.",
        epilog=_EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")
    commands.add_parser("run", help="live one life: claim, run one job, power off")
    parser.parse_args(words)


def machine(settings: Settings, environment: Mapping[str, str]) -> Machine:
    """Join the parts as this machine needs them."""
    redactor = Redactor()
    tell = Log(redactor)
    watchdog = power.Watchdog(settings.notify_socket)
    inbox = Inbox(watchdog.alive)
    tree, born = _system(settings)
    _listen_to_signals(inbox)
    watchdog.ready()
    return Machine(
        metadata=aws.Imds(settings.metadata, learn=redactor.learn),
        tree=tree,
        power=power.PowerOff(settings.power_off, tell),
        inbox=inbox,
        redactor=redactor,
        tell=tell,
        home=settings.home,
        environment=environment,
        aws_endpoint=settings.aws_endpoint,
        born=born,
    )


def _system(settings: Settings) -> tuple[ProcessTree, dict[str, float]]:
    now = time.time()
    if sys.platform == "win32":
        from runner_agent.windows import WindowsTree  # noqa: PLC0415 - exists there only

        return WindowsTree(), {"agent": now}
    from runner_agent.posix import PosixTree, boot_times  # noqa: PLC0415 - exists elsewhere only

    kernel, agent = boot_times(now)
    born = {"agent": now if agent is None else agent}
    return PosixTree(settings.runner_user), born if kernel is None else {"kernel": kernel, **born}


def _listen_to_signals(inbox: Inbox) -> None:
    def shut_down(_number: int, _frame: FrameType | None) -> None:
        # Nothing but the queue's put may be called here: it alone can interrupt itself.
        inbox.put(Notice("shutdown", time.time() + SHUTDOWN_S))

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, shut_down)


if __name__ == "__main__":
    sys.exit(main())
