from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.cli import screen


def test_a_table_is_as_wide_as_the_terminal_and_only_its_last_column_breaks(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "40")

    screen.table(
        ["JOB", "NAME", "WHY"], [("4242#1", "a name that is long", "one two three four five six")], whole=["JOB"]
    )

    lines = capsys.readouterr().out.splitlines()
    assert all(len(line) <= 40 for line in lines)
    assert lines[1].startswith("4242#1  a n")
    assert len(lines) == 3


def test_nothing_that_a_terminal_would_obey_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    hostile = "\x1b[31mred\x07 [bold]not bold[/bold]\u202e"

    screen.say(hostile)
    screen.paragraph(hostile)
    screen.facts([("Name", hostile)])
    screen.table(["NAME"], [(hostile,)])

    out = capsys.readouterr().out
    assert out.count("red  [bold]not bold[/bold]") == 4
    assert not {"\x1b", "\x07", "\u202e"} & set(out)


@given(
    st.lists(st.tuples(st.integers(1, 90), st.booleans()), min_size=1, max_size=8),
    st.integers(1, 300),
)
def test_columns_fit_where_they_can_and_are_never_nothing(columns: list[tuple[int, bool]], room: int) -> None:
    longest, whole = [width for width, _ in columns], [kept for _, kept in columns]

    widths = screen.fitted(longest, whole, room)

    assert all(width >= 1 for width in widths)
    assert all(width == long for width, long, kept in list(zip(widths, longest, whole, strict=True))[:-1] if kept)
