from __future__ import annotations

import pytest

from controller.local.github.ratelimit import HOUR_S, Limit, RateLimits
from tests.controller.local.github.stage import Clock

READ, WRITE = "GET /x", "POST /x"
START = int(Clock().now.timestamp())


def test_the_hour_begins_with_the_first_call() -> None:
    clock = Clock()
    limits = RateLimits(clock, {"core": 2})

    first = limits.spend("app 1", "core", READ)
    clock.forward(HOUR_S - 1)
    second, third = (limits.spend("app 1", "core", READ) for _ in range(2))
    clock.forward(1)
    fourth = limits.spend("app 1", "core", READ)

    assert first.headers == {
        "X-RateLimit-Limit": "2",
        "X-RateLimit-Remaining": "1",
        "X-RateLimit-Used": "1",
        "X-RateLimit-Reset": str(START + HOUR_S),
        "X-RateLimit-Resource": "core",
    }
    assert [each.status for each in (first, second, third, fourth)] == [0, 0, 403, 0]
    assert (third.headers["X-RateLimit-Remaining"], third.headers["X-RateLimit-Used"]) == ("0", "2")


@pytest.mark.parametrize(("endpoint", "calls"), [(READ, 900), (WRITE, 180)])
def test_an_endpoint_has_nine_hundred_points_a_minute(endpoint: str, calls: int) -> None:
    clock = Clock()
    limits = RateLimits(clock)

    allowed = [limits.spend("app 1", "actions_runner_registration", endpoint) for _ in range(calls)]
    clock.forward(20)
    refused = limits.spend("app 1", "actions_runner_registration", endpoint)
    elsewhere = limits.spend("app 1", "actions_runner_registration", "GET /other")
    clock.forward(40)

    assert not any(each.status for each in allowed)
    assert (refused.status, refused.headers["Retry-After"]) == (403, "40")
    assert "secondary rate limit" in refused.message
    assert elsewhere.status == 0
    assert limits.spend("app 1", "actions_runner_registration", endpoint).status == 0


def test_a_hundred_calls_may_be_under_way() -> None:
    limits = RateLimits(Clock(), {"concurrent": 1})

    with limits.under_way("app 1"):
        one = limits.spend("app 1", "core", READ)
        with limits.under_way("app 1"):
            two = limits.spend("app 1", "core", READ)

    assert (one.status, two.status, two.headers["Retry-After"]) == (0, 403, "60")


def test_an_ordered_limit_ends_when_it_says() -> None:
    clock = Clock()
    limits = RateLimits(clock)
    limits.order(Limit.PRIMARY, 90.5)

    refused = limits.spend("app 1", "core", READ)
    clock.forward(91)

    assert (refused.status, refused.headers["X-RateLimit-Remaining"]) == (403, "0")
    assert refused.headers["X-RateLimit-Reset"] == str(START + 91)
    assert limits.spend("app 1", "core", READ).status == 0


def test_callers_have_budgets_of_their_own() -> None:
    limits = RateLimits(Clock(), {"core": 1})

    statuses = [limits.spend(caller, "core", READ).status for caller in ("app 1", "installation 2", "app 1")]

    assert statuses == [0, 0, 403]
