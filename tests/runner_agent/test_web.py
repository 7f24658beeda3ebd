from __future__ import annotations

import socket
import threading

import pytest

from runner_agent.web import Request, Unreachable, exchange, opened
from tests.runner_agent.stage import Served, Stage


def test_any_status_is_an_answer(stage: Stage) -> None:
    answer = exchange(Request("GET", f"{stage.url}/nowhere"), 5.0)

    assert (answer.status, answer.ok) == (404, False)


def test_a_redirect_is_followed_without_the_headers(stage: Stage) -> None:
    stage.files["/first"] = Served(b"", status=302, location="/second")
    stage.files["/second"] = Served(b"found")

    with opened(Request("GET", f"{stage.url}/first", {"Authorization": "made-up"}), 5.0, redirects=1) as response:
        body = response.read()

    assert body == b"found"
    assert "Authorization" not in stage.files["/second"].headers[0]


def test_redirects_end_somewhere(stage: Stage) -> None:
    stage.files["/loop"] = Served(b"", status=302, location="/loop")

    with opened(Request("GET", f"{stage.url}/loop"), 5.0, redirects=3) as response:
        status = response.status

    assert (status, len(stage.files["/loop"].headers)) == (302, 4)


@pytest.mark.parametrize(
    "url", ["file:///etc/passwd", "http://", "ftp://host/", "nonsense", "http://127.0.0.1:1/?sig=canary"]
)
def test_what_cannot_be_reached_is_said_without_its_query(url: str) -> None:
    with pytest.raises(Unreachable) as caught:
        exchange(Request("GET", url, {"Authorization": "canary"}), 0.5)

    assert "canary" not in str(caught.value)


@pytest.mark.parametrize(
    "answer", [b"", b"not http at all\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort"]
)
def test_half_an_answer_is_none(answer: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def once() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(4096)
                connection.sendall(answer)

        thread = threading.Thread(target=once)
        thread.start()
        url = f"http://127.0.0.1:{server.getsockname()[1]}/"

        with pytest.raises(Unreachable, match=url):
            exchange(Request("GET", url), 5.0)

        thread.join()
