"""Every class of EC2's errors, by EC2's own codes, and what the dispatcher does about it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from controller.adapters.aws.errors import failure, refusal_kind
from controller.domain.job import JobState
from controller.domain.launch import LaunchPlan, Refusal
from controller.domain.runner import Lifecycle
from controller.errors import Unavailable
from controller.messages import Chores
from runner_agent.contract import wire
from tests.controller.usecases.world import REPLAY_S, SUBNETS, World
from tests.fakes import samples

HOURS_S = 3 * 3_600.0
TYPE, ZONE = "c7a.xlarge", next(iter(SUBNETS))
SPOT, ON_DEMAND = Lifecycle.SPOT, Lifecycle.ON_DEMAND


@dataclass(frozen=True, slots=True)
class Reaction:
    """What a dispatcher does about one refusal of its first request."""

    asks: tuple[Lifecycle, ...]
    """What the job's requests are for, the first included."""
    job: JobState
    then: tuple[Lifecycle, ...] = ()
    """What the next job's requests are for, a moment later."""
    avoids: frozenset[tuple[str, str]] = frozenset()
    """The types and zones that the next job's first request leaves out."""
    hours_later: frozenset[tuple[str, str]] = frozenset()
    """The same, hours later."""


HERE = frozenset({(TYPE, ZONE)})
ZONE_WIDE = frozenset({(TYPE, ZONE), ("m7a.xlarge", ZONE)})
LAUNCHED, WAITING, REFUSED = JobState.LAUNCHED, JobState.WAITING, JobState.REFUSED

INSIDE = {
    "pool": (
        ("InsufficientInstanceCapacity", "UnfulfillableCapacity", "InsufficientCapacity", "SpotMaxPriceTooLow"),
        Reaction((SPOT, ON_DEMAND), LAUNCHED, (SPOT,), HERE),
    ),
    "pool, permanent": (("Unsupported",), Reaction((SPOT, ON_DEMAND), LAUNCHED, (SPOT,), HERE, HERE)),
    "subnet": (
        ("InsufficientFreeAddressesInSubnet",),
        Reaction((SPOT, ON_DEMAND), LAUNCHED, (SPOT,), ZONE_WIDE),
    ),
    "rate": (("RequestLimitExceeded", "ThrottlingException", "ResourceLimitExceeded"), Reaction((SPOT,), WAITING)),
    "server": (("InternalError", "ServiceUnavailable"), Reaction((SPOT,), WAITING, (SPOT,))),
    "quota": (
        (
            "MaxSpotInstanceCountExceeded",
            "VcpuLimitExceeded",
            "InstanceLimitExceeded",
            "MaxFleetCountExceeded",
            "TargetCapacityLimitExceededException",
            "MaxSpotFleetRequestCountExceeded",
            "PendingVerification",
        ),
        Reaction((SPOT, ON_DEMAND), LAUNCHED, (ON_DEMAND,)),
    ),
    "config": (
        (
            "UnauthorizedOperation",
            "AuthFailure",
            "InvalidParameterValue",
            "InvalidLaunchTemplateId.NotFound",
            "InvalidAMIID.NotFound",
            "InvalidUserData.Malformed",
            "InvalidSubnetID.NotFound",
            "IdempotentParameterMismatch",
            "Blocked",
        ),
        Reaction((SPOT,), REFUSED, (SPOT,), HERE, HERE),
    ),
    "special": (
        ("AuthFailure.ServiceLinkedRoleCreationNotPermitted",),
        Reaction((SPOT, ON_DEMAND), LAUNCHED, (ON_DEMAND,)),
    ),
    "race": (("InvalidInstanceID.NotFound",), Reaction((SPOT,), WAITING, (SPOT,))),
}
"""Class to its codes, as they stand among the errors of a successful answer, and the reaction."""

OUTRIGHT = {
    "rate": ("RequestLimitExceeded", "ThrottlingException"),
    "server": ("InternalError", "ServiceUnavailable", "Unavailable"),
    "race": ("InvalidInstanceID.NotFound",),
}
"""Class to the codes with which the whole call fails, so that nobody knows what came of it."""


def cases() -> Iterator[object]:
    for name, (codes, reaction) in INSIDE.items():
        for code in codes:
            yield pytest.param(code, reaction, id=f"{name}: {code}")


def world() -> World:
    return World(samples.config(families=("c7a", "m7a")))


def asked(found: World, since: int = 0) -> list[LaunchPlan]:
    return [wire.loads(LaunchPlan, text) for text in found.fleet.requests[since:]]


def left_out(plan: LaunchPlan, first: LaunchPlan) -> frozenset[tuple[str, str]]:
    """The offerings of the first request that a later one does without."""
    return frozenset((one.instance_type, one.zone) for one in {*first.offerings} - {*plan.offerings})


@pytest.mark.parametrize(("code", "reaction"), list(cases()))
def test_the_reaction_to_each_code_inside_an_answer(code: str, reaction: Reaction) -> None:
    found = world()
    found.fleet.refuse_next.append(Refusal(refusal_kind(code), code, "words", TYPE, ZONE))

    found.arrive(1)
    first = asked(found)
    job = found.job(1)
    found.arrive(2)
    next_one = asked(found, len(first))
    found.clock.turn(HOURS_S)
    found.arrive(3)
    late = asked(found, len(first) + len(next_one))

    assert tuple(plan.lifecycle for plan in first) == reaction.asks
    assert job.state is reaction.job
    assert code in (job.rung_reason if job.state is LAUNCHED else job.reason)
    assert tuple(plan.lifecycle for plan in next_one) == reaction.then
    assert {left_out(plan, first[0]) for plan in next_one[:1] if plan.lifecycle is SPOT} <= {reaction.avoids}
    assert left_out(late[0], first[0]) == reaction.hours_later
    assert late[0].lifecycle is SPOT


@pytest.mark.parametrize("code", [code for name in ("rate", "server", "race") for code in INSIDE[name][0]])
def test_what_says_nothing_of_capacity_is_remembered_of_no_pool_and_opens_no_breaker(code: str) -> None:
    found = world()
    found.fleet.refuse_next += [Refusal(refusal_kind(code), code, "words", TYPE, ZONE)] * 20

    for n in range(20):
        found.arrive(n + 1)
        found.clock.turn(60)

    assert (found.book.known.refused, found.book.known.breakers, found.book.known.walls) == ({}, {}, {})


@pytest.mark.parametrize(
    "code", [pytest.param(code, id=f"{name}: {code}") for name, codes in OUTRIGHT.items() for code in codes]
)
def test_a_call_that_fails_outright_is_repeated_word_for_word_and_never_taken_for_a_refusal(code: str) -> None:
    found = world()
    fault = failure("launch launch-1", code, 503, "words")
    assert isinstance(fault, Unavailable)
    found.fleet.faults.plan(fault)

    found.arrive(1)
    state = found.job(1).state
    found.clock.turn(REPLAY_S + 1)
    found.sweep(Chores.PENDING_LAUNCHES)

    assert state is JobState.LAUNCHING
    assert found.fleet.requests[0] == found.fleet.requests[1]
    assert found.machine_of(1)
    assert found.book.known.refused == {}
