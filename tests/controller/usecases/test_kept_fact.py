"""A fact that is read now and then, and waited for by nobody."""

from __future__ import annotations

from controller.errors import Rejected, Unavailable
from controller.usecases.kept_fact import KeptFact
from tests.fakes.memory import FakeMemory

TTL_S = 60.0


class Reader:
    """A fact of whole numbers, with a clock."""

    def __init__(self) -> None:
        self.now = 1_000.0
        self.memory = FakeMemory()
        self.reads = 0
        self.fact = KeptFact(self.memory, "number", self._read, 0, TTL_S, lambda: self.now)

    def _read(self, text: str) -> int:
        self.reads += 1
        return int(text)


def test_it_is_read_once_for_a_while_however_often_it_is_wanted() -> None:
    reader = Reader()
    reader.memory.remember("number", "7", 5_000.0)

    known = [reader.fact() for _ in range(100)]
    reader.now += TTL_S
    reader.fact()

    assert known == [7] * 100
    assert reader.reads == 2


def test_where_nothing_was_learnt_it_is_what_was_known_before() -> None:
    assert Reader().fact() == 0


def test_where_it_can_not_be_read_it_is_what_was_known_last() -> None:
    reader = Reader()
    reader.memory.remember("number", "7", 5_000.0)
    reader.fact()

    for fault in (Unavailable("busy"), Rejected("no")):
        reader.now += TTL_S
        reader.memory.faults.plan(fault)
        assert reader.fact() == 7
