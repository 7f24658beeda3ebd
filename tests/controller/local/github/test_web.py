from __future__ import annotations

import http.client
import json
import socket
import threading
from collections.abc import Iterator

import pytest

from controller.local.github.web import Door, Request, Response, Route
from tests.controller.local.github.stage import GENEROUS_S, until


@pytest.fixture
def door() -> Iterator[Door]:
    opened = Door(Response(404, {"message": "Not Found"}))
    opened.routes = [
        Route("GET", "/things/{name}", lambda request: Response(200, dict(request.params), caller="tester")),
        Route("POST", "/things", lambda request: Response(201, request.json())),
        Route("DELETE", "/things/{name}", lambda _: Response(204)),
        Route("GET", "/file.txt", lambda _: Response(200, b"\x00raw")),
    ]
    opened.start()
    yield opened
    opened.stop()


def connect(door: Door) -> http.client.HTTPConnection:
    host, port = door.base_url.removeprefix("http://").split(":")
    return http.client.HTTPConnection(host, int(port), timeout=GENEROUS_S)


def ask(connection: http.client.HTTPConnection, method: str, path: str, body: bytes = b"") -> tuple[int, bytes]:
    connection.request(method, path, body)
    answer = connection.getresponse()
    return answer.status, answer.read()


def test_one_connection_carries_many_requests(door: Door) -> None:
    connection = connect(door)

    answers = [
        ask(connection, "GET", "/things/a%20b"),
        ask(connection, "DELETE", "/things/a"),
        ask(connection, "GET", "/file.txt"),
        ask(connection, "GET", "/fileXtxt"),
        ask(connection, "POST", "/things", b'{"x": 1}'),
    ]

    connection.close()
    assert [status for status, _ in answers] == [200, 204, 200, 404, 201]
    assert json.loads(answers[0][1]) == {"name": "a b"}
    assert answers[2][1] == b"\x00raw"


def test_every_request_is_logged_by_its_route(door: Door) -> None:
    connection = connect(door)
    ask(connection, "GET", "/things/a")
    ask(connection, "PATCH", "/things/a")
    connection.close()

    logged = [(each.method, each.route, each.status, each.caller) for each in door.records]

    assert logged == [("GET", "/things/{name}", 200, "tester"), ("PATCH", "/things/a", 404, "")]


@pytest.mark.parametrize("body", [b"{", b"[]", b"\xff"])
def test_a_body_that_is_no_object_reads_as_an_empty_one(door: Door, body: bytes) -> None:
    connection = connect(door)

    answer = ask(connection, "POST", "/things", body)

    connection.close()
    assert answer == (201, b"{}")


@pytest.mark.parametrize(
    ("header", "token"), [("Bearer abc", "abc"), ("token abc", "abc"), ("Basic abc", ""), ("", "")]
)
def test_a_token_is_read_after_either_word(header: str, token: str) -> None:
    request = Request("GET", "/", {"authorization": header}, {}, b"")

    assert request.bearer == token


def test_a_client_that_hangs_up_disturbs_nobody(door: Door, capsys: pytest.CaptureFixture[str]) -> None:
    host, port = door.base_url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as rude:
        rude.sendall(b"POST /things HTTP/1.1\r\nContent-Length: 100\r\n\r\nshort")

    connection = connect(door)
    assert ask(connection, "GET", "/things/a")[0] == 200
    connection.close()
    assert capsys.readouterr().err == ""


def test_stopping_does_not_wait_for_idle_connections() -> None:
    door = Door(Response(404))
    door.start()
    before = threading.active_count()
    connection = connect(door)
    ask(connection, "GET", "/")
    until(lambda: threading.active_count() == before + 1)

    door.stop()

    assert threading.active_count() == before - 1
    connection.close()
