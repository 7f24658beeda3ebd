from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner_agent.contract.trace import TraceContext

JOBS = st.tuples(st.integers(min_value=1), st.integers(min_value=1, max_value=100))


@given(JOBS)
def test_a_job_attempts_trace_is_the_same_whoever_hears_of_it_first(job: tuple[int, int]) -> None:
    first, second = TraceContext.of_job(*job), TraceContext.of_job(*job)

    assert first == second
    assert re.fullmatch(r"00-[0-9a-f]{32}-[0-9a-f]{16}-01", str(first))


@given(JOBS, JOBS)
def test_two_attempts_never_share_a_trace(one: tuple[int, int], other: tuple[int, int]) -> None:
    first, second = TraceContext.of_job(*one), TraceContext.of_job(*other)

    assert (first.trace_id == second.trace_id) == (one == other)


@given(JOBS)
def test_a_context_survives_its_header(job: tuple[int, int]) -> None:
    context = TraceContext.of_job(*job).child()

    parsed = TraceContext.parse(str(context))

    assert parsed == context


def test_a_child_stays_in_the_trace_at_a_new_span() -> None:
    parent = TraceContext.of_job(1, 1)

    child = parent.child()

    assert child.trace_id == parent.trace_id
    assert child.span_id != parent.span_id


@pytest.mark.parametrize(
    "header",
    [
        "",
        "00-" + "0" * 32 + "-" + "b" * 16 + "-01",
        "00-" + "a" * 32 + "-" + "0" * 16 + "-01",
        "01-" + "a" * 32 + "-" + "b" * 16 + "-01",
        "00-" + "A" * 32 + "-" + "b" * 16 + "-01",
        "00-" + "a" * 32 + "-" + "b" * 16 + "-01\n",
        "00-" + "a" * 31 + "-" + "b" * 16 + "-01",
    ],
)
def test_a_header_that_is_not_valid_starts_no_trace(header: str) -> None:
    assert TraceContext.parse(header) is None
