"""The record that dispatchers share: one call where nobody else writes, and nobody's change lost where others do."""

from __future__ import annotations

import threading
from itertools import count

import pytest

from controller.domain.capacity import Terms
from controller.domain.launch import LaunchAnswer, Offering, Refusal
from controller.domain.pacing import MACHINES
from controller.domain.places import Force
from controller.domain.refusal import RefusalKind
from controller.domain.runner import Lifecycle
from controller.errors import Unavailable
from controller.usecases.capacity_book import FACT, CapacityBook
from tests.fakes import samples
from tests.fakes.memory import FakeMemory

NOW = 1_000.0
HERE, THERE = Offering("c7a.large", "us-east-1a", "subnet-a"), Offering("c7a.large", "us-east-1b", "subnet-b")
SPOT = Lifecycle.SPOT


def book(memory: FakeMemory, name: str = "one") -> CapacityBook:
    ids = count(1)
    return CapacityBook(memory, Terms(), lambda: NOW, lambda: f"{name}-{next(ids)}")


def test_what_one_dispatcher_was_refused_the_next_one_does_not_ask_for() -> None:
    memory = FakeMemory()
    first, second = book(memory, "first"), book(memory, "second")
    taken = first.turn(SPOT, (HERE, THERE), 1)
    sold_out = Refusal(RefusalKind.CAPACITY, "InsufficientInstanceCapacity", "", HERE.instance_type, HERE.zone)
    first.answered(SPOT, taken, LaunchAnswer(refusals=(sold_out,)))

    assert second.turn(SPOT, (HERE, THERE), 1).offerings == (THERE,)


def test_two_that_take_tokens_at_the_same_time_take_them_twice() -> None:
    memory = FakeMemory()
    books = [book(memory, f"b{n}") for n in range(4)]
    start = threading.Barrier(4)

    def lease(one: CapacityBook) -> None:
        start.wait(30)
        for _ in range(5):
            one.turn(SPOT, (HERE,), 10)

    threads = [threading.Thread(target=lease, args=(one,)) for one in books]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert book(memory).look().pace.room(NOW) == MACHINES.burst - 200


def test_a_record_that_another_version_has_written_is_begun_anew() -> None:
    memory = FakeMemory()
    memory.remember(FACT, '{"pace":"brisk"}', NOW + 100)

    assert book(memory).turn(SPOT, (HERE,), 3).count == 3
    assert book(memory).look().pace.room(NOW) == MACHINES.burst - 3


def test_where_it_can_not_be_shared_the_dispatcher_goes_by_what_it_knows() -> None:
    memory = FakeMemory()
    one = book(memory)
    memory.faults.plan(*[Unavailable("throttled")] * 3)

    turns = [one.turn(SPOT, (HERE,), 400).count for _ in range(3)]

    assert turns == [400, 400, 180]


def test_an_operators_order_holds_for_every_dispatcher_and_is_never_taken_for_given() -> None:
    memory = FakeMemory()
    other = book(memory, "other")
    other.turn(SPOT, (HERE,), 1)

    book(memory, "operator").order("*/us-east-1a", Force.OPEN)

    assert other.turn(SPOT, (HERE, THERE), 1).offerings == (THERE,)
    memory.faults.plan(None, Unavailable("throttled"))
    with pytest.raises(Unavailable):
        book(memory).order("*", None)


def test_machines_taken_away_are_remembered_and_none_costs_nothing() -> None:
    memory = FakeMemory()

    book(memory).heed([])
    nothing = dict(memory.facts)
    book(memory).heed([samples.runner(f"i-{n}") for n in range(3)])

    assert nothing == {}
    assert book(memory, "other").look().breakers.keys() == {"c7a.xlarge/us-east-1a"}
