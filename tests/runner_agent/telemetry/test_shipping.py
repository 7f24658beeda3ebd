from __future__ import annotations

import threading
from collections.abc import Sequence

import pytest

from runner_agent.logs import HIDDEN, Redactor
from runner_agent.telemetry import shipping
from runner_agent.telemetry.shipping import Line, Shipper
from tests.runner_agent.stage import until


class Stream:
    """A log stream that takes batches, or does not."""

    def __init__(self, *, down: bool = False) -> None:
        self.down = down
        self.batches: list[list[str]] = []
        self.tries = 0

    def __call__(self, lines: Sequence[Line], _timeout: float) -> None:
        self.tries += 1
        if self.down:
            raise TimeoutError("no answer")
        self.batches.append([text for _, text in lines])

    @property
    def lines(self) -> list[str]:
        return [line for batch in self.batches for line in batch]


def quiet(*_: object, **__: object) -> None:
    pass


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shipping, "AGE_S", 0.05)
    monkeypatch.setattr(shipping, "RETRY_S", (0.01, 0.05))


def shipper(stream: Stream) -> Shipper:
    return Shipper(stream, Redactor(), quiet)


def test_lines_are_sent_after_a_while_and_in_order() -> None:
    stream = Stream()
    ship = shipper(stream)

    for number in range(100):
        ship.put(str(number))

    until(lambda: len(stream.lines) == 100)
    assert stream.lines == [str(number) for number in range(100)]
    assert len(stream.batches) < 100


def test_a_full_batch_does_not_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shipping, "AGE_S", 600.0)
    stream = Stream()
    ship = shipper(stream)

    for _ in range(200):
        ship.put("x" * 8_000)

    until(lambda: len(stream.lines) > 60)
    assert max(sum(map(len, batch)) for batch in stream.batches) <= shipping.BATCH_BYTES


def test_row_40_a_stream_that_is_down_is_tried_again_and_nothing_is_lost() -> None:
    stream = Stream(down=True)
    ship = shipper(stream)

    ship.put("one")
    until(lambda: stream.tries >= 3)
    stream.down = False

    assert ship.flush(10)
    assert stream.lines == ["one"]


def test_row_40_a_flush_gives_up_in_time() -> None:
    ship = shipper(Stream(down=True))

    ship.put("one")

    assert not ship.flush(0.2)


def test_row_45_a_flood_is_counted_not_kept_and_never_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shipping, "LIFE_BYTES", 1_000_000)
    stream = Stream()
    ship = shipper(stream)

    for _ in range(100_000):
        ship.put("x" * 1_000)

    assert ship.flush(10)
    assert sum(map(len, stream.lines)) < 1_001_000
    assert stream.lines[-1] == f'{{"event":"log_lines_dropped","lines":{ship.dropped}}}'
    assert ship.dropped > 98_000


def test_row_45_while_the_stream_is_down_memory_is_bounded() -> None:
    ship = shipper(Stream(down=True))

    for _ in range(20_000):
        ship.put("x" * 10_000)

    assert ship.dropped > 19_000
    assert ship._bytes <= shipping.WAITING_BYTES


def test_row_44_what_is_sent_is_clean() -> None:
    stream, redactor = Stream(), Redactor()
    redactor.learn(["very-secret"])
    ship = Shipper(stream, redactor, quiet)

    ship.put("a very-secret b")

    assert ship.flush(10)
    assert stream.lines == [f"a {HIDDEN} b"]


def test_several_threads_may_write_at_once() -> None:
    stream = Stream()
    ship = shipper(stream)

    def write() -> None:
        for _ in range(1_000):
            ship.put("line")

    threads = [threading.Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert ship.flush(10)
    assert len(stream.lines) == 4_000
