"""The report as plain HTML: what a reader sees without JavaScript, and what a printer prints."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from html import escape
from itertools import groupby

from controller.local.report import prices
from controller.local.report.figures import UNKNOWN, count, dollars, plural, seconds
from controller.local.report.model import JobLane, MachineLane, Report
from controller.local.truth import Summary

_FAULTS = {
    "lost": "Lost job",
    "broken": "Broken by its machine",
    "double": "Machine launched twice",
    "leaked": "Machine still running",
    "processes": "Process left behind",
    "unanswered": "Nobody answered",
}

_CALLERS = {
    "door": "SpotRunner's functions",
    "machine": "The machines",
    "aws": "AWS itself, polling queues for us",
    "stranger": "Somebody else",
}

_UNSEEN = "Nobody saw what the platform did about it."
_LONGEST = 240
"""Characters of one text; the timeline's details hold it whole."""

_OUTCOMES = {"success", "failure", "cancelled", "skipped"}


def headline(summary: Summary) -> str:
    """The verdict as a sentence."""
    if summary.is_good:
        return "Every job came to its end, and nothing was left behind."
    return f"{plural(len(_faults(summary)), 'thing')} went wrong."


def faults(summary: Summary) -> str:
    """What went wrong, one by one; nothing where all is well."""
    items = "".join(f"<li><b>{title}</b> {_text(what)}</li>" for title, what in _faults(summary))
    return f'<ul class="faults">{items}</ul>' if items else ""


def _faults(summary: Summary) -> list[tuple[str, str]]:
    return [(title, what) for name, title in _FAULTS.items() for what in getattr(summary, name)]


def key_figures(report: Report) -> str:
    """The handful of numbers that matter."""
    summary, bill = report.summary, report.bill
    outcomes = " · ".join(f"{number} {escape(name)}" for name, number in Counter(summary.outcomes).most_common())
    own = [call.per_job for call in report.calls if call.caller != "aws" and call.per_job is not None]
    others = [call.per_job for call in report.calls if call.caller == "aws" and call.per_job is not None]
    spot = sum(1 for machine in report.machines if machine.lifecycle == "spot")
    return "".join(
        (
            _figure("Jobs", str(summary.jobs), outcomes or "none ended"),
            _figure("Queue time, median", seconds(summary.waited_p50), f"p95 {seconds(summary.waited_p95)}"),
            _figure("Machines", str(len(report.machines)), f"{spot} spot · {len(report.machines) - spot} on demand"),
            _figure("Calls per job", count(sum(own) if own else None), f"and {count(sum(others))} by AWS itself"),
            _figure(
                "Cost, estimated",
                dollars(bill.total),
                f"{dollars(bill.on_demand)} if all were on demand"
                + (f"; {plural(bill.unpriced, 'machine')} of unknown price left out" if bill.unpriced else ""),
            ),
        )
    )


def _figure(name: str, value: str, more: str) -> str:
    return f"<div><dt>{name}</dt><dd><strong>{value}</strong><span>{more}</span></dd></div>"


def mishaps(report: Report) -> str:
    """Each mishap with its answer, as items of a list."""
    names = {job.id: title(job) for job in report.jobs}
    items = (
        f'<li><span class="badge {escape(mark.outcome)}">{mark.number}</span><div><p><b>{_text(mark.text)}</b> '
        f'<small><span class="whole">at {seconds(mark.at)}</span>'
        f"{_whom(names.get(mark.subject, mark.subject))}</small></p>"
        f'<p class="{escape(mark.outcome)}">{_text(mark.answer) or _UNSEEN}</p></div></li>'
        for mark in report.marks
    )
    return "".join(items) or "<li>Nothing went wrong on purpose in this run.</li>"


def _whom(name: str) -> str:
    return f" · {_text(name)}" if name else ""


def jobs(report: Report) -> str:
    """A body for each workflow, a row for each job."""
    return "".join(_body(workflow, 6, (_job(job) for job in lanes)) for workflow, lanes in by_workflow(report.jobs))


def title(job: JobLane) -> str:
    """A job's name, with its attempt from the second on."""
    return job.name if job.attempt == 1 else f"{job.name} (attempt {job.attempt})"


def by_workflow(lanes: Sequence[JobLane]) -> list[tuple[str, list[JobLane]]]:
    """The jobs under their workflows, both in the order in which they appeared."""
    first = {workflow: place for place, workflow in reversed(list(enumerate(lane.workflow for lane in lanes)))}
    grouped = groupby(sorted(lanes, key=lambda lane: first[lane.workflow]), key=lambda lane: lane.workflow)
    return [(workflow, list(members)) for workflow, members in grouped]


def _job(job: JobLane) -> str:
    kind = job.outcome if job.outcome in _OUTCOMES else "open"
    return _row(
        job.id,
        f'<td class="what">{_text(title(job))}<small>{_text(" ".join(job.labels))}</small></td>',
        f'<td><span class="outcome {kind}">{_text(job.outcome)}</span>'
        + (f"<small>{_text(job.broken)}</small>" if job.broken else "")
        + ("<small>mended by a later attempt</small>" if job.repaired else "")
        + "</td>",
        _number(seconds(job.waited) if job.started is not None else _never(job)),
        _number(seconds(job.ran) if job.completed is not None and job.started is not None else _not_over(job)),
        f'<td class="id">{_text(job.machine)}</td>',
        _number("" if not job.machine else dollars(job.cost)),
    )


def _never(job: JobLane) -> str:
    if job.outcome == "skipped":
        return ""
    return "not yet started" if job.completed is None else "never started"


def _not_over(job: JobLane) -> str:
    return "" if job.started is None else "not over"


def machines(report: Report) -> str:
    """A row for each machine."""
    names = {job.id: title(job) for job in report.jobs}
    return "".join(_machine(machine, [names[job] for job in machine.jobs]) for machine in report.machines)


def _machine(machine: MachineLane, names: Sequence[str]) -> str:
    return _row(
        machine.id,
        f'<td class="id">{_text(machine.id)}</td>',
        f"<td>{_text(machine.type)}"
        f'<small class="whole">{_text(machine.zone)} · {_text(machine.lifecycle)}</small></td>',
        _number(UNKNOWN if machine.hourly is None else f"${machine.hourly:.4f}"),
        _number(seconds(machine.lived) + ("" if machine.end is not None else " so far")),
        _number(dollars(machine.cost)),
        f'<td class="what">{_text(", ".join(names)) or "nobody"}</td>',
    )


def calls(report: Report) -> str:
    """A body for each caller, a row for each kind of call."""
    callers = sorted({call.caller for call in report.calls}, key=lambda name: [*_CALLERS, name].index(name))
    bodies = []
    for caller in callers:
        made = [call for call in report.calls if call.caller == caller]
        each = [
            _row(
                "",
                f'<td class="what">{_text(call.service)} <b>{_text(call.action)}</b></td>',
                _number(str(call.count)),
                _number(UNKNOWN if call.per_job is None else f"{call.per_job:.2f}"),
            )
            for call in sorted(made, key=lambda call: -call.count)
        ]
        total = sum(call.count for call in made)
        bodies.append(_body(f"{_CALLERS.get(caller, caller)}: {plural(total, 'call')}", 3, each))
    return "".join(bodies)


def price_note() -> str:
    """Where the prices come from, and how far to trust them."""
    return (
        f"Costs are an estimate: list prices of us-east-1 ({prices.LISTED}) times the seconds that each machine "
        "existed. "
        f"Spot prices move about the on-demand price less the family's median saving "
        f"(Spot Instance Advisor, {prices.SAVINGS_SEEN}); they are no prices that anybody paid. "
        "Left out: disks, addresses, and EC2's minimum of 60 seconds for a machine, because this "
        "run's clock is shortened."
    )


def _body(title: str, columns: int, rows: Iterable[str]) -> str:
    heading = f'<tr><th colspan="{columns}" scope="rowgroup">{_text(title)}</th></tr>' if title else ""
    return f"<tbody>{heading}{''.join(rows)}</tbody>"


def _row(lane: str, *cells: str) -> str:
    marked = f' data-lane="{escape(lane)}"' if lane else ""
    return f"<tr{marked}>{''.join(cells)}</tr>"


def _number(text: str) -> str:
    return f'<td class="number">{text}</td>'


def _text(value: str) -> str:
    """Any text made harmless: no markup, no direction marks that reach beyond it, no page full of one name."""
    shown = value if len(value) <= _LONGEST else value[: _LONGEST - 1] + "…"
    return f"<bdi>{escape(shown)}</bdi>" if value else ""
