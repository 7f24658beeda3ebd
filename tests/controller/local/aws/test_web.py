from __future__ import annotations

import http.client
import socket
import threading
from collections.abc import Callable, Iterator

import pytest

from controller.local.aws.web import App, Reply, Request, Server, typed

Start = Callable[[App], Server]


@pytest.fixture
def start() -> Iterator[Start]:
    servers: list[Server] = []

    def serve(app: App) -> Server:
        servers.append(Server(app, "test"))
        servers[-1].start()
        return servers[-1]

    yield serve
    for server in servers:
        server.stop()


def echo(request: Request) -> Reply:
    return typed(200, f"{request.method} {request.target} ".encode() + request.body, "text/plain")


def test_one_connection_carries_many_requests(start: Start) -> None:
    connection = http.client.HTTPConnection(start(echo).address)

    answers = []
    for path in ("/a?x=1", "/b%20c"):
        connection.request("POST", path, b"body")
        answers.append(connection.getresponse().read())

    assert answers == [b"POST /a?x=1 body", b"POST /b%20c body"]
    connection.close()


def test_a_chunked_body_is_put_together(start: Start) -> None:
    connection = http.client.HTTPConnection(start(echo).address)

    connection.request("PUT", "/", iter([b"one ", b"two"]), encode_chunked=True)

    assert connection.getresponse().read() == b"PUT / one two"
    connection.close()


def test_head_tells_the_length_without_the_body(start: Start) -> None:
    connection = http.client.HTTPConnection(start(echo).address)

    connection.request("HEAD", "/")
    response = connection.getresponse()

    assert response.getheader("Content-Length") == str(len(b"HEAD / "))
    assert response.read() == b""
    connection.close()


def test_a_repeated_header_reaches_the_app_with_all_its_values(start: Start) -> None:
    server = start(lambda request: typed(200, request.headers["x-many"], "text/plain"))

    with socket.create_connection(server.address.split(":")) as raw:  # type: ignore[arg-type]  # a list will do
        raw.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nX-Many: 1\r\nx-many: 2\r\nConnection: close\r\n\r\n")
        answer = raw.makefile("rb").read()

    assert answer.endswith(b"\r\n\r\n1,2")


def test_an_app_that_fails_answers_500_and_the_connection_lives_on(start: Start) -> None:
    def broken(request: Request) -> Reply:
        raise RuntimeError(request.target)

    connection = http.client.HTTPConnection(start(broken).address)

    statuses = []
    for _ in range(2):
        connection.request("GET", "/")
        response = connection.getresponse()
        response.read()
        statuses.append(response.status)

    assert statuses == [500, 500]
    connection.close()


def test_stopping_hangs_up_on_idle_callers_and_frees_the_port() -> None:
    server = Server(echo, "stopped")
    server.start()
    connection = http.client.HTTPConnection(server.address)
    connection.request("GET", "/")
    connection.getresponse().read()

    server.stop()
    server.stop()

    assert not [thread for thread in threading.enumerate() if thread.name.startswith("stopped")]
    with pytest.raises(ConnectionError):
        socket.create_connection(("127.0.0.1", int(server.address.split(":")[1])))
    connection.close()


def test_a_server_that_never_started_can_be_stopped() -> None:
    server = Server(echo, "test")

    server.stop()

    with pytest.raises(ConnectionError):
        socket.create_connection(("127.0.0.1", int(server.address.split(":")[1])))
