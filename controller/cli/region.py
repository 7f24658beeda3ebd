"""`spotrunner status`, `drain` and `resume`: how a stack stands, and whether it may launch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from controller.cli import screen
from controller.cli.exits import EXIT_CODES, Exit, one_line_errors
from controller.cli.stack import AsJson, StackName, checked_region, is_drained, now, opened
from controller.errors import SpotRunnerError

if TYPE_CHECKING:
    from controller.app.operator import OperatorDoor
    from controller.cli.standing import PlaceStanding, QueueStanding, Standing

RegionName = Annotated[str, typer.Option("--region", show_default=False, help="Without it, the stack's own region.")]

STATUS_EXAMPLES = f"""
Examples:

  spotrunner status

  spotrunner status --check || page-somebody

  spotrunner status --json

{EXIT_CODES[:-1]}, 5 something wants a person (with --check).
"""

DRAIN_EXAMPLES = f"""
Examples:

  spotrunner drain

  spotrunner drain --stack prod-us-east-1 --region eu-west-1

{EXIT_CODES}
"""

RESUME_EXAMPLES = f"""
Examples:

  spotrunner resume

  spotrunner resume --region eu-west-1

{EXIT_CODES}
"""

_FOR_EVER = float("inf")
_MOST = 2_000


def status(
    stack: StackName = "",
    *,
    check: Annotated[bool, typer.Option("--check", help="Exit with 5 where something wants a person.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show regions, line, machines, queues, breakers, refusals and held configurations; what wants a person first."""
    with one_line_errors():
        found = _standing(opened(stack))
    if as_json:
        screen.as_json(found)
    else:
        _show(found)
    raise typer.Exit(Exit.ATTENTION if check and found.attention else Exit.SERVED)


def drain(stack: StackName = "", region: RegionName = "", *, as_json: AsJson = False) -> None:
    """Let a region launch nothing more; what runs there runs on, and jobs that come wait in line.

    Where the environment has another region, waiting jobs that may run there go there.
    """
    _order(stack, region, drained=True, as_json=as_json)


def resume(stack: StackName = "", region: RegionName = "", *, as_json: AsJson = False) -> None:
    """Let a region launch again."""
    _order(stack, region, drained=False, as_json=as_json)


def _order(stack: str, region: str, *, drained: bool, as_json: bool) -> None:
    from controller.usecases import region_watch  # noqa: PLC0415 - `--help` need not wait for it

    with one_line_errors():
        door = opened(stack)
        name = checked_region(door, region)
        was = is_drained(door, name)
        order = region_watch.drain if drained else region_watch.resume
        order(door.memory, name, now())
        waiting = len(door.jobs(name).waiting(_MOST))
        under_way = len(door.jobs(name).under_way(_MOST))
    if as_json:
        answer = {"region": name, "drained": drained, "changed": was is not drained}
        screen.as_json({**answer, "waiting": waiting, "under_way": under_way})
        return
    if was is drained:
        screen.say(f"{name} {'was drained already' if drained else 'was not drained'}.")
    else:
        did = "launches nothing more" if drained else "launches again"
        screen.say(f"{name} {did}; every dispatcher knows it within half a minute.")
    if drained:
        screen.say(f"{under_way} jobs have a machine and run on; {waiting} wait in line.")
        screen.say("See it empty with `spotrunner status`; undo it with `spotrunner resume`.")
    else:
        screen.say(f"{waiting} jobs wait in line; the next look at it is within a minute.")


def _standing(door: OperatorDoor) -> Standing:
    from controller import wiring  # noqa: PLC0415 - as above
    from controller.cli import standing  # noqa: PLC0415 - as above
    from controller.usecases.region_watch import lease_of  # noqa: PLC0415 - as above

    moment, watch, settings = now(), door.watch, door.settings
    homes = [door.jobs(region) for region in watch.regions]
    capacity = door.capacity.look()
    found = standing.Standing(
        stack=settings.stack,
        attention=(),
        regions=tuple(
            standing.region(
                region,
                lease_of(door.memory, region, moment),
                moment,
                settings.region_lease_s,
                alone=watch.is_alone,
                drained=is_drained(door, region),
            )
            for region in watch.regions
        ),
        line=standing.line(
            [job for jobs in homes for job in jobs.waiting(_MOST)],
            [job for jobs in homes for job in jobs.under_way(_MOST)],
            [job for jobs in homes for job in jobs.owed(_MOST)],
            moment,
        ),
        machines=standing.machines(
            [each for region in watch.regions for each in door.runners(region).expired(_FOR_EVER, _MOST)],
            moment,
            settings.lease_grace_s,
        ),
        queues=tuple(_queue(door, queue.name) for queue in wiring.QUEUES),
        places=standing.places_of(capacity, moment),
        refusals=standing.refusals(capacity, moment),
        holds=standing.holds(door.boots.look(), moment, door.boots.policy),
    )
    return replace(found, attention=tuple(standing.attention(found)))


def _queue(door: OperatorDoor, name: str) -> QueueStanding:
    from controller.cli.standing import QueueStanding  # noqa: PLC0415 - as above

    url = str(getattr(door.settings, f"{name}_queue_url"))
    try:
        depth = door.depths.of(url)
        return QueueStanding(name, depth.ready + depth.later, depth.in_flight, door.depths.dead(url))
    except SpotRunnerError:
        # The rest of the picture is worth more than an error: what is not known is shown so.
        return QueueStanding(name, None, None, None)


def _show(found: Standing) -> None:
    moment = now()
    if found.attention:
        screen.paragraph(f"{found.stack}: somebody should look at this.", style="bold yellow")
        for each in found.attention:
            screen.paragraph(f"- {each}", indent=2)
    else:
        screen.paragraph(f"{found.stack}: all is well.", style="bold green")
    screen.say()
    screen.facts(list(_facts(found, moment)))
    if found.places or found.refusals:
        screen.say()
        screen.table(
            ["PLACE", "STATE", "TRIED AGAIN IN", "WHY"],
            [_place(each, moment) for each in (*found.places, *found.refusals)],
            whole=["STATE", "TRIED AGAIN IN"],
        )


def _facts(found: Standing, moment: float) -> Iterator[tuple[str, str]]:
    from controller.cli.times import span  # noqa: PLC0415 - as above

    for each in found.regions:
        lease = "" if each.lease == "alone" else f", lease {each.lease}"
        left = f" for {span(each.lease_until - moment)} more" if each.lease == "held" and each.lease_until else ""
        yield "Region", f"{each.region}, {'drained' if each.drained else 'launches'}{lease}{left}"
    waits = f", the first for {span(found.line.oldest_s)}" if found.line.waiting else ""
    owed = f"; GitHub is owed something about {found.line.owed}" if found.line.owed else ""
    yield "Line", f"{found.line.waiting} jobs wait{waits}{owed}"
    yield "Under way", _counts(found.line.under_way) or "no jobs"
    kinds = f" ({found.machines.spot} spot, {found.machines.on_demand} on-demand)" if found.machines.by_state else ""
    yield "Machines", f"{_counts(found.machines.by_state) or 'none'}{kinds}"
    yield "Queues", ", ".join(f"{each.queue} {_depth(each)}" for each in found.queues)
    yield "Dead", ", ".join(f"{each.queue} {'unknown' if each.dead is None else each.dead}" for each in found.queues)
    for hold in found.holds:
        yield "Held back", f"{hold.config}, {hold.state}: {hold.cause}, {hold.times} times in a row"


def _counts(counted: object) -> str:
    return ", ".join(f"{number} {name}" for name, number in dict(counted).items())  # type: ignore[call-overload]


def _depth(queue: QueueStanding) -> str:
    if queue.ready is None:
        return "unknown"
    return f"{queue.ready}{f'+{queue.in_flight} in hand' if queue.in_flight else ''}"


def _place(each: PlaceStanding, moment: float) -> tuple[str, str, str, str]:
    from controller.cli.times import span  # noqa: PLC0415 - as above

    return each.place, each.state, "" if each.until is None else span(each.until - moment), each.why
