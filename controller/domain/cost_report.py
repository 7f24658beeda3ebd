"""What a day's jobs have cost, by repository and configuration: an estimate from list prices, with its gaps shown."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from controller.domain.catalogue import Catalogue
from controller.domain.job import Job
from controller.domain.runner import Lifecycle, Runner

REPORTS = "reports/cost/"
"""Where in the archive the reports lie."""
DAY_S = 86_400.0
_HOUR_S = 3_600.0


@dataclass(frozen=True, slots=True)
class CostLine:
    """One repository's jobs of one configuration that were queued on one day (UTC) and have ended."""

    day: str
    repository: str
    config: str
    jobs: int
    machine_hours: float
    usd: float | None
    """Of the machines whose price is known; None where that is none of them."""
    unpriced: int
    """Jobs whose machine or price is not known: they are not in `usd`."""
    wasted: int
    """Machines that came to nothing for these jobs; they are not in `usd`."""


def last_whole_day(now: float, patience_s: float) -> float:
    """When the last day began whose jobs have had time to end."""
    return (now - patience_s) // DAY_S * DAY_S - DAY_S


def lines(day: str, jobs: Iterable[Job], machines: Mapping[str, Runner], catalogue: Catalogue) -> list[CostLine]:
    """One line for each repository and configuration, the dearest first."""
    groups: dict[tuple[str, str], list[Job]] = defaultdict(list)
    for job in jobs:
        groups[job.repository, job.config].append(job)
    prices = {offered.name: offered for offered in catalogue.types}

    def price(machine: Runner) -> float | None:
        offered = prices.get(machine.instance_type)
        return catalogue.price(offered, spot=machine.lifecycle is Lifecycle.SPOT) if offered else None

    found = []
    for (repository, config), mine in groups.items():
        ran = [machine for job in mine if (machine := machines.get(job.instance_id))]
        hours = {machine.instance_id: _hours(machine) for machine in ran}
        known = [hours[machine.instance_id] * usd for machine in ran if (usd := price(machine)) is not None]
        found.append(
            CostLine(
                day=day,
                repository=repository,
                config=config,
                jobs=len(mine),
                machine_hours=round(sum(hours.values()), 3),
                usd=round(sum(known), 4) if known else None,
                unpriced=len(mine) - len(known),
                wasted=sum(job.wasted for job in mine),
            )
        )
    return sorted(found, key=lambda line: (-(line.usd or 0.0), line.repository, line.config))


def _hours(machine: Runner) -> float:
    ended = machine.finished_at or machine.since
    return max(0.0, ended - machine.launched_at) / _HOUR_S
