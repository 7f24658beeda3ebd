from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from controller.local.report.page import write
from controller.local.truth import judge
from tests.controller.local.report.chromium import NAMES, Chromium, installed
from tests.controller.local.report.scene import CALLS, JOBS, MACHINES, MISHAPS, documents, job, write_spans
from tests.controller.local.report.test_page import HOSTILE

pytestmark = pytest.mark.browser

FOCUSED = "document.activeElement.dataset.id"
SHOWN = "[...document.querySelectorAll('.lane')].filter(lane => lane.checkVisibility()).map(lane => lane.dataset.id)"
TITLE = "document.querySelector('#details h3')?.textContent"


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chromium]:
    program = installed()
    if program is None:
        missing = f"none of {', '.join(NAMES)} is on the PATH: install the package chromium"
        if os.environ.get("CI"):
            pytest.fail(missing, pytrace=False)
        pytest.skip(missing)
    with Chromium(program, tmp_path_factory.mktemp("profile")) as running:
        yield running


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    run_dir = tmp_path_factory.mktemp("run")
    write_spans(run_dir, documents())
    return write(run_dir, JOBS, MACHINES, CALLS, judge(JOBS, MACHINES, CALLS, []), MISHAPS)


@pytest.mark.parametrize("width", [1280, 420])
def test_the_page_shows_a_lane_for_every_job_and_machine_and_asks_nobody(
    browser: Chromium, report: Path, width: int
) -> None:
    browser.open(report, width=width)

    shown = browser.see(SHOWN)

    assert sorted(shown) == sorted([*(str(each.job_id) for each in JOBS), *(each.instance_id for each in MACHINES)])
    assert browser.see("[...document.querySelectorAll('#axis .badge')].length") == len(MISHAPS)
    assert browser.see("document.documentElement.scrollWidth <= innerWidth")
    assert browser.asked() == [report.as_uri()]
    assert browser.complaints() == []


def test_arrows_move_between_lanes_enter_pins_and_escape_lets_go(browser: Chromium, report: Path) -> None:
    browser.open(report)
    browser.see("document.querySelector('.lane[tabindex=\"0\"]').focus()")

    browser.press("ArrowDown")
    assert browser.see(FOCUSED) == "2"
    assert browser.see(TITLE) == "Build"

    browser.press("Enter")
    browser.press("ArrowDown")
    assert browser.see(FOCUSED) == "3"
    assert browser.see(TITLE) == "Build"
    assert browser.see("document.querySelector('[aria-selected=\"true\"]').dataset.id") == "2"

    browser.press("Escape")
    browser.press("End")
    assert browser.see(TITLE) == "i-0004"


def test_pointing_at_a_lane_tells_its_phases(browser: Chromium, report: Path) -> None:
    browser.open(report, height=1400)
    browser.point(1, 1)

    x, y = browser.see("(box => [box.x + 40, box.y + 9])(document.querySelector('.lane').getBoundingClientRect())")
    browser.point(x, y)

    assert browser.see(TITLE) == "Lint"
    names = browser.see(
        "[...document.querySelectorAll('.pieces li')].map(item => item.children[1].textContent ||"
        " item.textContent.slice(0, 3))"
    )
    assert names[:2] == ["intake", "launch"]
    assert len(names) == 11


def test_every_mishap_is_marked_with_its_outcome_and_tells_its_answer(browser: Chromium, report: Path) -> None:
    browser.open(report)

    marks = browser.see("[...document.querySelectorAll('#axis .badge')].map(badge => badge.className)")
    assert sorted(marks) == sorted(f"badge {each.outcome}" for each in MISHAPS)
    told = browser.see("[...document.querySelectorAll('.mishaps li')].map(item => item.textContent)")
    assert len(told) == len(MISHAPS)
    for each in MISHAPS:
        assert any(each.text in text and each.answer in text for text in told), each

    browser.see("document.querySelector('#axis .badge.unanswered').click()")
    assert browser.see(TITLE) == "The machine was gone without notice"
    assert "Nobody answered." in browser.see("document.querySelector('#details').textContent")


def test_what_befell_a_machine_is_marked_on_its_job_too(browser: Chromium, report: Path) -> None:
    browser.open(report)

    lanes = browser.see(
        "[...document.querySelectorAll('.lane')].filter(lane => lane.querySelector('.badge'))"
        ".map(lane => lane.dataset.id)"
    )

    assert {"3", "i-0003"} <= set(lanes)


def test_a_later_attempt_has_a_lane_that_says_so_beside_the_first(browser: Chromium, report: Path) -> None:
    browser.open(report)

    names = browser.see("[...document.querySelectorAll('.lane .name > bdi')].map(name => name.textContent)")

    first = names.index("Test unit on linux-2cpu")
    assert names[first + 1] == "Test unit on linux-2cpu (attempt 2)"


def test_the_filter_keeps_what_matches_every_word(browser: Chromium, report: Path) -> None:
    browser.open(report)

    browser.press("/")
    browser.order("Input.insertText", text="on-demand build")

    assert browser.see(SHOWN) == ["2", "i-0002"]
    assert browser.see("document.querySelector('#count').textContent") == "1 of 9 jobs, 1 of 9 machines"
    assert browser.see("document.querySelectorAll('tr[data-lane]:not([hidden])').length") == 2


def test_hostile_names_are_shown_as_text(browser: Chromium, tmp_path: Path) -> None:
    jobs = [
        replace(job(number, name, 0, workflow=name), labels=(name,)) for number, name in enumerate(HOSTILE, start=1)
    ]
    page = write(tmp_path, jobs, [], [], judge(jobs, [], [], []), [])

    browser.open(page, width=420)

    assert len(browser.see(SHOWN)) == len(HOSTILE)
    assert browser.see("document.querySelector('.lane bdi').textContent") == HOSTILE[0]
    assert browser.see("document.querySelectorAll('script').length") == 2
    assert browser.see("document.querySelectorAll('img').length") == 0
    assert browser.see("document.documentElement.scrollWidth <= innerWidth")
    assert browser.complaints() == []
