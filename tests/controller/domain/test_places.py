"""A breaker for each machine type in each zone."""

from __future__ import annotations

from controller.domain import places
from controller.domain.places import TAKEN_AWAY, Breakers, Force, Met

NOW = 1_000.0
PLACE, OTHER = "c7a.large/us-east-1a", "c7a.large/us-east-1b"
FAILURES = places.POLICY.failures


def tripped(code: str = "InsufficientInstanceCapacity", times: int = FAILURES) -> Breakers:
    known: Breakers = {}
    for n in range(times):
        known = places.met(known, [Met(PLACE, code)], NOW + n, NOW + n)
    return known


def test_one_refusal_more_than_enough_opens_the_place_and_no_other() -> None:
    assert not places.is_open(tripped(times=FAILURES - 1), PLACE, "me", NOW + 10)
    assert places.is_open(tripped(), PLACE, "me", NOW + 10)
    assert not places.is_open(tripped(), OTHER, "me", NOW + 10)


def test_machines_taken_away_open_their_place() -> None:
    known = places.met({}, [Met(PLACE, TAKEN_AWAY)] * FAILURES, NOW, NOW)

    assert places.is_open(known, PLACE, "me", NOW + 1)


def test_after_its_rest_one_may_probe_and_nobody_else_meanwhile() -> None:
    later = NOW + 10 + places.POLICY.rest_s
    known = tripped()

    assert not places.is_open(known, PLACE, "me", later)
    known = places.probed(known, [PLACE, OTHER], "me", later)

    assert not places.is_open(known, PLACE, "me", later + 1)
    assert places.is_open(known, PLACE, "another", later + 1)


def test_a_probe_that_gets_a_machine_closes_the_breaker() -> None:
    later = NOW + 10 + places.POLICY.rest_s
    known = places.probed(tripped(), [PLACE], "me", later)

    known = places.met(known, [Met(PLACE)], later, later + 2, "me")

    assert known == {}


def test_a_probe_that_is_refused_opens_it_for_longer() -> None:
    later = NOW + 10 + places.POLICY.rest_s
    known = places.probed(tripped(), [PLACE], "me", later)

    known = places.met(known, [Met(PLACE, "Code")], later, later, "me")

    assert places.is_open(known, PLACE, "another", later + places.POLICY.rest_s + 1)
    assert not places.is_open(known, PLACE, "another", later + 2 * places.POLICY.rest_s + 1)


def test_a_probe_whose_machines_all_came_from_elsewhere_leaves_the_place_to_the_next() -> None:
    later = NOW + 10 + places.POLICY.rest_s
    known = places.probed(tripped(), [PLACE], "me", later)

    known = places.met(known, [Met(OTHER)], later, later + 2, "me")

    assert not places.is_open(known, PLACE, "another", later + 3)


def test_that_a_machine_starts_says_nothing_of_how_long_it_stays() -> None:
    known = places.met({}, [Met(PLACE, TAKEN_AWAY)] * (FAILURES - 1), NOW, NOW)

    known = places.met(known, [Met(PLACE)], NOW + 1, NOW + 1, "me")
    known = places.met(known, [Met(PLACE, TAKEN_AWAY)], NOW + 2, NOW + 2)

    assert places.is_open(known, PLACE, "me", NOW + 3)


def test_a_machine_that_starts_clears_the_refusals_before_it() -> None:
    known = places.met(tripped(times=FAILURES - 1), [Met(PLACE)], NOW + 60, NOW + 60, "me")

    known = places.met(known, [Met(PLACE, "Code")], NOW + 61, NOW + 61, "me")

    assert not places.is_open(known, PLACE, "me", NOW + 62)


def test_only_what_may_still_matter_is_kept() -> None:
    once = places.met({}, [Met(PLACE, "Code")], NOW, NOW)
    later = NOW + places.POLICY.window_s + 1
    many = [Met(f"t{n}.large/us-east-1a", "Code") for n in range(places.MOST_KEPT + 5)]

    assert places.met(once, [Met(OTHER, "Code")], later, later).keys() == {OTHER}
    assert len(places.met({}, many, NOW, NOW)) == places.MOST_KEPT


def test_an_operators_latest_order_that_fits_counts() -> None:
    orders = {"c7a.*/*": Force.OPEN, "*/us-east-1a": Force.CLOSED}

    assert places.forced(orders, PLACE) is Force.CLOSED
    assert places.forced(orders, OTHER) is Force.OPEN
    assert places.forced(orders, "m7a.large/us-east-1b") is None
