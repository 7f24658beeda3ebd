"""Which jobs a `strategy.matrix` stands for."""

from __future__ import annotations

import itertools
from collections.abc import Mapping

from controller.local.github.evaluation import as_text
from controller.local.github.expressions import Value

Combination = dict[str, Value]
LIMIT = 256
"""Jobs a matrix may make in one workflow run."""


class MatrixError(Exception):
    """A matrix that GitHub would refuse."""


def expand(matrix: Mapping[str, Value]) -> list[Combination]:
    """Every combination of the axes, less `exclude`, with `include` added as GitHub documents it."""
    axes = {name: _axis(name, values) for name, values in matrix.items() if name not in ("include", "exclude")}
    products = [dict(zip(axes, values, strict=True)) for values in itertools.product(*axes.values())] if axes else []
    excluded = _entries(matrix, "exclude")
    originals = [each for each in products if not any(_agrees(each, entry, entry) for entry in excluded)]
    combinations = _included(originals, _entries(matrix, "include"))
    if not 0 < len(combinations) <= LIMIT:
        raise MatrixError(f"the matrix makes {len(combinations)} jobs; it must make 1 to {LIMIT}")
    return combinations


def suffix(combination: Mapping[str, Value]) -> str:
    """What GitHub appends to the name of a matrix job: ` (3.12, linux)`."""
    values = [text for value in combination.values() for text in _leaves(value)]
    return f" ({', '.join(values)})" if values else ""


def _included(originals: list[Combination], entries: list[Combination]) -> list[Combination]:
    """An entry joins every original it would not overwrite (earlier additions it may); else it stands alone."""
    widened = [dict(each) for each in originals]
    alone: list[Combination] = []
    for entry in entries:
        hosts = [wide for wide, each in zip(widened, originals, strict=True) if _agrees(each, entry, each)]
        for host in hosts:
            host.update(entry)
        if not hosts:
            alone.append(dict(entry))
    return widened + alone


def _agrees(combination: Combination, entry: Combination, names: Combination) -> bool:
    """Whether both say the same for the names that count and that the entry has."""
    return all(combination.get(name) == entry[name] for name in names if name in entry)


def _axis(name: str, values: Value) -> list[Value]:
    if not isinstance(values, list) or not values:
        raise MatrixError(f"matrix axis {name!r} must be a list with at least one value")
    return values


def _entries(matrix: Mapping[str, Value], name: str) -> list[Combination]:
    entries = matrix.get(name) or []
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise MatrixError(f"matrix {name!r} must be a list of mappings")
    return [entry for entry in entries if isinstance(entry, dict)]


def _leaves(value: Value) -> list[str]:
    if isinstance(value, dict):
        return [text for item in value.values() for text in _leaves(item)]
    if isinstance(value, list):
        return [text for item in value for text in _leaves(item)]
    return [as_text(value)]
