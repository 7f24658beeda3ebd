"""What every test may count on, however the run was started."""

from __future__ import annotations

import signal

import pytest

LIVE = ("tests/controller/local/", "tests/controller/cli/", "tests/watching/")
"""Where the tests with real processes are: `make live` looks nowhere else for them."""

LONGEST = (
    "tests/watching/test_detection.py",
    "tests/controller/local/test_least_privilege.py",
    "tests/controller/local/test_flood.py",
    "tests/controller/local/test_mishaps.py",
    "tests/controller/local/",
    "tests/infra/",
    "tests/reliability/test_crash_enumeration.py",
    "tests/reliability/",
    "tests/runner_agent/",
)
"""What takes long comes first, so that in the end no worker waits for another one's last test."""

# A shell starts what it puts into the background with Ctrl-C ignored; every process that a test
# starts would inherit that, and a program cannot even trap a signal that was ignored at its birth.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Every test has its turn, and every marked one stands where it is looked for."""
    live = [item.nodeid for item in items if item.get_closest_marker("local_cloud")]
    for name in live:
        if not name.startswith(LIVE):
            raise pytest.UsageError(f"{name}: `make live` looks for tests marked local_cloud in {', '.join(LIVE)} only")
    items.sort(key=lambda item: turn(item.nodeid))


def turn(name: str) -> int:
    """The place of a test's kind among the kinds; within a kind they come as they are written."""
    return next((place for place, kind in enumerate(LONGEST) if name.startswith(kind)), len(LONGEST))
