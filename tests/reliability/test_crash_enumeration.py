"""Whatever single call fails, however it fails: no job is lost, no machine leaked, nothing launched twice."""

from __future__ import annotations

import re

import pytest

from tests.reliability import table
from tests.reliability.calls import Fault
from tests.reliability.stories import STORIES, Story

GOAL = 1_500


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.__name__)
def test_no_single_fault_breaks_an_invariant_and_the_page_says_how_many_were_tried(story: Story) -> None:
    row = table.examine(story)

    assert row.violations == ()
    assert all(row.changed[fault] for fault in Fault), "a kind of fault that changes nothing proves nothing"
    assert str(row) in table.PAGE.read_text(), "the page is of another commit: make reliability"


def test_the_page_sums_up_more_cases_than_were_asked_for_and_tells_all_stories() -> None:
    page = table.PAGE.read_text().partition(table.BEGIN)[2].partition(table.END)[0]
    found = re.search(r"^\| \*\*in all\*\* .*\| \*\*(\d+)\*\* \| (\d+) \|.*\| \*\*(\d+)\*\* \|$", page, re.MULTILINE)
    rows = re.findall(r"\| \*\*(\d+)\*\* \| (\d+) \| \d+ \|", page)

    assert found
    total, around, violations = map(int, found.groups())

    assert (total, around) == (sum(int(one) for one, _ in rows), sum(int(one) for _, one in rows))
    assert len(rows) == len(STORIES)
    assert total > GOAL
    assert violations == 0
