"""The page about the agent's failures says what there is: every row, tests that exist, code as it stands."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.runner_agent.mutations import BEGIN, END, MUTATIONS, PAGE, ROOT, Mutation, line

ROWS = range(1, 59)


def test_every_row_has_a_mutation() -> None:
    assert sorted({mutation.row for mutation in MUTATIONS}) == list(ROWS)


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: f"row_{mutation.row:02}")
def test_its_test_exists_and_its_code_is_there(mutation: Mutation) -> None:
    tests = re.findall(r"^def (test_\w+)", (ROOT / mutation.path).read_text("utf-8"), re.MULTILINE)
    code = (ROOT / mutation.file).read_text("utf-8")

    assert [name for name in tests if name.startswith(mutation.name) and f"row_{mutation.row:02}" in name]
    assert code.count(mutation.old) == 1


def test_the_page_has_the_table_as_it_was_last_seen_all_red() -> None:
    table = PAGE.read_text("utf-8").split(BEGIN)[1].split(END)[0].splitlines()

    assert table[2:] == [line(mutation, "red") for mutation in MUTATIONS]


def test_every_row_is_in_the_name_of_a_test() -> None:
    texts = (path.read_text("utf-8") for path in Path(__file__).parent.rglob("test_*.py"))
    named = {int(row) for text in texts for row in re.findall(r"row_(\d\d)", text)}

    assert named >= set(ROWS)
