"""What a person sees: tables as wide as the terminal, and no word of a stranger that the terminal would obey."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import typer

from runner_agent.contract import wire

if TYPE_CHECKING:
    from rich.console import RenderableType

_PIPED = 200
"""Columns where nobody sees them: lines are then for grep, which wants them whole."""
_NARROW = 100
_LAST = 24
"""Columns that the last one, which says most, has before others give way to it."""
_LEAST = 6
_GAP = 2


def say(line: str = "") -> None:
    """One line of text, as wide as it is."""
    typer.echo(clean(line))


def as_json(value: object) -> None:
    """The same for a program."""
    typer.echo(json.dumps(wire.encode(value), indent=2))


def clean(text: str) -> str:
    """The text without what a terminal would obey: a job's name may hold anything."""
    return "".join(letter if letter.isprintable() else " " for letter in text)


def is_narrow() -> bool:
    """Whether there is no room for what can be looked up elsewhere."""
    return _columns() < _NARROW


def _columns() -> int:
    return shutil.get_terminal_size((_PIPED, 50)).columns


def _print(what: RenderableType) -> None:
    """As wide as the terminal, without the blanks that a table fills its last column with."""
    from rich.console import Console  # noqa: PLC0415 - a script that asks for JSON need not wait for it

    console = Console(width=_columns(), highlight=False, markup=False, emoji=False)
    with console.capture() as captured:
        console.print(what)
    for line in captured.get().splitlines():
        typer.echo(line.rstrip())


def table(heads: Sequence[str], rows: Iterable[Sequence[str]], *, whole: Sequence[str] = ()) -> None:
    """Rows under their heads; columns in `whole` are never cut, and the last one takes several lines where it must."""
    from rich.table import Table  # noqa: PLC0415 - as above
    from rich.text import Text  # noqa: PLC0415 - as above

    cells = [[clean(cell) for cell in row] for row in rows]
    longest = [max(len(head), *(len(row[number]) for row in cells), 0) for number, head in enumerate(heads)]
    made = Table(box=None, pad_edge=False, header_style="bold")
    for head, width in zip(heads, fitted(longest, [head in whole for head in heads], _columns()), strict=True):
        is_last = head == heads[-1]
        made.add_column(head, no_wrap=not is_last, overflow="fold" if is_last else "ellipsis", width=width)
    for row in cells:
        made.add_row(*map(Text, row))
    _print(made)


def fitted(longest: Sequence[int], whole: Sequence[bool], columns: int) -> list[int]:
    """How wide each column is, so that all fit: the widest of those that may be cut gives way first."""
    widths = list(longest)
    widths[-1] = min(widths[-1], _LAST)
    may_be_cut = [number for number, kept in enumerate(whole) if not kept and number < len(widths) - 1]
    room = columns - _GAP * (len(widths) - 1)
    while sum(widths) > room and may_be_cut:
        widest = max(may_be_cut, key=lambda number: widths[number])
        if widths[widest] <= _LEAST:
            break
        widths[widest] -= 1
    widths[-1] = max(_LEAST, min(longest[-1], room - sum(widths[:-1])))
    return widths


def paragraph(text: str, *, style: str = "", indent: int = 0) -> None:
    """Words that break between, not inside."""
    from rich.padding import Padding  # noqa: PLC0415 - as above
    from rich.text import Text  # noqa: PLC0415 - as above

    _print(Padding(Text(clean(text), style=style), (0, 0, 0, indent)))


def facts(pairs: Sequence[tuple[str, str]]) -> None:
    """Names with what belongs to them beside."""
    from rich.table import Table  # noqa: PLC0415 - as above
    from rich.text import Text  # noqa: PLC0415 - as above

    made = Table(box=None, pad_edge=False, show_header=False, padding=(0, 2, 0, 0))
    made.add_column(no_wrap=True, style="dim")
    made.add_column(overflow="fold")
    for name, value in pairs:
        made.add_row(name, Text(clean(value)))
    _print(made)
