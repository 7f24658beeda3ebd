"""How a stack stands, and what of it wants a person."""

from __future__ import annotations

from dataclasses import replace

from controller.cli import standing
from controller.cli.standing import Standing
from controller.domain.boot_health import BootHealth
from controller.domain.breaker import Breaker, BreakerPolicy
from controller.domain.capacity import Capacity, Wall
from controller.domain.job import JobState
from controller.domain.places import Force
from controller.domain.pools import Refused
from controller.domain.region_health import Lease
from controller.domain.runner import Lifecycle, RunnerState
from tests.fakes import samples

NOW = samples.NOW
QUIET = Standing(
    stack="dev-us-east-1",
    attention=(),
    regions=(standing.RegionStanding("us-east-1", drained=False, lease="alone"),),
    line=standing.LineStanding(0, None, {}, 0),
    machines=standing.MachinesStanding({}, 0, 0, 0),
    queues=(standing.QueueStanding("jobs", 3, 1, 0), standing.QueueStanding("events", None, None, None)),
    places=(),
    refusals=(),
    holds=(),
)


def wants(**changes: object) -> list[str]:
    return list(standing.attention(replace(QUIET, **changes)))  # type: ignore[arg-type]  # fields of the standing


def test_a_quiet_stack_wants_nobody_and_what_may_not_be_asked_is_no_alarm() -> None:
    assert wants() == []


def test_each_trouble_comes_with_its_command() -> None:
    region = standing.RegionStanding("us-east-1", drained=True, lease="lost")
    hold = standing.HoldStanding("big", "open", "never claimed", 1)
    wall = standing.PlaceStanding("every spot machine", standing.LIMITED, "MaxSpotInstanceCountExceeded")

    found = wants(
        regions=(region,),
        queues=(standing.QueueStanding("jobs", 0, 0, 2),),
        holds=(hold,),
        refusals=(wall,),
        machines=standing.MachinesStanding({"busy": 1}, 1, 0, 1),
        line=standing.LineStanding(1, 301.0, {}, 0),
    )

    assert [line.partition(":")[2].strip() for line in found] == [
        "`spotrunner resume --region us-east-1`",
        "docs/regions.md",
        "docs/operate.md",
        "`spotrunner jobs list --config big`",
        "the account's limit MaxSpotInstanceCountExceeded; have the quota raised",
        "`spotrunner runners list --overdue`",
        "`spotrunner jobs list --state waiting`",
    ]


def test_a_refusal_that_is_over_is_not_shown_and_orders_stand_before_breakers() -> None:
    known = Capacity(
        refused={"spot/a/z": Refused(NOW + 60, "ICE"), "spot/b/z": Refused(NOW - 1, "ICE")},
        breakers={"c/z": Breaker(opened_at=NOW - 10, cause="interruption", trips=1), "d/z": Breaker()},
        forced={"m7i.*/z": Force.OPEN},
        walls={Lifecycle.SPOT: Wall(NOW + 30, "MaxSpotInstanceCountExceeded", 60.0)},
    )

    places, refusals = standing.places_of(known, NOW), standing.refusals(known, NOW)

    assert [(each.place, each.state) for each in places] == [("m7i.*/z", "forced open"), ("c/z", "open")]
    assert places[1].until == NOW - 10 + 600.0
    assert [each.place for each in refusals] == ["every spot machine", "spot/a/z"]


def test_the_line_says_how_long_its_first_job_has_waited() -> None:
    waiting = [samples.job(1, queued_at=NOW - 40), samples.job(2, queued_at=NOW - 90)]
    running = [samples.job(3, state=JobState.RUNNING)]

    found = standing.line(waiting, running, [], NOW)

    assert (found.waiting, found.oldest_s, found.under_way, found.owed) == (2, 90.0, {"running": 1}, 0)


def test_a_machine_is_overdue_only_when_housekeeping_should_have_ended_it() -> None:
    late = samples.runner("i-1", lease_until=NOW - 300.0, state=RunnerState.BUSY)
    soon = samples.runner("i-2", lease_until=NOW - 200.0, lifecycle=Lifecycle.ON_DEMAND)

    found = standing.machines([late, soon], NOW, grace_s=120.0)

    assert found.overdue == 1
    assert (found.spot, found.on_demand) == (1, 1)


def test_a_region_stands_by_its_lease() -> None:
    def of(lease: Lease | None, *, alone: bool = False) -> str:
        return standing.region("eu-west-1", lease, NOW, 300.0, alone=alone, drained=False).lease

    assert of(None, alone=True) == "alone"
    assert of(None) == "never seen"
    assert of(Lease(NOW - 100, NOW + 100)) == "held"
    assert of(Lease(NOW - 900, NOW - 100)) == "lost"


def test_only_configurations_that_are_held_back_are_shown() -> None:
    known = BootHealth({"big": Breaker(opened_at=NOW - 1, cause="never claimed", trips=2), "small": Breaker()})

    (hold,) = standing.holds(known, NOW, BreakerPolicy())

    assert (hold.config, hold.state, hold.times) == ("big", "open", 2)
