"""The `spotrunner` command."""

from __future__ import annotations

import json
import shutil
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

try:
    import typer
except ModuleNotFoundError:
    sys.exit("The spotrunner command needs typer: pip install 'spotrunner[cli]'")

import controller
from controller.cli import breakers, chores, jobs, new_stack, region, runners
from controller.cli.exits import Exit
from controller.errors import Rejected, SpotRunnerError
from runner_agent.contract import wire

if TYPE_CHECKING:
    from controller.ports import Configs

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_show_locals=False)

EXAMPLES = """
Examples:

  spotrunner plan spotrunner/linux-4cpu/ram=16 --configs docs/configs.json

  spotrunner plan self-hosted spotrunner/linux-4cpu --stack dev-us-east-1 --repository octo/hello

  spotrunner plan 'spotrunner/linux-4cpu/family=c7g' --configs configs/ --json

Exit code: 0 served, 1 refused, 2 wrong command line, 3 not a job of this stack, 4 the stack can not be read.
"""


def _version(wanted: bool) -> None:  # noqa: FBT001 - typer calls it so
    if wanted:
        typer.echo(f"spotrunner {controller.__version__}")
        raise typer.Exit


@app.callback(help="Ephemeral GitHub Actions runners on spot instances in your own AWS account.")
def main(
    *,
    _version_wanted: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Options that every command has."""


@app.command("plan", epilog=EXAMPLES)
def plan_command(  # noqa: PLR0913 - each is an option of the command line
    labels: Annotated[list[str], typer.Argument(help="The labels of one job, as in runs-on.")],
    configs: Annotated[
        Path | None, typer.Option(exists=True, help="A file of configurations by name, or a folder of <name>.json.")
    ] = None,
    stack: Annotated[str, typer.Option(help="Read the configurations of this stack, <environment>-<region>.")] = "",
    repository: Annotated[str, typer.Option(help="The job's repository: policy may depend on it.")] = "owner/name",
    region: Annotated[str, typer.Option(help="The region, without a stack.")] = "us-east-1",
    zone: Annotated[list[str] | None, typer.Option(help="A zone of the stack; may be repeated.")] = None,
    *,
    fork: Annotated[bool, typer.Option("--fork", help="The run comes from a fork.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Answer as one JSON object.")] = False,
) -> None:
    """Say what a job's labels resolve to: configuration, machines, prices, and what refuses which.

    Uses the resolver that the stack itself uses. Nothing is started. With --stack the prices are those that the stack
    has learnt, and what it would not ask for now is marked with the refusal, breaker or limit that keeps it from it.
    """
    # The resolver takes longer to load than most other commands take in all.
    from controller.app import operator  # noqa: PLC0415 - see above
    from controller.cli import show, sources  # noqa: PLC0415 - see above
    from controller.cli.plan import Known, Question, plan  # noqa: PLC0415 - see above
    from controller.region import Place  # noqa: PLC0415 - see above

    if bool(configs) is bool(stack):
        raise typer.BadParameter("name either --configs or --stack")
    try:
        environment, region = sources.place_of(stack) if stack else ("", region)
        known = sources.known(stack, operator.memory(environment, region), time.time()) if stack else Known()
        zones = tuple(zone or known.zones() or Place(region, "").zones())
        found: Configs = sources.from_path(configs) if configs else operator.configs(stack, region)
        answer = plan(Question(tuple(labels), repository, environment, region, zones, fork), found, known)
    except SpotRunnerError as bad:
        typer.echo(f"spotrunner: {bad}", err=True)
        raise typer.Exit(Exit.REFUSED if isinstance(bad, Rejected) else Exit.UNKNOWN) from bad
    if as_json:
        typer.echo(json.dumps(wire.encode(answer), indent=2))
    else:
        for line in show.lines(answer, shutil.get_terminal_size().columns):
            typer.echo(line)
    raise typer.Exit(_exit(ours=answer.ours and answer.here, refused=bool(answer.refusal)))


app.command("status", epilog=region.STATUS_EXAMPLES)(region.status)
app.add_typer(jobs.app, name="jobs")
app.add_typer(runners.app, name="runners")
app.command("drain", epilog=region.DRAIN_EXAMPLES)(region.drain)
app.command("resume", epilog=region.RESUME_EXAMPLES)(region.resume)
app.add_typer(breakers.app, name="breaker")
app.add_typer(new_stack.app, name="stack")
app.command("housekeeping", epilog=chores.EXAMPLES)(chores.housekeeping)


def _exit(*, ours: bool, refused: bool) -> Exit:
    if not ours:
        return Exit.NOT_OURS
    return Exit.REFUSED if refused else Exit.SERVED


if __name__ == "__main__":
    app()
