"""What all dispatchers know together, and what each may ask for next."""

from __future__ import annotations

from dataclasses import replace

import pytest

from controller.domain import capacity, places
from controller.domain.capacity import SPECIAL_S, Capacity, Terms, Turn
from controller.domain.launch import MOST_OFFERINGS, LaunchAnswer, Machine, Offering, Refusal
from controller.domain.pacing import Bucket, Pace
from controller.domain.places import Force
from controller.domain.refusal import RefusalKind
from controller.domain.runner import Lifecycle
from runner_agent.contract import wire

NOW = 1_000.0
SPOT, ON_DEMAND = Lifecycle.SPOT, Lifecycle.ON_DEMAND
HERE, THERE = Offering("c7a.large", "us-east-1a", "subnet-a"), Offering("c7a.large", "us-east-1b", "subnet-b")
BOTH = (HERE, THERE)
TERMS = Terms(pool_s=180.0, wall_s=60.0)
QUOTA = Refusal(RefusalKind.QUOTA, "MaxSpotInstanceCountExceeded")


def sold_out(*offerings: Offering) -> LaunchAnswer:
    code = "InsufficientInstanceCapacity"
    return LaunchAnswer(
        refusals=tuple(Refusal(RefusalKind.CAPACITY, code, "", o.instance_type, o.zone) for o in offerings)
    )


def started(count: int, *refusals: Refusal) -> LaunchAnswer:
    machines = tuple(Machine(f"i-{n}", HERE.instance_type, HERE.zone, SPOT) for n in range(count))
    return LaunchAnswer(machines, refusals)


def asked(known: Capacity, wanted: int = 5, now: float = NOW, lifecycle: Lifecycle = SPOT) -> tuple[Capacity, Turn]:
    return capacity.turn(known, lifecycle, BOTH, wanted, now)


def after(known: Capacity, answer: LaunchAnswer, now: float = NOW) -> Capacity:
    known, taken = asked(known, now=now)
    return capacity.answered(known, (SPOT, taken), answer, now, TERMS)


def test_where_nothing_is_known_everything_is_asked_for() -> None:
    known, taken = asked(Capacity(), wanted=7)

    assert (taken.count, taken.offerings, taken.closed) == (7, BOTH, "")
    assert known.pace.room(NOW) == Capacity().pace.room(NOW) - 7


def test_a_pool_that_has_refused_is_not_asked_again_and_the_others_are() -> None:
    known = after(Capacity(), sold_out(HERE))

    assert asked(known)[1].offerings == (THERE,)
    assert asked(known, lifecycle=ON_DEMAND)[1].offerings == BOTH


def test_where_every_pool_has_refused_the_rung_is_closed_with_the_reason() -> None:
    known = after(Capacity(), sold_out(*BOTH))

    same, taken = asked(known)

    assert (taken.count, taken.closed) == (0, "InsufficientInstanceCapacity")
    assert same == known
    assert asked(known, now=NOW + TERMS.pool_s)[1].count == 5


def test_throttling_inside_an_answer_is_never_remembered_of_a_pool() -> None:
    throttled = Refusal(RefusalKind.RATE, "RequestLimitExceeded", "", HERE.instance_type, HERE.zone)

    known = after(Capacity(), started(1, throttled))

    assert known.refused == {}
    assert known.breakers == {}
    assert asked(known)[1].paced
    assert asked(known, now=NOW + 60)[1].offerings == BOTH


def test_a_quota_in_the_way_is_asked_again_by_one_machine_at_a_time() -> None:
    known = after(Capacity(), LaunchAnswer(refusals=(QUOTA,)))

    assert "MaxSpotInstanceCountExceeded" in asked(known)[1].closed
    assert asked(known, lifecycle=ON_DEMAND)[1].count == 5

    known, probe = asked(known, now=NOW + 60)

    assert probe.count == 1
    assert asked(known, now=NOW + 61)[1].closed


def test_a_probe_that_gets_its_machine_takes_the_wall_away() -> None:
    known = after(Capacity(), LaunchAnswer(refusals=(QUOTA,)))

    known = after(known, started(1), now=NOW + 60)

    assert asked(known, now=NOW + 61)[1].count == 5


def test_a_quota_met_by_part_of_a_launch_is_a_wall_for_the_next() -> None:
    known = after(Capacity(), started(2, QUOTA))

    assert asked(known)[1].closed


def test_without_the_role_for_spot_no_spot_is_asked_for_an_hour() -> None:
    special = Refusal(RefusalKind.SPECIAL, "AuthFailure.ServiceLinkedRoleCreationNotPermitted")

    known = after(Capacity(), LaunchAnswer(refusals=(special,)))

    assert asked(known, now=NOW + SPECIAL_S - 1)[1].closed
    assert asked(known, now=NOW + SPECIAL_S)[1].count == 1
    assert asked(known, lifecycle=ON_DEMAND)[1].count == 5


def test_machines_not_started_give_their_tokens_back() -> None:
    known = after(Capacity(), sold_out(HERE))

    assert known.pace.room(NOW) == Pace().room(NOW)


def test_an_answer_that_brings_all_that_was_asked_changes_nothing() -> None:
    known, taken = asked(Capacity())

    assert capacity.answered(known, (SPOT, taken), started(5), NOW, TERMS) == known


def test_the_offerings_are_cut_after_those_that_refused_have_made_room() -> None:
    every = [Offering(f"t{n}.large", "us-east-1a", "subnet-a") for n in range(MOST_OFFERINGS + 10)]
    known, taken = capacity.turn(Capacity(), SPOT, every, 1, NOW)
    known = capacity.answered(known, (SPOT, taken), sold_out(*every[:5]), NOW, TERMS)

    assert capacity.turn(known, SPOT, every, 1, NOW)[1].offerings == tuple(every[5 : MOST_OFFERINGS + 5])


def taken_away() -> list[places.Met]:
    """As many machines as it takes to leave the place alone."""
    return [places.taken_away(f"i-{n}", HERE.instance_type, HERE.zone) for n in range(places.POLICY.failures)]


def test_a_machine_taken_away_counts_once_however_often_it_is_told() -> None:
    told = [taken_away()[0]] * places.POLICY.failures

    known = capacity.interrupted(capacity.interrupted(Capacity(), told, NOW), told, NOW + 1.0)

    assert asked(known)[1].offerings == BOTH


def test_where_machines_are_taken_away_again_and_again_no_spot_is_asked_for() -> None:
    known = capacity.interrupted(Capacity(), taken_away(), NOW)

    assert asked(known)[1].offerings == (THERE,)
    assert asked(known, lifecycle=ON_DEMAND)[1].offerings == BOTH


def test_a_half_open_place_is_in_one_request_at_a_time() -> None:
    known = replace(capacity.interrupted(Capacity(), taken_away(), NOW), stamp="first")
    later = NOW + places.POLICY.rest_s

    known, probe = asked(known, now=later)
    other = replace(known, stamp="second")

    assert probe.offerings == BOTH
    assert asked(other, now=later + 1)[1].offerings == (THERE,)
    known = capacity.answered(other, (SPOT, probe), started(5), later + 2, TERMS)
    assert asked(known, now=later + 3)[1].offerings == BOTH


@pytest.mark.parametrize("lifecycle", Lifecycle)
def test_an_operator_closes_and_opens_places(lifecycle: Lifecycle) -> None:
    known = after(Capacity(), sold_out(HERE))
    shut = capacity.ordered(known, "*/us-east-1b", Force.OPEN)
    spared = capacity.ordered(known, "c7a.*/us-east-1a", Force.CLOSED)

    assert THERE not in asked(shut, lifecycle=lifecycle)[1].offerings
    assert asked(spared, lifecycle=lifecycle)[1].offerings == BOTH
    assert capacity.ordered(shut, "*/us-east-1b", None) == known


def test_one_dispatcher_is_woken_for_all_when_there_are_tokens_again() -> None:
    known = replace(Capacity(), pace=Pace(machines=Bucket(0.0, NOW)))

    known, first = capacity.wake(known, 100, NOW)
    known, second = capacity.wake(known, 100, NOW + 1)
    _, third = capacity.wake(known, 100, NOW + 60)

    assert first is not None
    assert 10.0 <= first <= 10.0 + capacity.JITTER_S
    assert second is None
    assert third is not None


def test_the_record_travels_as_text() -> None:
    known = after(after(Capacity(), sold_out(HERE)), LaunchAnswer(refusals=(QUOTA,)))
    known = capacity.interrupted(capacity.ordered(known, "*", Force.CLOSED), taken_away(), NOW)
    known = replace(known, served={"octo/hello": 1.5}, stamp="s")

    assert wire.loads(Capacity, wire.dumps(known)) == known
