"""The command line: every command with its options, its examples and its function."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from functools import partial

from runner_agent import __version__
from runner_agent.commands import doctor, explain, install, verify_runner
from runner_agent.settings import Settings

Command = Callable[[Settings], int]

_EXAMPLE = """\
examples:
  SPOTRUNNER_HOME=/opt/spotrunner SPOTRUNNER_RUNNER_USER=runner spotrunner-agent run
  spotrunner-agent install --dry-run
  spotrunner-agent verify-runner --dir /opt/spotrunner/runner/2.337.0 --user runner
  spotrunner-agent doctor
  spotrunner-agent explain --json

environment:
  SPOTRUNNER_HOME          folder with runner/<version>, work and spool     (/opt/spotrunner)
  SPOTRUNNER_RUNNER_USER   user that jobs run as; empty: the agent's own    (runner)
  SPOTRUNNER_POWER_OFF     command that ends the machine                    (systemctl poweroff)
  AWS_EC2_METADATA_SERVICE_ENDPOINT   address of the instance metadata      (http://169.254.169.254)
  AWS_ENDPOINT_URL         stands in for the addresses of SQS and S3        (none)
"""

_EXAMPLES = {
    "run": "SPOTRUNNER_POWER_OFF=true spotrunner-agent run",
    "install": "spotrunner-agent install\n  spotrunner-agent install --root /mnt/image --longest-job 12\n"
    "  spotrunner-agent install --system windows --dry-run",
    "uninstall": "spotrunner-agent uninstall --dry-run",
    "verify-runner": "spotrunner-agent verify-runner --dir /opt/spotrunner/runner/2.337.0 --user runner\n"
    "  spotrunner-agent verify-runner --dir ./actions-runner --only job --json",
    "doctor": "spotrunner-agent doctor\n  spotrunner-agent doctor --json",
    "explain": "spotrunner-agent explain\n  spotrunner-agent explain --all --json",
}
_SAYS = {
    "run": "live one life: claim, run one job, power off",
    "install": "make this machine, or an image's folder, a runner machine",
    "uninstall": "take that back",
    "verify-runner": "check that a runner keeps its contract with the agent, without GitHub",
    "doctor": "check what the agent needs of this machine, and say what is wrong",
    "explain": "tell what happened on this machine",
}


def parse(words: Sequence[str]) -> Command | None:
    """The command that the words ask for; None for `run`, which is not ours."""
    parser = argparse.ArgumentParser(
        prog="spotrunner-agent",
        description="Claims a job for this machine, runs it, tells what happened and powers the machine off.",
        epilog=_EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    commands = parser.add_subparsers(dest="name", required=True, metavar="command")
    made = {name: _made(commands, name) for name in _SAYS}
    made["run"].add_argument(
        "--service", action="store_true", help="under Windows' service manager, which starts it so"
    )
    install.add(made["install"], made["uninstall"])
    verify_runner.add(made["verify-runner"])
    doctor.add(made["doctor"])
    explain.add(made["explain"])
    given = parser.parse_args(words)
    return None if given.name == "run" else partial(given.command, given)


def _made(commands: argparse._SubParsersAction[argparse.ArgumentParser], name: str) -> argparse.ArgumentParser:
    return commands.add_parser(
        name,
        help=_SAYS[name],
        description=f"{_SAYS[name][0].upper()}{_SAYS[name][1:]}.",
        epilog=f"examples:\n  {_EXAMPLES[name]}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
