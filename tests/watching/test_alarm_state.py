"""The rules of CloudWatch's user guide, "Configuring how CloudWatch alarms treat missing data", by its examples."""

from __future__ import annotations

import pytest

from infra.alarms import Alarm, Compare, Missing, Series
from tests.watching.alarm_state import Rule, is_raised, rises
from tests.watching.metrics import Metrics

OK, BAD, GONE = 0.0, 1.0, None
ALARM = Alarm(
    name="a", kind="k", text="t", first="f", series=(Series("m", "N", "M", {"stack": "s"}, "Sum"),), threshold=0.5
)


def rule(periods: int, missing: Missing) -> Rule:
    return Rule(Compare.ABOVE, 0.5, periods, 3, missing)


@pytest.mark.parametrize(
    ("points", "if_breaching", "if_fine"),
    [
        ((OK, GONE, BAD, GONE, BAD), False, False),
        ((GONE, GONE, GONE, GONE, OK), False, False),
        ((GONE, GONE, GONE, GONE, GONE), True, False),
        ((OK, BAD, BAD, GONE, BAD), True, True),
        ((GONE, GONE, BAD, GONE, GONE), True, False),
    ],
)
def test_three_of_three_with_points_missing(
    points: tuple[float | None, ...], *, if_breaching: bool, if_fine: bool
) -> None:
    assert is_raised(points, rule(3, Missing.BAD)) is if_breaching
    assert is_raised(points, rule(3, Missing.FINE)) is if_fine


@pytest.mark.parametrize(
    ("points", "if_breaching", "if_fine"),
    [
        ((OK, GONE, BAD, GONE, BAD), True, True),
        ((OK, OK, BAD, OK, BAD), True, True),
        ((OK, GONE, BAD, GONE, GONE), True, False),
        ((GONE, GONE, GONE, GONE, OK), True, False),
        ((GONE, GONE, GONE, BAD, GONE), True, False),
    ],
)
def test_two_of_three_with_points_missing(
    points: tuple[float | None, ...], *, if_breaching: bool, if_fine: bool
) -> None:
    assert is_raised(points, rule(2, Missing.BAD)) is if_breaching
    assert is_raised(points, rule(2, Missing.FINE)) is if_fine


def test_an_alarm_rises_once_when_the_minutes_data_has_come() -> None:
    metrics = Metrics(began=0.0, speed=1.0)
    metrics.put("N", "M", {"stack": "s"}, 1.0, 130.0)

    # The third minute ends at 180, its data is there at 240.
    assert list(rises(ALARM, metrics, 1_200.0)) == [240.0]


def test_a_run_is_stretched_to_real_time_and_so_are_its_durations() -> None:
    line = (
        '{"stack":"s","LineAge":2.0,"JobsHeld":3,"_aws":{"Timestamp":1003000,"CloudWatchMetrics":['
        '{"Namespace":"N","Dimensions":[["stack"]],"Metrics":[{"Name":"LineAge","Unit":"Seconds"}]},'
        '{"Namespace":"N","Dimensions":[["stack"]],"Metrics":[{"Name":"JobsHeld","Unit":"Count"}]}]}}'
    )
    metrics = Metrics(began=1_000.0, speed=20.0)

    metrics.read(f"not json\n{line}\n[1]\n")

    stack = frozenset({("stack", "s")})
    assert metrics.window(("N", "LineAge", stack), 60, 120, "Maximum") == 40.0
    assert metrics.window(("N", "JobsHeld", stack), 60, 120, "Sum") == 3.0
    assert metrics.window(("N", "JobsHeld", stack), 0, 60, "Sum") is None
