from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.domain.lost_webhooks import Repository, Sent, next_after, to_send_again

SERVER = "https://api.github.com"


def sent(number: int, status: int, guid: str = "a", event: str = "workflow_job", *, redelivery: bool = False) -> Sent:
    return Sent(number, guid, event, status, redelivery, at=float(number))


@pytest.mark.parametrize("status", [0, 403, 404, 408, 429, 500, 502, 503, 504])
def test_a_delivery_that_nobody_took_is_sent_again(status: int) -> None:
    assert to_send_again([sent(1, status)]) == [1]


@pytest.mark.parametrize("status", [200, 202, 204, 400, 413, 422])
def test_one_that_was_taken_or_can_never_be_read_is_not(status: int) -> None:
    assert to_send_again([sent(1, status)]) == []


def test_one_that_came_through_at_a_later_try_is_left_alone() -> None:
    assert to_send_again([sent(3, 202, redelivery=True), sent(2, 502, redelivery=True), sent(1, 502)]) == []


def test_one_that_came_through_needs_no_other_try_whatever_became_of_a_copy() -> None:
    assert to_send_again([sent(1, 202), sent(2, 502, redelivery=True)]) == []


def test_the_latest_of_several_failed_tries_is_the_one_sent_again() -> None:
    assert to_send_again([sent(2, 502, redelivery=True), sent(1, 0)]) == [2]


def test_a_refused_signature_is_tried_once_more_and_then_no_more() -> None:
    assert to_send_again([sent(1, 401)]) == [1]
    assert to_send_again([sent(1, 401), sent(2, 401, redelivery=True)]) == []


def test_only_deliveries_about_jobs_matter() -> None:
    assert to_send_again([sent(1, 502, event="push")]) == []


def test_what_happened_first_is_sent_first() -> None:
    log = [sent(4, 502, "a", redelivery=True), sent(3, 502, "c"), sent(2, 502, "b"), sent(1, 502, "a")]

    assert to_send_again(log) == [4, 2, 3]


LOGS = st.lists(
    st.builds(
        sent,
        st.integers(1, 50),
        st.sampled_from([0, 200, 202, 400, 401, 500, 502]),
        st.sampled_from("abc"),
        st.sampled_from(["workflow_job", "push"]),
        redelivery=st.booleans(),
    ),
    unique_by=lambda one: one.delivery_id,
)


@given(LOGS)
def test_every_delivery_without_a_good_try_is_sent_at_most_once_and_never_one_with(log: list[Sent]) -> None:
    again = to_send_again(log)

    by_id = {one.delivery_id: one for one in log}
    guids = [by_id[number].guid for number in again]
    good = {one.guid for one in log if 200 <= one.status < 300}
    assert len(guids) == len(set(guids))
    assert not good & set(guids)


def names(*order: str) -> list[Repository]:
    return [Repository(SERVER, 7, name) for name in order]


def test_repositories_take_turns_with_those_that_have_open_jobs() -> None:
    every = names("o/d", "o/b", "o/a", "o/c")

    assert next_after(every, "", frozenset()) == names("o/a", "o/b", "o/c", "o/d")
    assert next_after(every, f"{SERVER} o/b", frozenset()) == names("o/c", "o/d", "o/a", "o/b")
    assert next_after(every, f"{SERVER} o/b", frozenset({"o/d", "o/a"})) == names("o/a", "o/c", "o/d", "o/b")


@given(st.lists(st.sampled_from("abcdefgh"), unique=True), st.sampled_from("abcdefgh"), st.sets(st.sampled_from("abc")))
def test_no_repository_is_ever_left_out(order: list[str], last: str, busy: set[str]) -> None:
    every = names(*order)

    assert sorted(map(str, next_after(every, f"{SERVER} {last}", frozenset(busy)))) == sorted(map(str, every))
