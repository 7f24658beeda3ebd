from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from controller.local.chaos.arrivals import arrivals
from controller.local.github.workflow import read_workflow

seeds = st.integers(min_value=0, max_value=2**40)


@given(seeds, st.integers(min_value=1, max_value=300))
def test_exactly_so_many_jobs_come_in_order_and_in_time(seed: int, jobs: int) -> None:
    due = arrivals(seed, jobs, 60.0)

    assert sum(each.jobs for each in due) == jobs
    assert [each.at for each in due] == sorted(each.at for each in due)
    assert all(0.0 <= each.at <= 60.0 for each in due)
    assert len({each.name for each in due}) == len(due)


@given(seeds)
def test_the_same_seed_brings_the_same_jobs(seed: int) -> None:
    assert arrivals(seed, 50, 60.0) == arrivals(seed, 50, 60.0)


def test_every_burst_is_a_workflow_of_as_many_jobs(tmp_path: Path) -> None:
    due = arrivals(1, 60, 60.0)

    for arrival in due:
        file = tmp_path / f"{arrival.name}.yml"
        file.write_text(arrival.workflow)
        (job,) = read_workflow(file).jobs.values()
        assert len(job.strategy["matrix"]["job"]) == arrival.jobs  # type: ignore[index, call-overload, arg-type]
    assert {each.jobs for each in due} > {1}
