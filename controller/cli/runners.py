"""`spotrunner runners`: the machines, how long each may still live, and what it is doing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from controller.cli import screen
from controller.cli.exits import EXIT_CODES, one_line_errors
from controller.cli.stack import AsJson, StackName, now, opened
from controller.errors import Rejected

if TYPE_CHECKING:
    from controller.domain.runner import Runner

app = typer.Typer(no_args_is_help=True, help="The machines: state, lease, job.")

_FOR_EVER = float("inf")

LIST_EXAMPLES = f"""
Examples:

  spotrunner runners list

  spotrunner runners list --overdue

  spotrunner runners list --json

{EXIT_CODES}
"""

SHOW_EXAMPLES = f"""
Examples:

  spotrunner runners show i-0f8b9a69030e99749

  spotrunner runners show i-0f8b9a69030e99749 --json

{EXIT_CODES}
"""


@dataclass(frozen=True, slots=True)
class Line:
    """One machine of a list. Times are seconds since the epoch."""

    machine: str
    state: str
    instance_type: str
    zone: str
    lifecycle: str
    config: str
    home: str
    job: str
    repository: str
    launched_at: float
    lease_until: float
    """By when it must have taken its next step; housekeeping ends it a little after."""


@app.command("list", epilog=LIST_EXAMPLES)
def list_command(
    stack: StackName = "",
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="At most so many, shortest lease first.")] = 500,
    *,
    overdue: Annotated[bool, typer.Option("--overdue", help="Only those whose lease has run out.")] = False,
    as_json: AsJson = False,
) -> None:
    """List the machines that are not known to have ended, those whose lease ends first at the top."""
    with one_line_errors():
        door = opened(stack)
        before = now() if overdue else _FOR_EVER
        found = [machine for region in door.watch.regions for machine in door.runners(region).expired(before, limit)]
    lines = [_line(machine) for machine in found]
    if as_json:
        screen.as_json(lines)
    elif lines:
        _show(lines)
    else:
        screen.say("No machines.")


@app.command("show", epilog=SHOW_EXAMPLES)
def show_command(
    machine: Annotated[str, typer.Argument(help="The machine's id, or its runner's name.")],
    stack: StackName = "",
    *,
    as_json: AsJson = False,
) -> None:
    """Show everything on a machine's record, the console of a failed boot included."""
    from controller.cli import job_names  # noqa: PLC0415 - what `list` need not wait for

    with one_line_errors():
        name = job_names.read(machine).machine
        if not name:
            raise Rejected(f"{machine} is no machine: give an instance id, as in i-0f8b9a69030e99749")
        door = opened(stack)
        record = door.runners(door.settings.region).get([name]).get(name)
        if record is None:
            raise Rejected(f"stack {door.settings.stack} has no record of machine {name}")
    if as_json:
        screen.as_json(record)
    else:
        _page(record)


def _line(machine: Runner) -> Line:
    return Line(
        machine=machine.instance_id,
        state=machine.state,
        instance_type=machine.instance_type,
        zone=machine.zone,
        lifecycle=machine.lifecycle,
        config=machine.config,
        home=machine.home,
        job=str(machine.ran or machine.job),
        repository=machine.repository,
        launched_at=machine.launched_at,
        lease_until=machine.lease_until,
    )


def _lease(until: float, moment: float) -> str:
    from controller.cli.times import brief  # noqa: PLC0415 - as above

    return f"{brief(until - moment)} left" if until > moment else f"over for {brief(moment - until)}"


def _show(lines: list[Line]) -> None:
    from controller.cli.times import brief, since  # noqa: PLC0415 - as above

    moment = now()
    screen.table(
        ["MACHINE", "STATE", "TYPE", "ZONE", "LIFECYCLE", "AGE", "LEASE", "JOB"],
        [
            (
                each.machine,
                each.state,
                each.instance_type,
                each.zone,
                each.lifecycle,
                brief(since(each.launched_at, moment)),
                _lease(each.lease_until, moment),
                f"{each.job} {each.repository}",
            )
            for each in lines
        ],
        whole=["MACHINE", "STATE", "LEASE"],
    )


def _page(machine: Runner) -> None:
    from controller.cli import job_page  # noqa: PLC0415 - as above
    from controller.cli.times import day  # noqa: PLC0415 - as above
    from controller.domain.runner import ALIVE  # noqa: PLC0415 - as above

    moment = now()
    alive = machine.state in ALIVE
    facts = [
        ("Machine", f"{machine.instance_id}, {machine.instance_type}, {machine.zone}, {machine.lifecycle}"),
        ("State", f"{machine.state}{f': {machine.reason}' if machine.reason else ''}"),
        ("Lease", f"{day(machine.lease_until)}{f', {_lease(machine.lease_until, moment)}' if alive else ''}"),
        ("Job", f"{machine.ran or machine.job} of {machine.repository}, {machine.config}"),
        ("Runner", machine.name or "not registered"),
        ("Launched", f"{day(machine.launched_at)}, by launch {machine.launch_id}"),
        ("Claimed", _at(machine.claimed_at)),
        ("Started", _at(machine.started_at)),
        ("Finished", _at(machine.finished_at)),
        ("Result", machine.result or "none yet"),
        ("Interrupted", machine.interruption or "no"),
    ]
    screen.facts(facts)
    if machine.console:
        screen.say()
        job_page.console_of(machine.instance_id, machine.console)


def _at(moment: float | None) -> str:
    from controller.cli.times import day  # noqa: PLC0415 - as above

    return "no" if moment is None else day(moment)
