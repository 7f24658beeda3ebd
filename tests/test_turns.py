"""No test is left out because the suite is run in two halves, and the long ones come first."""

from __future__ import annotations

import re
from pathlib import Path

from tests.conftest import LIVE, LONGEST, turn

ROOT = Path(__file__).parents[1]


def test_make_looks_for_live_tests_where_they_may_be() -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")

    (folders,) = re.findall(r"^LIVE := (.*)$", makefile, re.MULTILINE)

    assert tuple(f"{folder}/" for folder in folders.split()) == LIVE


def test_the_halves_are_everything() -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")

    marks = re.findall(r"pytest -n .* -m ('not local_cloud'|local_cloud)(.*)$", makefile, re.MULTILINE)

    assert marks == [("local_cloud", " $(LIVE)"), ("'not local_cloud'", "")]


def test_long_tests_come_first_and_all_others_stay_in_order() -> None:
    names = ["tests/controller/test_wiring.py::a", "tests/infra/test_costs.py::b", "tests/controller/test_app.py::c"]

    assert sorted(names, key=turn) == [names[1], names[0], names[2]]


def test_whatever_comes_first_is_there() -> None:
    assert [name for name in LONGEST if not (ROOT / name).exists()] == []
