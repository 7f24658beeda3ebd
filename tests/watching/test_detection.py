"""Each alarm rises within five minutes of its fault, and none does where nothing goes wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from infra.alarms import alarms
from tests.watching.detection import LIMIT_S, Detection, false_alarms, limits, quickest, slowest
from tests.watching.runs import RUNS, calm

pytestmark = pytest.mark.local_cloud


def test_no_alarm_rises_in_a_run_without_a_mishap(tmp_path: Path) -> None:
    assert false_alarms(calm(tmp_path)) == []


@pytest.mark.parametrize("name", RUNS)
def test_each_fault_is_told_within_five_minutes_as_the_page_says(name: str, tmp_path: Path) -> None:
    page = limits()

    found = quickest(RUNS[name], tmp_path, page)

    assert [each for each in found if (each.alarm, each.fault) not in page] == []
    assert [each for each in found if each.seconds is None or each.seconds > page[each.alarm, each.fault]] == []


def test_the_page_has_a_row_for_every_alarm_of_a_stack() -> None:
    page = limits()
    told = {alarm for alarm, _ in page}
    known = {alarm.name.removeprefix("s-"): alarm.kind for alarm in alarms("s")}

    assert told <= set(known)
    # An event that has no heading of its own has no fault of its own here, either.
    assert [name for name, kind in known.items() if name not in told and kind != "other-events"] == []
    assert max(page.values()) <= LIMIT_S


@pytest.mark.parametrize(
    ("plays", "page", "said"),
    [
        ([61.0, 130.0, 61.0], {}, 130.0),
        ([61.0, 61.0, 61.0], {("late", "a fault"): 240.0}, 240.0),
        ([61.0, 250.0, 61.0], {("late", "a fault"): 240.0}, 250.0),
        ([61.0, None, 61.0], {("late", "a fault"): 240.0}, None),
        ([61.0], {("late", "a fault that is not played any more"): 240.0}, 61.0),
    ],
)
def test_the_page_says_the_most_that_was_ever_seen(
    plays: list[float | None], page: dict[tuple[str, str], float], said: float | None
) -> None:
    found = slowest([Detection("late", "a fault", seconds) for seconds in plays], page)

    assert found == [Detection("late", "a fault", said)]
