"""A plan as a person reads it: one line for each machine type, the zones together, in the width of the terminal."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence

from controller.cli.plan import Candidate, Headroom, Plan, Planned
from controller.domain.reading import OURS

_TITLE = 15
_NARROWEST = 60


def lines(plan: Plan, width: int = 80) -> Iterator[str]:
    """The plan, line by line; none is longer than the width, where words allow it."""
    width = max(width, _NARROWEST)
    if plan.refusal:
        yield from textwrap.wrap(f"Refused: {plan.refusal}", width, subsequent_indent="  ", break_long_words=False)
    for title, text in _words(plan):
        yield from _row(title, text, width)
    if plan.machine:
        yield from _ladder(plan.machine, width)
    if plan.register:
        yield from _row("Registers as", ", ".join(plan.register), width)


def _words(plan: Plan) -> Iterator[tuple[str, str]]:
    if plan.stands_for:
        yield "Reads as", plan.stands_for + ("" if plan.grammar == OURS else f"  ({plan.grammar})")
    for warning in plan.warnings:
        yield "Mind", warning
    if plan.rules:
        yield "Rules", ", ".join(plan.rules) + ("" if plan.refusal else ": nothing against it")
    if plan.machine:
        yield from _machine(plan.machine)


def _machine(planned: Planned) -> Iterator[tuple[str, str]]:
    yield "Configuration", f"{planned.config} on {planned.platform}, {'spot first' if planned.spot else 'on-demand'}"
    yield "Interrupted", f"run again: {planned.retry if planned.retry != 'false' else 'nothing'}"
    if planned.image:
        yield "Image", planned.image
    if planned.disk:
        yield "Disk", f"{planned.disk} GiB"
    yield "Prices", planned.prices
    yield "Known", planned.known
    for one in planned.headroom:
        yield "Quota", _quota(one)


def _quota(one: Headroom) -> str:
    used = "an unknown number" if one.used is None else str(one.used)
    limit = "an unknown limit" if one.limit is None else f"{one.limit:g}"
    return f"{one.lifecycle} {one.group}: {used} of {limit} vCPU in use ({one.quota})"


def _ladder(planned: Planned, width: int) -> Iterator[str]:
    rungs: dict[str, dict[str, list[Candidate]]] = {}
    for candidate in planned.candidates:
        rungs.setdefault(candidate.rung, {}).setdefault(candidate.instance_type, []).append(candidate)
    for number, (rung, types) in enumerate(rungs.items(), 1):
        yield f"{number}. {rung.capitalize()}, in this order"
        for zones in types.values():
            yield from _type(zones, width)
    if planned.elsewhere_after_s is not None:
        yield f"{len(rungs) + 1}. Another region, once a job has waited {planned.elsewhere_after_s:g} s"
    for one in planned.refused:
        if one.types:
            more = ", ..." if one.types > len(one.examples) else ""
            text = f"  not {one.types:4} for {one.filter}: {', '.join(one.examples)}{more}"
            yield from textwrap.wrap(text, width, subsequent_indent=" " * 11, break_long_words=False)


def _type(zones: Sequence[Candidate], width: int) -> Iterator[str]:
    """Size and lowest price; the zones that are asked, and below it those that are not, with the reason."""
    first = zones[0]
    prices = [one.usd_per_hour for one in zones if one.usd_per_hour is not None]
    price = f"${min(prices):.4f}/h" if prices else "price not known"
    size = f"{first.cpu:3} vCPU {first.ram:5g} GiB"
    usable = [one.zone for one in zones if not one.closed]
    head = f"   {first.instance_type:16} {size}  {price:15}  "
    yield from _wrapped(head, _short(usable) if usable else "in no zone now", width)
    for why in dict.fromkeys(one.closed for one in zones if one.closed):
        yield from _wrapped("      not ", f"{_short([one.zone for one in zones if one.closed == why])}: {why}", width)


def _short(zones: Sequence[str]) -> str:
    """`us-east-1a, b, c`: what they begin with is said once."""
    region = zones[0][:-1]
    return ", ".join([zones[0], *(zone.removeprefix(region) for zone in zones[1:])])


def _row(title: str, text: str, width: int) -> Iterator[str]:
    yield from _wrapped(f"{title:{_TITLE}}", text, width)


def _wrapped(head: str, text: str, width: int) -> Iterator[str]:
    # A label is copied by hand into a workflow: it is never broken.
    yield from textwrap.wrap(
        text,
        width,
        initial_indent=head,
        subsequent_indent=" " * len(head),
        break_long_words=False,
        break_on_hyphens=False,
    )
