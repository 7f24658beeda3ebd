from __future__ import annotations

import dataclasses

from controller.domain.job_key import NOBODY, JobKey
from controller.domain.runner import RunnerState
from tests.controller.adapters.ports.conftest import Books
from tests.fakes import samples


def test_a_machine_is_read_back_whole(books: Books) -> None:
    runner = samples.runner(
        "i-1", ran=JobKey(5, 2), exit_code=0, github_id=12, claimed_at=0.0, interruption="terminate"
    )

    books.ledger.save([runner])

    assert books.runners.get(["i-1", "i-2"]) == {"i-1": dataclasses.replace(runner, version=1)}


def test_many_machines_are_read_at_once(books: Books) -> None:
    books.ledger.save([samples.runner(f"i-{n}") for n in range(101)])

    found = books.runners.get([f"i-{n}" for n in range(105)])

    assert len(found) == 101


def test_machines_beyond_their_lease_are_found_longest_first(books: Books) -> None:
    books.ledger.save([samples.runner(f"i-{n}", lease_until=100.0 + n) for n in range(10)])

    late = books.runners.expired(before=105.0, limit=3)

    assert [runner.instance_id for runner in late] == ["i-0", "i-1", "i-2"]
    assert len(books.runners.expired(before=105.0, limit=100)) == 5


def test_spares_are_found_apart_and_count_among_those_that_have_a_lease(books: Books) -> None:
    spare = {"state": RunnerState.SPARE, "job": NOBODY, "repository": ""}
    books.ledger.save(
        [
            samples.runner("i-1", lease_until=50.0),
            samples.runner("i-2", lease_until=30.0, ready_at=5.0, **spare),
            samples.runner("i-3", lease_until=20.0, **spare),
        ]
    )

    assert [runner.instance_id for runner in books.runners.spares(limit=10)] == ["i-3", "i-2"]
    assert [runner.instance_id for runner in books.runners.spares(limit=1)] == ["i-3"]
    assert books.runners.spares(limit=10)[1].ready_at == 5.0
    assert [runner.instance_id for runner in books.runners.expired(before=100.0, limit=2)] == ["i-3", "i-2"]
    assert len(books.runners.expired(before=100.0, limit=10)) == 3


def test_a_machine_that_has_ended_has_no_lease_to_run_out(books: Books) -> None:
    books.ledger.save(
        [
            samples.runner("i-1", lease_until=1.0, state=RunnerState.FINISHED),
            samples.runner("i-2", lease_until=1.0, state=RunnerState.GONE),
            samples.runner("i-3", lease_until=1.0, state=RunnerState.BUSY),
        ]
    )

    assert [runner.instance_id for runner in books.runners.expired(before=2.0, limit=10)] == ["i-3"]


def test_machines_that_ended_in_doubt_are_at_hand_until_they_are_delisted(books: Books) -> None:
    books.ledger.save(
        [
            samples.runner("i-alive"),
            samples.runner("i-well", state=RunnerState.FINISHED, result="success"),
            samples.runner("i-lost", state=RunnerState.GONE),
            samples.runner("i-idle", state=RunnerState.FINISHED, result="no_job", lease_until=samples.NOW),
        ]
    )

    doubted = books.runners.doubted(10)
    books.ledger.save([dataclasses.replace(doubted[0], delisted=True)])

    assert [runner.instance_id for runner in doubted] == ["i-idle", "i-lost"]
    assert [runner.instance_id for runner in books.runners.doubted(10)] == ["i-lost"]
