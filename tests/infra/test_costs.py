"""The cost tables of the page on deploying add up, and count what is deployed."""

from __future__ import annotations

import re

import pytest

from controller import wiring
from infra.alarms import alarms
from tests.infra.deployed import ROOT

PAGE = (ROOT / "docs" / "deploy.md").read_text()


def rows(heading: str) -> list[list[str]]:
    """The table after a heading, without its head."""
    text = PAGE.partition(heading)[2].partition("\n\n")[2].partition("\n\n")[0]
    return [[cell.strip(" *") for cell in line.strip("|").split("|")] for line in text.splitlines()[2:]]


@pytest.mark.parametrize("heading", ["**Idle**", "**1,000 jobs**"])
def test_the_sum_is_the_sum(heading: str) -> None:
    *parts, total = rows(heading)

    assert sum(float(row[2]) for row in parts) == pytest.approx(float(total[2]), abs=1e-9)


def test_alarms_and_schedules_are_about_as_many_as_are_deployed() -> None:
    counted = {row[0]: int(re.findall(r"\d+", row[1])[0]) for row in rows("**Idle**")[:-1]}

    # A page of estimates need not change with each alarm, but must not grow wrong.
    assert counted["CloudWatch alarms"] == pytest.approx(
        sum(len(one.series) for one in alarms("dev-us-east-1")), rel=0.3
    )
    assert counted["EventBridge Scheduler"] == pytest.approx(len(wiring.SCHEDULES), rel=0.5)
