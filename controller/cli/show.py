"""A plan as a person reads it: one line for each machine type, the zones together."""

from __future__ import annotations

from collections.abc import Iterator

from controller.cli.plan import Candidate, Plan, Planned
from controller.domain.reading import OURS


def lines(plan: Plan) -> Iterator[str]:
    """The plan, line by line."""
    if plan.refusal:
        yield f"Refused: {plan.refusal}"
    if plan.stands_for:
        yield f"Reads as       {plan.stands_for}" + ("" if plan.grammar == OURS else f"  ({plan.grammar})")
    for warning in plan.warnings:
        yield f"Mind           {warning}"
    if plan.rules:
        yield f"Rules          {', '.join(plan.rules)}" + ("" if plan.refusal else ": nothing against it")
    if plan.machine:
        yield from _machine(plan.machine)
    if plan.register:
        yield f"Registers as   {', '.join(plan.register)}"


def _machine(planned: Planned) -> Iterator[str]:
    yield f"Configuration  {planned.config} on {planned.platform}, {'spot first' if planned.spot else 'on-demand'}"
    yield f"Interrupted    run again: {planned.retry if planned.retry != 'false' else 'nothing'}"
    if planned.image:
        yield f"Image          {planned.image}"
    if planned.disk:
        yield f"Disk           {planned.disk} GiB"
    yield from _candidates(planned)
    for one in planned.refused:
        if one.types:
            more = ", ..." if one.types > len(one.examples) else ""
            yield f"  not {one.types:4} for {one.filter}: {', '.join(one.examples)}{more}"


def _candidates(planned: Planned) -> Iterator[str]:
    together: dict[tuple[str, str], list[Candidate]] = {}
    for candidate in planned.candidates:
        together.setdefault((candidate.rung, candidate.instance_type), []).append(candidate)
    rung = ""
    for (step, name), zones in together.items():
        if step != rung:
            rung = step
            yield f"{rung.capitalize()}, cheapest first ({planned.prices})"
        first = zones[0]
        price = "price not known" if first.usd_per_hour is None else f"${first.usd_per_hour:.4f}/h"
        size = f"{first.cpu} vCPU, {first.ram:g} GiB"
        yield f"  {name:16} {size:18} {price:16} {', '.join(one.zone for one in zones)}"
