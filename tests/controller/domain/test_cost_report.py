from __future__ import annotations

from typing import Any

from controller.domain.catalogue import Catalogue, InstanceType
from controller.domain.cost_report import DAY_S, last_whole_day, lines
from controller.domain.fleet_config import Arch
from controller.domain.job import Job, JobState
from controller.domain.runner import Lifecycle, Runner, RunnerState
from tests.fakes import samples

NOW = samples.NOW
SHOP = Catalogue(
    (InstanceType("c7a.xlarge", Arch.X64, 4, 8.0, 0, 0.20), InstanceType("c7i.xlarge", Arch.X64, 4, 8.0, 0, None)),
    prices="2026-07-20",
    source="test",
    savings={"c7a": 0.5},
    savings_seen="2026-07-20",
)


def machine(name: str, hours: float, **changes: object) -> Runner:
    known = {"state": RunnerState.FINISHED, "launched_at": NOW, "finished_at": NOW + hours * 3_600}
    return samples.runner(name, **(known | changes))


def job(job_id: int, instance_id: str = "", **changes: Any) -> Job:  # noqa: ANN401 - fields of the record
    return samples.job(job_id, state=JobState.COMPLETED, instance_id=instance_id, **changes)


def test_a_line_for_each_repository_and_configuration_the_dearest_first() -> None:
    machines = {
        "i-1": machine("i-1", 1.0),
        "i-2": machine("i-2", 1.0, lifecycle=Lifecycle.ON_DEMAND),
        "i-3": machine("i-3", 0.5),
    }
    jobs = [job(1, "i-1"), job(2, "i-2", repository="octo/dear"), job(3, "i-3", wasted=2)]

    found = lines("2026-11-20", jobs, machines, SHOP)

    assert [
        (line.repository, line.jobs, line.machine_hours, line.usd, line.unpriced, line.wasted) for line in found
    ] == [
        ("octo/dear", 1, 1.0, 0.20, 0, 0),
        ("octo/hello", 2, 1.5, 0.15, 0, 2),
    ]


def test_what_has_no_price_is_counted_and_not_taken_for_free() -> None:
    machines = {
        "i-1": machine("i-1", 1.0, instance_type="c7i.xlarge"),
        "i-2": machine("i-2", 1.0, instance_type="x9.odd"),
    }

    (line,) = lines("2026-11-20", [job(1, "i-1"), job(2, "i-2"), job(3)], machines, SHOP)

    assert (line.jobs, line.machine_hours, line.usd, line.unpriced) == (3, 2.0, None, 3)


def test_a_machine_that_never_said_when_it_ended_counts_until_it_was_found_gone() -> None:
    gone = samples.runner("i-1", state=RunnerState.GONE, launched_at=NOW, since=NOW + 7_200)

    (line,) = lines("2026-11-20", [job(1, "i-1")], {"i-1": gone}, SHOP)

    assert line.machine_hours == 2.0


def test_a_day_is_whole_once_its_jobs_have_had_time_to_end() -> None:
    midnight = NOW // DAY_S * DAY_S

    assert last_whole_day(midnight + 21_599, 21_600) == midnight - 2 * DAY_S
    assert last_whole_day(midnight + 21_600, 21_600) == midnight - DAY_S
