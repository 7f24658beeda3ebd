"""A job's story as a person reads it: the answer first, what to do about it, then everything in the order of time."""

from __future__ import annotations

from collections.abc import Iterator

from controller.cli import screen
from controller.cli.story import MachineStory, Story
from controller.cli.times import UNKNOWN, brief, clock, day, dollars, since, span
from controller.domain import catalogue

_GAP = 2


def show(story: Story) -> None:
    """Print it."""
    screen.paragraph(story.answer, style="bold")
    if story.cure:
        screen.paragraph(f"What to do: {story.cure}.")
    if story.page:
        # As it is, however long: a terminal opens an address that is not broken.
        screen.say(story.page)
    screen.say()
    screen.facts(list(_facts(story)))
    screen.say()
    _times(story)
    if story.machines:
        screen.say()
        _machines(story)
    for machine in story.machines:
        if machine.console:
            screen.say()
            console_of(machine.instance_id, machine.console)


def console_of(instance_id: str, text: str) -> None:
    """The end of what a machine wrote before it died."""
    screen.say(f"Console of {instance_id}, its end:")
    for line in text.splitlines():
        screen.paragraph(line, indent=_GAP)


def _facts(story: Story) -> Iterator[tuple[str, str]]:
    yield "Job", f"{story.job} {story.name or 'unnamed'}, attempt {story.attempt}"
    yield "Workflow", f"{story.workflow or 'unnamed'} in {story.repository}, run {story.run_id or UNKNOWN}"
    yield "Labels", ", ".join(story.labels)
    yield "Served as", f"{story.config or 'nothing'}, at home in {story.home}, found by {story.found_by}"
    yield "Times", f"queued {day(story.queued_at)}, waited {span(story.waited_s)}, ran {span(story.ran_s)}"
    if story.rung:
        yield "Rung", f"{story.rung}{f' ({story.rung_reason})' if story.rung_reason else ''}"
    if story.failures:
        kept = len(story.tries)
        more = f", the latest {kept} told below" if kept < story.failures else ""
        yield "Failures", f"{story.failures} of its launches and machines came to nothing{more}"
    if story.replacements:
        yield "Replaced", f"{story.replacements} of its machines ran another job"
    if story.on_demand:
        nth = f", re-run {story.reruns} after an interruption" if story.reruns else ""
        yield "On-demand", f"whatever its labels say{nth}"
    if story.machines:
        yield "Cost", f"about {dollars(story.usd)}, by list prices of {catalogue.shipped().prices}"
    yield "Trace", story.trace_id


def _times(story: Story) -> None:
    first = next((each.at for each in story.happened), None)
    rows = [(clock(each.at), f"+{brief(since(first, each.at))}", each.machine, each.what) for each in story.happened]
    heads = ["UTC", "AFTER", "MACHINE", "WHAT HAPPENED"]
    if not any(machine for _, _, machine, _ in rows):
        screen.table([heads[0], heads[1], heads[3]], [(at, after, what) for at, after, _, what in rows], whole=heads)
    else:
        screen.table(heads, rows, whole=heads[:3])


def _machines(story: Story) -> None:
    screen.table(
        ["MACHINE", "KIND", "LIVED", "COST", "RESULT"],
        [_row(machine, story.job) for machine in story.machines],
        whole=["MACHINE", "LIVED", "COST"],
    )


def _row(machine: MachineStory, job: str) -> tuple[str, ...]:
    kind = f"{machine.lifecycle} {machine.instance_type} {machine.zone}"
    return (
        machine.instance_id,
        kind,
        brief(machine.lived_s),
        dollars(machine.usd),
        f"{machine.result or machine.state}{f', ran {machine.ran}' if machine.ran not in {'', job} else ''}",
    )
