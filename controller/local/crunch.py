"""A crowded region and a busy GitHub, in the measure of the burst that they meet."""

from __future__ import annotations

from controller.local.scenario.plan import At, Event, Scenario, Step, Value, When

SOON_S = 20.0
"""Capacity is back after that."""
UP_S = 16.0
"""So long after its launch a machine claims: before that, GitHub's trouble meets nobody."""


def crunch(jobs: int) -> Scenario:
    """Sold-out pools, fleets fulfilled in part, throttling, GitHub's errors and limits, webhooks lost and repeated."""
    room = max(2, jobs // 25)
    steps = (
        _step(At(0.0), "sell_out", lifecycle="spot", type="c7i.*", zone="us-east-1a"),
        _step(At(0.0), "limit_pool", lifecycle="spot", type="*.large", machines=room),
        _step(At(0.0), "limit_pool", lifecycle="spot", type="*.xlarge", machines=max(1, room // 2)),
        _step(At(0.0), "fail_call", action="CreateFleet", code="RequestLimitExceeded"),
        _step(At(0.0), "fail_requests", status=502, times=3),
        _step(_launched(jobs, 0.2), "refuse_launch", code="UnfulfillableCapacity"),
        _step(_launched(jobs, 0.6), "refuse_launch", code="RequestLimitExceeded"),
        _step(At(1.0), "lose_webhook", times=2),
        _step(At(1.5), "repeat_webhook", times=3),
        _step(_launched(jobs, 0.2, UP_S), "limit_github", kind="secondary", **{"for": 3.0}),
        _step(_launched(jobs, 0.4, UP_S), "fail_requests", status=503, times=4),
        _step(At(SOON_S), "restock", lifecycle="spot"),
    )
    return Scenario("crunch", steps, "A crowded region and a busy GitHub.")


def _launched(jobs: int, share: float, after: float = 0.0) -> When:
    return When(Event.LAUNCHED, nth=max(1, round(jobs * share)), after=after)


def _step(due: At | When, fault: str, /, **values: Value) -> Step:
    return Step(due, fault, tuple(values.items()))
