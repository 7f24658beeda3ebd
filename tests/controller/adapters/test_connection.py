from __future__ import annotations

import time

import pytest

from controller.adapters.connection import Connections, Request
from controller.errors import Unavailable
from tests.controller.adapters.scripted import Play, ScriptedServer


@pytest.fixture
def connections() -> Connections:
    return Connections()


def get(address: str, path: str = "/a?b=c") -> Request:
    return Request("GET", f"{address}{path}", {"X-Secret": "canary"})


def test_an_answer_is_handed_back_whatever_its_status(scripted: ScriptedServer, connections: Connections) -> None:
    scripted.play(Play(418, "tea", {"X-Kind": "Teapot"}))

    answer = connections.ask(get(scripted.address), limit_s=30)

    assert (answer.status, answer.body, answer.headers["x-kind"]) == (418, b"tea", "Teapot")
    assert scripted.seen[0].path == "/a?b=c"
    connections.close()


def test_a_connection_is_used_again(scripted: ScriptedServer, connections: Connections) -> None:
    scripted.play(Play(), Play())

    connections.ask(get(scripted.address), limit_s=30)
    connections.ask(get(scripted.address), limit_s=30)

    assert len({seen.client for seen in scripted.seen}) == 1
    connections.close()


def test_a_connection_the_server_wants_closed_is_not_used_again(
    scripted: ScriptedServer, connections: Connections
) -> None:
    scripted.play(Play(headers={"Connection": "close"}, close_after=True), Play())

    connections.ask(get(scripted.address), limit_s=30)
    connections.ask(get(scripted.address), limit_s=30)

    assert len({seen.client for seen in scripted.seen}) == 2
    connections.close()


def test_a_new_connection_that_fails_is_not_tried_twice(scripted: ScriptedServer, connections: Connections) -> None:
    scripted.play(Play(drop=True), Play())

    with pytest.raises(Unavailable, match="RemoteDisconnected"):
        connections.ask(get(scripted.address), limit_s=30)

    assert len(scripted.seen) == 1


def test_silence_is_unavailable_within_the_limit(scripted: ScriptedServer, connections: Connections) -> None:
    scripted.play(Play(hang=True))
    start = time.monotonic()

    with pytest.raises(Unavailable, match="TimeoutError"):
        connections.ask(get(scripted.address), limit_s=0.2)

    assert time.monotonic() - start < 20


def test_a_silent_kept_connection_is_not_taken_for_a_stale_one(
    scripted: ScriptedServer, connections: Connections
) -> None:
    scripted.play(Play(), Play(hang=True), Play())
    connections.ask(get(scripted.address), limit_s=30)

    with pytest.raises(Unavailable, match="TimeoutError"):
        connections.ask(get(scripted.address), limit_s=0.2)

    assert len(scripted.seen) == 2


def test_a_limit_that_has_passed_already_asks_nobody(scripted: ScriptedServer, connections: Connections) -> None:
    with pytest.raises(Unavailable, match="deadline"):
        connections.ask(get(scripted.address), limit_s=0.0)

    assert scripted.seen == []


def test_an_error_names_the_address_and_nothing_that_was_sent(closed_address: str, connections: Connections) -> None:
    with pytest.raises(Unavailable) as caught:
        connections.ask(get(closed_address, "/path?query=canary"), limit_s=30)

    assert f"GET {closed_address}/path" in str(caught.value)
    assert "canary" not in str(caught.value)
    assert "canary" not in repr(get(closed_address))
