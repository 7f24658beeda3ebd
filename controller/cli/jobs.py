"""`spotrunner jobs`: who waits and why, and the whole story of one job."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Annotated

import typer

from controller.cli import screen
from controller.cli.exits import EXIT_CODES, one_line_errors
from controller.cli.stack import AsJson, StackName, is_drained, now, opened
from controller.errors import Rejected

if TYPE_CHECKING:
    from controller.app.operator import OperatorDoor
    from controller.cli.story import Evidence
    from controller.domain.job import Job
    from controller.domain.job_key import JobKey
    from controller.domain.runner import Runner

app = typer.Typer(no_args_is_help=True, help="Who waits and why, and the whole story of one job.")

LIST_EXAMPLES = f"""
Examples:

  spotrunner jobs list

  spotrunner jobs list --state waiting --repo 'octo/*'

  spotrunner jobs list --config linux-4cpu --json

{EXIT_CODES}
"""

SHOW_EXAMPLES = f"""
Examples:

  spotrunner jobs show 4242

  spotrunner jobs show https://github.com/octo/hello/actions/runs/1/job/4242

  spotrunner jobs show i-0f8b9a69030e99749 --json

{EXIT_CODES}
"""


class Stage(StrEnum):
    """Which jobs a list is of."""

    WAITING = "waiting"
    RUNNING = "running"
    """With a machine that is launching, booting or at work."""
    OWED = "owed"
    """Ended, while GitHub is still to be told or asked something about them."""
    ENDED = "ended"
    """Done with."""


NOBODY_KNOWS = "-"
OPEN = (Stage.WAITING, Stage.RUNNING, Stage.OWED)


@dataclass(frozen=True, slots=True)
class Line:
    """One job of a list. Times are seconds since the epoch."""

    job: str
    repository: str
    name: str
    config: str
    state: str
    home: str
    queued_at: float
    since: float
    machine: str
    why: str
    """Why it waits, or where it is."""


@app.command("list", epilog=LIST_EXAMPLES)
def list_command(
    stack: StackName = "",
    state: Annotated[
        Stage | None, typer.Option(help="Only these; without it, all but those that are done with.")
    ] = None,
    repo: Annotated[str, typer.Option("--repo", help="Only of this repository; `*` stands for anything.")] = "*",
    config: Annotated[str, typer.Option(help="Only of this configuration; `*` stands for anything.")] = "*",
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="At most so many of each state.")] = 200,
    *,
    as_json: AsJson = False,
) -> None:
    """List the jobs that wait, that have a machine, and that GitHub is still owed something about.

    With `--state ended` the latest that are done with, of the last two weeks; that reads the whole table.
    """

    def wanted(job: Job) -> bool:
        return fnmatchcase(job.repository.lower(), repo.lower()) and fnmatchcase(job.config.lower(), config.lower())

    with one_line_errors():
        door = opened(stack)
        if state is Stage.ENDED:
            found = door.history.latest(limit, wanted)
        else:
            found = [job for each in ([state] if state else OPEN) for job in _read(door, each, limit) if wanted(job)]
        drained = {home: is_drained(door, home) for home in {job.home for job in found}}
    lines = [_line(job, drained=drained[job.home]) for job in found]
    if as_json:
        screen.as_json(lines)
    elif lines:
        _show(lines)
    else:
        screen.say("No jobs.")


@app.command("show", epilog=SHOW_EXAMPLES)
def show_command(
    job: Annotated[str, typer.Argument(help="GitHub's job id, the address of the job's page, or its machine.")],
    stack: StackName = "",
    *,
    as_json: AsJson = False,
) -> None:
    """Tell the whole story of one job; the first line is the answer."""
    from controller.cli import job_page, story  # noqa: PLC0415 - what `list` need not wait for

    with one_line_errors():
        told = story.told(_evidence(opened(stack), job), now())
    if as_json:
        screen.as_json(told)
    else:
        job_page.show(told)


def _read(door: OperatorDoor, stage: Stage, limit: int) -> Iterator[Job]:
    for region in door.watch.regions:
        jobs = door.jobs(region)
        match stage:
            case Stage.WAITING:
                yield from jobs.waiting(limit)
            case Stage.RUNNING:
                yield from jobs.under_way(limit)
            case _:
                yield from jobs.owed(limit)


def _line(job: Job, *, drained: bool) -> Line:
    from controller.cli.story import why_waiting  # noqa: PLC0415 - as above
    from controller.domain.job import JobState  # noqa: PLC0415 - as above

    if job.state is JobState.WAITING:
        why = why_waiting(job, now(), drained=drained)
    elif job.state is JobState.REFUSED:
        why = job.reason
    elif job.state is JobState.COMPLETED:
        why = f"{job.conclusion or job.reason or 'unknown'}{f', interrupted: re-run {job.rerun}' if job.rerun else ''}"
    else:
        why = f"{job.instance_id or job.runner_name or 'no machine yet'}, {job.rung or 'unknown rung'}"
    return Line(
        job=job.id,
        repository=job.repository,
        name=job.name,
        config=job.config,
        state=job.state,
        home=job.home,
        queued_at=job.queued_at,
        since=job.since or job.received_at,
        machine=job.instance_id,
        why=why,
    )


def _show(lines: Sequence[Line]) -> None:
    from controller.cli.times import brief, since  # noqa: PLC0415 - as above

    moment = now()
    narrow = screen.is_narrow()
    screen.table(
        ["JOB", "REPOSITORY", "NAME", *([] if narrow else ["CONFIG"]), "STATE", "FOR", "WHY, OR WHERE"],
        [
            (
                each.job,
                each.repository.rpartition("/")[2] if narrow else each.repository,
                each.name or NOBODY_KNOWS,
                *(() if narrow else (each.config or NOBODY_KNOWS,)),
                each.state,
                brief(since(each.since, moment)),
                each.why,
            )
            for each in lines
        ],
        whole=["JOB", "STATE", "FOR"],
    )


def _evidence(door: OperatorDoor, name: str) -> Evidence:
    from controller.cli.story import Evidence, launches_of, machines_of  # noqa: PLC0415 - as above

    job = _found(door, name)
    machines = door.runners(job.home).get(machines_of(job))
    launches = (door.launches.get(each) for each in launches_of(job))
    return Evidence(
        job=job,
        machines=machines,
        launches={launch.launch_id: launch for launch in launches if launch is not None},
        drained=is_drained(door, job.home),
    )


def _found(door: OperatorDoor, name: str) -> Job:
    from controller import servers  # noqa: PLC0415 - as above
    from controller.cli import job_names  # noqa: PLC0415 - as above

    named = job_names.read(name, servers.hosts(servers.servers(door.settings)))
    keys = named.keys
    if named.machine:
        keys = _jobs_of(door.runners(door.settings.region).get([named.machine]).get(named.machine), named.machine)
    found = door.jobs(door.settings.region).get(keys)
    if not found:
        raise Rejected(
            f"stack {door.settings.stack} has no record of job {named.text}: it never came (is its label ours? does "
            "`spotrunner status` show dead letters?), lives in another environment, or ended over two weeks ago"
        )
    return found[max(found)]


def _jobs_of(machine: Runner | None, name: str) -> tuple[JobKey, ...]:
    if machine is None:
        raise Rejected(f"there is no record of machine {name} in this stack")
    return (machine.ran or machine.job,)
