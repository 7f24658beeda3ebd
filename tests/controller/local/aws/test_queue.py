from __future__ import annotations

import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.local.aws.queue import Depth, Message, Queue, Terms
from controller.local.aws.refusals import ServiceError


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def queue(clock: Clock | None = None, **terms: float) -> Queue:
    return Queue("jobs", Terms(**{"visibility_s": 30.0, **terms}), clock or Clock())  # type: ignore[arg-type]


def message(at: float = 1000.0) -> Message:
    return Message("hello", "AROA:webhook", at)


def test_a_message_taken_is_hidden_until_its_visibility_ends() -> None:
    clock = Clock()
    jobs = queue(clock)
    jobs.send(message())

    first = jobs.receive(10)
    hidden = jobs.receive(10)
    clock.now += 30
    again = jobs.receive(10)

    assert [m.body for m in first] == ["hello"]
    assert hidden == []
    assert [m.receives for m in again] == [2]


def test_a_deleted_message_never_comes_back() -> None:
    clock = Clock()
    jobs = queue(clock)
    jobs.send(message())

    jobs.delete(jobs.receive(1)[0].receipt)
    clock.now += 60

    assert jobs.receive(1) == []
    assert jobs.depth() == Depth(0, 0, 0)


def test_only_the_latest_receipt_deletes() -> None:
    clock = Clock()
    jobs = queue(clock)
    jobs.send(message())
    older = jobs.receive(1)[0].receipt
    clock.now += 30
    newer = jobs.receive(1)[0].receipt

    jobs.delete(older)
    kept = jobs.depth()
    jobs.delete(newer)

    assert kept.in_flight == 1
    assert jobs.depth().in_flight == 0


def test_the_latest_receipt_deletes_even_after_its_time() -> None:
    clock = Clock()
    jobs = queue(clock)
    jobs.send(message())
    receipt = jobs.receive(1)[0].receipt

    clock.now += 30
    jobs.delete(receipt)

    assert jobs.receive(1) == []


def test_visibility_can_be_made_longer_and_ended_at_once() -> None:
    clock = Clock()
    jobs = queue(clock)
    jobs.send(message())
    receipt = jobs.receive(1)[0].receipt

    jobs.change_visibility(receipt, 100)
    clock.now += 50
    still_hidden = jobs.receive(1)
    jobs.change_visibility(receipt, 0)

    assert still_hidden == []
    assert [m.receives for m in jobs.receive(1)] == [2]


def test_the_visibility_of_a_message_that_nobody_holds_cannot_be_changed() -> None:
    clock = Clock()
    jobs = queue(clock)
    jobs.send(message())
    receipt = jobs.receive(1)[0].receipt
    clock.now += 30

    with pytest.raises(ServiceError, match="in flight") as caught:
        jobs.change_visibility(receipt, 10)

    assert caught.value.code == "MessageNotInflight"


def test_what_is_no_receipt_is_refused() -> None:
    with pytest.raises(ServiceError) as caught:
        queue().delete("nonsense")

    assert caught.value.code == "ReceiptHandleIsInvalid"


def test_after_its_last_receive_a_message_goes_to_the_dead_letters() -> None:
    clock = Clock()
    jobs, dead = queue(clock), queue(clock)
    jobs.dead, jobs.max_receives = dead, 2
    jobs.send(message())

    for _ in range(3):
        jobs.receive(1)
        clock.now += 30

    assert jobs.depth() == Depth(0, 0, 0)
    assert [(m.body, m.sender, m.receives) for m in dead.receive(1)] == [("hello", "AROA:webhook", 1)]


def test_a_delayed_message_is_counted_apart_and_comes_in_its_time() -> None:
    clock = Clock()
    jobs = queue(clock)
    jobs.send(message(), delay_s=5)

    early, depth = jobs.receive(1), jobs.depth()
    clock.now += 5

    assert early == []
    assert depth == Depth(0, 0, 1)
    assert len(jobs.receive(1)) == 1


def test_messages_are_forgotten_after_the_retention_time() -> None:
    clock = Clock()
    jobs = queue(clock, retention_s=60)
    jobs.send(message())

    clock.now += 61

    assert jobs.receive(1) == []


def test_a_long_poll_ends_when_a_message_comes() -> None:
    jobs = Queue("jobs", Terms(), time.time)
    found: list[Message] = []
    waiter = threading.Thread(target=lambda: found.extend(jobs.receive(1, wait_s=20)))
    waiter.start()

    jobs.send(message(time.time()))
    waiter.join(10)

    assert [m.body for m in found] == ["hello"]


def test_closing_sends_those_who_wait_home() -> None:
    jobs = Queue("jobs", Terms(), time.time)
    waiter = threading.Thread(target=lambda: jobs.receive(1, wait_s=20))
    waiter.start()

    jobs.close()
    waiter.join(10)

    assert not waiter.is_alive()


def test_a_purged_queue_is_empty() -> None:
    jobs = queue()
    jobs.send(message())
    jobs.receive(1)
    jobs.send(message())

    jobs.purge()

    assert jobs.depth() == Depth(0, 0, 0)


@given(
    st.lists(
        st.one_of(
            st.just("send"),
            st.tuples(st.just("receive"), st.integers(1, 10)),
            st.tuples(st.just("delete"), st.integers(0, 50)),
            st.tuples(st.just("pass"), st.integers(0, 40)),
        ),
        max_size=60,
    )
)
def test_whatever_happens_each_message_is_held_by_at_most_one_and_none_is_lost(steps: list[object]) -> None:
    clock = Clock()
    jobs, dead = queue(clock), queue(clock)
    jobs.dead, jobs.max_receives = dead, 3
    sent, deleted = 0, 0
    held: dict[str, tuple[str, float]] = {}

    for step in steps:
        match step:
            case "send":
                jobs.send(message())
                sent += 1
            case ("receive", int(limit)):
                for taken in jobs.receive(limit):
                    assert taken.id not in held or held[taken.id][1] <= clock.now
                    held[taken.id] = (taken.receipt, clock.now + 30)
            case ("delete", int(which)) if held:
                name = list(held)[which % len(held)]
                before = jobs.depth()
                jobs.delete(held.pop(name)[0])
                after = jobs.depth()
                deleted += sum((before.ready, before.in_flight)) - sum((after.ready, after.in_flight))
            case ("pass", int(seconds)):
                clock.now += seconds

    left, buried = jobs.depth(), dead.depth()
    assert left.ready + left.in_flight + buried.ready + deleted == sent
