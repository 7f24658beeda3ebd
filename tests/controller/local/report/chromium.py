"""A headless Chromium, driven over a pipe: https://chromedevtools.github.io/devtools-protocol/.

A pipe needs no port and no package, so the suite can watch the page ask for nothing from the network.
"""

from __future__ import annotations

import json
import os
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
DEADLINE_S = 120.0

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--remote-debugging-pipe",
)

# The browser reads from 3 and answers on 4, whatever numbers the pipes have here.
SHIM = """
import fcntl, os, sys
orders, answers = (fcntl.fcntl(int(number), fcntl.F_DUPFD, 10) for number in sys.argv[1:3])
os.dup2(orders, 3)
os.dup2(answers, 4)
os.execv(sys.argv[3], sys.argv[3:])
"""


def installed() -> str | None:
    """Where Chromium is, if it is on the PATH."""
    return next((found for name in NAMES if (found := shutil.which(name))), None)


class Chromium:
    """One browser with one page."""

    def __init__(self, program: str, profile: Path) -> None:
        self._mine, its_answers = os.pipe()
        its_orders, self._orders = os.pipe()
        flags = [*FLAGS, f"--user-data-dir={profile}", "about:blank"]
        self._process = subprocess.Popen(
            [sys.executable, "-c", SHIM, str(its_orders), str(its_answers), program, *flags],
            pass_fds=(its_orders, its_answers),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(its_orders)
        os.close(its_answers)
        self._number = 0
        self._unread = b""
        self._session = ""
        self.events: list[dict[str, Any]] = []

    def __enter__(self) -> Self:
        try:
            target = self.order("Target.createTarget", url="about:blank")["targetId"]
            self._session = self.order("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
            for domain in ("Page", "Runtime", "Network", "Log"):
                self.order(f"{domain}.enable")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._orders)  # a browser whose pipe ends, ends
        try:
            self._process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        os.close(self._mine)

    def order(self, method: str, **params: object) -> dict[str, Any]:
        """Send one command and wait for its answer; events that come between are kept."""
        self._number += 1
        command: dict[str, object] = {"id": self._number, "method": method, "params": params}
        if self._session:
            command["sessionId"] = self._session
        os.write(self._orders, json.dumps(command).encode() + b"\0")
        while True:
            message = self._read()
            if message.get("id") == self._number:
                assert "error" not in message, f"{method}: {message['error']}"
                result: dict[str, Any] = message["result"]
                return result
            self.events.append(message)

    def open(self, page: Path, width: int = 1280, height: int = 900) -> None:
        """Load a page at a size, and wait until its scripts have run."""
        self.order("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        self.events.clear()
        self.order("Page.navigate", url=page.as_uri())
        while not any(event.get("method") == "Page.loadEventFired" for event in self.events):
            self.events.append(self._read())

    def see(self, expression: str) -> Any:  # noqa: ANN401 - whatever the page answers
        """The value of a JavaScript expression in the page."""
        answer = self.order("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def press(self, key: str) -> None:
        """Press a key, as a person does."""
        text: Mapping[str, str] = {"text": key} if len(key) == 1 else {"text": "\r"} if key == "Enter" else {}
        self.order("Input.dispatchKeyEvent", type="keyDown", key=key, code=key, **text)
        self.order("Input.dispatchKeyEvent", type="keyUp", key=key, code=key)

    def point(self, x: float, y: float) -> None:
        """Move the mouse."""
        self.order("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)

    def asked(self) -> list[str]:
        """The addresses the page has asked for since it was opened."""
        sent = [event for event in self.events if event.get("method") == "Network.requestWillBeSent"]
        return [event["params"]["request"]["url"] for event in sent]

    def complaints(self) -> list[str]:
        """What the page has written to the console, thrown, or been refused."""
        names = {"Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Log.entryAdded"}
        return [json.dumps(event["params"]) for event in self.events if event.get("method") in names]

    def _read(self) -> dict[str, Any]:
        until = time.monotonic() + DEADLINE_S
        while b"\0" not in self._unread:
            ready, _, _ = select.select([self._mine], [], [], max(until - time.monotonic(), 0))
            assert ready, f"Chromium said nothing for {DEADLINE_S:.0f} s"
            some = os.read(self._mine, 1 << 16)
            assert some, "Chromium has ended"
            self._unread += some
        message, _, self._unread = self._unread.partition(b"\0")
        answer: dict[str, Any] = json.loads(message)
        return answer
