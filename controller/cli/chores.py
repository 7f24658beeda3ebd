"""`spotrunner housekeeping`: every chore by hand, in this process and with the operator's own credentials."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import typer

from controller.cli import screen
from controller.cli.exits import EXIT_CODES, Exit, one_line_errors
from controller.cli.stack import AsJson, StackName, opened
from controller.messages import Chore, Chores

LIST = "list"

EXAMPLES = f"""
Examples:

  spotrunner housekeeping list

  spotrunner housekeeping stuck-provisioning --dry-run

  spotrunner housekeeping recover-jobs --json

{EXIT_CODES}
"""

ABOUT = {
    Chores.ORPHANED_MACHINES: "End machines that nobody waits for; write off records whose machine is gone",
    Chores.STUCK_PROVISIONING: "Write off machines that did not claim, start or end in time; give their jobs back",
    Chores.PENDING_LAUNCHES: "Finish launches whose dispatcher was lost half-way",
    Chores.INTERRUPTED_JOBS: "Have interrupted jobs run again, where GitHub allows it by now",
    Chores.CHECK_RUNS: "Tell commits what became of their jobs, where that is still owed",
    Chores.RECOVER_DELIVERIES: "Have GitHub send webhooks again that nobody took",
    Chores.RECOVER_JOBS: "Look at GitHub for jobs that have come, begun or ended unheard",
    Chores.BOOTS: "Judge the machines that died in boot; hold configurations back, or free them",
    Chores.MARKET: "Learn what machine types, zones and prices EC2 has now",
    Chores.QUOTAS: "Count what the account's own limits leave",
    Chores.GHOST_RUNNERS: "Remove runners from GitHub whose machines have ended",
    Chores.OLD_JOBS: "Write jobs that ended long ago into the archive, then delete them",
    Chores.DEAD_LETTERS: "Give messages that no door could handle another chance, or park them",
    Chores.POOL_AUDIT: "Hold the cloud's machines against the records, and tell where they differ",
    Chores.RUNNER_AGE: "Tell which images have a runner that GitHub will soon refuse",
    Chores.COST_REPORT: "Report what the last whole day's jobs have cost",
    Chores.FILL_POOLS: "Keep as many machines running ahead of jobs as the configurations say",
    Chores.REGIONS: "Give a sign of life; take over a lost region's jobs, or hand over a drained one's",
}


@dataclass(frozen=True, slots=True)
class Done:
    """What came of a chore."""

    task: str
    dry_run: bool
    looked_at: int | None
    deeds: tuple[str, ...]
    """What was done, or with a dry run would be."""
    put_off: tuple[str, ...]
    """What could not be done now, and why."""


def housekeeping(
    task: Annotated[str, typer.Argument(help="`list`, or a task that it names.")],
    stack: StackName = "",
    *,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what would be done; nothing is written.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Do one housekeeping task now; overlapping with the scheduled run is harmless."""
    if task == LIST:
        _list(as_json=as_json)
        return
    if task not in list(Chores):
        raise typer.BadParameter(f"{task!r} is none of: {', '.join(Chores)}", param_hint="TASK")
    with one_line_errors():
        done = _do(stack, Chores(task), dry_run=dry_run)
    if as_json:
        screen.as_json(done)
    else:
        _show(done)
    raise typer.Exit(Exit.UNKNOWN if done.put_off else Exit.SERVED)


def _do(stack: str, task: Chores, *, dry_run: bool) -> Done:
    from controller.domain.deliveries import MessageDelayed  # noqa: PLC0415 - `list` need not wait for it
    from controller.domain.events import ChoreDone  # noqa: PLC0415 - as above

    door = opened(stack)
    deeds = door.house().handle(Chore(task, dry_run))
    told = door.overheard.events
    return Done(
        task=task,
        dry_run=dry_run,
        looked_at=next((event.looked_at for event in told if isinstance(event, ChoreDone)), None),
        deeds=tuple(deeds),
        put_off=tuple(f"{event.message}: {event.reason}" for event in told if isinstance(event, MessageDelayed)),
    )


def _list(*, as_json: bool) -> None:
    from controller import wiring  # noqa: PLC0415 - as above
    from controller.cli.times import span  # noqa: PLC0415 - as above

    every = {one.body["task"]: one.every_s for one in wiring.SCHEDULES if "task" in one.body}
    if as_json:
        screen.as_json([{"task": task, "every_s": every.get(task), "about": ABOUT.get(task, "")} for task in Chores])
        return
    rows = [(task.value, span(every.get(task)) if task in every else "by hand", ABOUT.get(task, "")) for task in Chores]
    screen.table(["TASK", "EVERY", "WHAT IT DOES"], rows, whole=["TASK", "EVERY"])


def _show(done: Done) -> None:
    for deed in done.deeds:
        screen.say(f"{'would ' if done.dry_run else ''}{deed}")
    for line in done.put_off:
        typer.echo(f"put off: {screen.clean(line)}", err=True)
    looked = "" if done.looked_at is None else f", {done.looked_at} looked at"
    count = f"{len(done.deeds)} deeds" if done.deeds else "nothing to do"
    screen.say(f"{done.task}: {count}{looked}{'; a dry run, nothing is written' if done.dry_run else ''}.")
