from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from controller.domain.archive import cutoff, day, lots
from controller.domain.job import Job, JobState
from tests.fakes import samples

DAY_S = 86_400.0
NOON = 1_790_000_000.0 // DAY_S * DAY_S + DAY_S / 2


def ended(job_id: int, at: float, **changes: object) -> Job:
    return replace(samples.job(job_id, received_at=at, queued_at=at), state=JobState.COMPLETED, since=at, **changes)  # type: ignore[arg-type]


def test_what_ended_long_enough_ago_is_old_and_what_ended_since_is_not() -> None:
    before = cutoff(NOON, 7 * DAY_S)

    found = lots([ended(1, before - 1), ended(2, before)], before, "dev-us-east-1")

    assert [job.key.job_id for lot in found for job in lot.jobs] == [1]


def test_each_day_is_a_lot_of_its_own_under_a_name_that_says_when_and_whose() -> None:
    found = lots([ended(1, NOON), ended(2, NOON - DAY_S), ended(3, NOON + 60)], NOON + DAY_S, "dev-us-east-1")

    assert [len(lot.jobs) for lot in found] == [1, 2]
    assert [lot.name.split("/")[:3] for lot in found] == [
        ["jobs", day(NOON - DAY_S), "dev-us-east-1"],
        ["jobs", day(NOON), "dev-us-east-1"],
    ]
    assert all(lot.name.endswith(".jsonl.gz") for lot in found)


def test_a_job_that_was_written_again_is_in_a_lot_of_another_name() -> None:
    (first,) = lots([ended(1, NOON)], NOON + 1, "dev")
    (second,) = lots([ended(1, NOON, version=4)], NOON + 1, "dev")

    assert first.name != second.name


@given(st.permutations(range(6)), st.floats(min_value=0, max_value=3_599))
def test_a_task_repeated_within_the_hour_names_the_same_lots(order: list[int], later: float) -> None:
    began = NOON + 7 * DAY_S
    jobs = [ended(n, NOON - n * DAY_S / 2) for n in range(6)]

    first = lots(jobs, cutoff(began, 7 * DAY_S), "dev")
    again = lots([jobs[n] for n in order], cutoff(began + later, 7 * DAY_S), "dev")

    assert first == again
