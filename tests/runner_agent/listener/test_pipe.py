from __future__ import annotations

import os
import threading

from hypothesis import given
from hypothesis import strategies as st

from runner_agent.listener.pipe import Cutter, Tail, drain


def cut(chunks: list[bytes], longest: int = 100) -> tuple[list[str], int]:
    cutter = Cutter(longest)
    lines = [line for chunk in chunks for line in cutter.feed(chunk)]
    return [*lines, *cutter.rest()], cutter.dropped_bytes


@given(st.lists(st.text(st.characters(exclude_characters="\r\n", exclude_categories=["Cs"]), max_size=20)), st.data())
def test_lines_come_out_whole_however_the_stream_is_cut(lines: list[str], data: st.DataObject) -> None:
    stream = "".join(f"{line}\n" for line in lines).encode()
    places = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=5)))
    chunks = [stream[start:end] for start, end in zip([0, *places], [*places, len(stream)], strict=True)]

    found, dropped = cut(chunks)

    assert (found, dropped) == (lines, 0)


@given(st.lists(st.binary(max_size=50)), st.integers(1, 20))
def test_row_45_no_stream_makes_a_line_longer_than_the_limit_or_fails(chunks: list[bytes], longest: int) -> None:
    lines, dropped = cut(chunks, longest)

    assert all(len(line) <= longest for line in lines)
    assert dropped <= sum(map(len, chunks))


def test_row_45_what_is_too_long_is_cut_and_counted() -> None:
    assert cut([b"x" * 250, b"y\nshort\n"]) == (["x" * 100, "short"], 151)


def test_row_45_what_is_not_utf_8_is_replaced() -> None:
    assert cut([b"caf\xe9\r\n"]) == (["caf\ufffd"], 0)


def test_a_pipe_is_read_until_everybody_has_closed_it() -> None:
    reading, writing = os.pipe()
    lines: list[str] = []
    reader = threading.Thread(target=lambda: drain(reading, lines.extend))

    reader.start()
    os.write(writing, b"one\ntwo")
    os.close(writing)
    reader.join()
    os.close(reading)

    assert lines == ["one", "two"]


@given(
    st.lists(st.sampled_from([b"a", b"\n", b"\r", b"\xe2\x82", b"\xac", b"\xff", b"b" * 9, b"\xc3\xa9"]), max_size=30),
    st.integers(1, 12),
    st.integers(1, 9),
)
def test_many_lines_at_once_come_out_as_they_would_one_by_one(parts: list[bytes], longest: int, step: int) -> None:
    stream = b"".join(parts)
    chunks = [stream[at : at + step] for at in range(0, len(stream), step)]

    together, byte_by_byte = cut([stream], longest), cut([bytes([byte]) for byte in stream], longest)

    assert together == byte_by_byte == cut(chunks, longest)


def test_only_the_newest_lines_are_kept() -> None:
    tail = Tail(kept=3)

    for number in range(10):
        tail.add([str(number)])

    assert tail.lines(2) == ("8", "9")
    assert tail.lines(5) == ("7", "8", "9")
