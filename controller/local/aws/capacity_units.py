"""What DynamoDB would charge for: request units by AWS's rules, counted from what is asked and what is stored.

Sizes and rounding as in the developer guide ("Item sizes and formats", "Read and write operations"): a write unit
for each begun kilobyte, a read unit for each begun four; twice for each item of a transaction, half for a read that
may be old. An index is charged apart and only for what changes in it ("Provisioned throughput considerations for
global secondary indexes"): an entry that moves is a deletion and a put. That a transaction does not double what an
index is charged is not said there in so many words, and is assumed.
"""

from __future__ import annotations

import base64
import math
import threading
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_KB, _PAGE = 1024, 4096
_DIGITS_IN_A_BYTE = 2

Item = Mapping[str, Any]
"""A stored item in DynamoDB's typed form."""


@dataclass(frozen=True, slots=True)
class IndexKeys:
    """What an index holds of its table's items."""

    name: str
    keys: tuple[str, ...]
    """Its own key attributes; an item without one of them is not in it."""
    held: frozenset[str] | None
    """The attributes of an entry; None for all."""

    def entry(self, item: Item | None) -> Item | None:
        """What it holds of an item."""
        if item is None or not item.keys() >= set(self.keys):
            return None
        return item if self.held is None else {name: item[name] for name in self.held & item.keys()}


class Meter:
    """Request units since it was made: (table or table/index, "read" or "write") to a number."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._units: defaultdict[tuple[str, str], float] = defaultdict(float)

    def total(self) -> Mapping[tuple[str, str], float]:
        """All until now."""
        with self._lock:
            return dict(self._units)

    def wrote(
        self, table: str, indexes: Iterable[IndexKeys], before: Item | None, after: Item | None, times: int
    ) -> None:
        """One item was put, changed or deleted; `times` is 2 in a transaction."""
        larger = max(size(item) for item in (before, after, {}) if item is not None)
        with self._lock:
            self._units[table, "write"] += times * _units(larger, _KB)
            for index in indexes:
                self._units[f"{table}/{index.name}", "write"] += _moved(index, before, after)

    def refused(self, table: str, stood: Item | None, times: int) -> None:
        """A write whose condition did not hold is charged all the same, by what stood in its way."""
        with self._lock:
            self._units[table, "write"] += times * _units(size(stood or {}), _KB)

    def read(self, table: str, items: Sequence[Item], *, together: bool, consistent: bool) -> None:
        """Items were read: a query's are rounded together, those of a batch each by itself."""
        sizes = [size(item) for item in items]
        pages = _units(sum(sizes), _PAGE) if together else sum(_units(each, _PAGE) for each in sizes or [0])
        with self._lock:
            self._units[table, "read"] += pages * (1.0 if consistent else 0.5)


def size(item: Item) -> int:
    """Bytes of an item."""
    return sum(len(name.encode()) + _size(value) for name, value in item.items())


def _size(value: Mapping[str, Any]) -> int:
    ((kind, inner),) = value.items()
    match kind:
        case "S" | "B":
            return len(str(inner).encode() if kind == "S" else base64.b64decode(inner))
        case "N":
            digits = str(inner).lower().partition("e")[0].replace("-", "").replace(".", "").strip("0")
            return math.ceil(len(digits) / _DIGITS_IN_A_BYTE) + 1 + str(inner).startswith("-")
        case "M":
            return 3 + sum(1 + len(name.encode()) + _size(part) for name, part in inner.items())
        case "L":
            return 3 + sum(1 + _size(part) for part in inner)
        case "BOOL" | "NULL":
            return 1
        case _:
            # A set of one of these.
            return sum(_size({kind[0]: part}) for part in inner)


def _units(size_: int, unit: int) -> int:
    return max(1, math.ceil(size_ / unit))


def _moved(index: IndexKeys, before: Item | None, after: Item | None) -> int:
    return sum(_units(size(entry), _KB) for entry in _touched(index, index.entry(before), index.entry(after)))


def _touched(index: IndexKeys, old: Item | None, new: Item | None) -> Iterator[Item]:
    """The entries that are written: deleted, put, or changed in place."""
    if old == new:
        return
    same_place = old is not None and new is not None and all(old[key] == new[key] for key in index.keys)
    if old is not None and not same_place:
        yield old
    if new is not None:
        yield new
