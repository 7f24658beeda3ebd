from __future__ import annotations

import dataclasses
import threading

from controller.domain.job_key import JobKey
from controller.domain.launch import LaunchState
from controller.ports import Record
from tests.controller.adapters.ports.conftest import Books
from tests.fakes import samples


def test_records_of_all_kinds_are_saved_in_one_step(books: Books) -> None:
    stale = books.ledger.save([samples.job(1), samples.runner("i-1"), samples.launch("launch-1")])

    assert stale == frozenset()
    assert books.jobs.get([JobKey(1, 1)])[JobKey(1, 1)].version == 1
    assert books.runners.get(["i-1"])["i-1"].version == 1
    assert books.launches.get("launch-1") == dataclasses.replace(samples.launch("launch-1"), version=1)


def test_a_record_that_must_not_exist_yet_is_stale_where_it_does(books: Books) -> None:
    books.ledger.save([samples.launch("launch-1", rung="spot")])

    stale = books.ledger.save([samples.launch("launch-1", rung="on-demand")])

    assert stale == {"launch-1"}
    assert (books.launches.get("launch-1") or samples.launch()).rung == "spot"


def test_one_record_at_another_version_keeps_all_from_being_written(books: Books) -> None:
    books.ledger.save([samples.job(1), samples.runner("i-1")])
    read = books.jobs.get([JobKey(1, 1)])[JobKey(1, 1)]
    books.ledger.save([dataclasses.replace(read, reason="somebody else")])

    stale = books.ledger.save(
        [
            dataclasses.replace(read, reason="me"),
            dataclasses.replace(samples.runner("i-1"), version=1, reason="me"),
            samples.launch("launch-1"),
        ]
    )

    assert stale == {"1#1"}
    assert books.jobs.get([JobKey(1, 1)])[JobKey(1, 1)].reason == "somebody else"
    assert books.runners.get(["i-1"])["i-1"].reason == ""
    assert books.launches.get("launch-1") is None


def test_every_stale_record_is_named(books: Books) -> None:
    books.ledger.save([samples.job(1), samples.job(2), samples.job(3)])

    stale = books.ledger.save([samples.job(1), samples.job(3), samples.job(4)])

    assert stale == {"1#1", "3#1"}


def test_a_record_that_is_gone_is_stale_at_any_version(books: Books) -> None:
    assert books.ledger.save([samples.job(1, version=3)]) == {"1#1"}


def test_saving_nothing_is_fine(books: Books) -> None:
    assert books.ledger.save([]) == frozenset()


def test_more_than_a_hundred_records_go_in_several_steps(books: Books) -> None:
    books.ledger.save([samples.runner("i-50")])
    records: list[Record] = [samples.runner(f"i-{n}") for n in range(102)]

    stale = books.ledger.save(records)

    assert stale == {"i-50"}
    assert books.runners.get(["i-49", "i-50", "i-100", "i-101"]).keys() == {"i-50", "i-100", "i-101"}


def test_of_two_writers_at_one_version_one_wins(books: Books) -> None:
    books.ledger.save([samples.job(1)])
    read = books.jobs.get([JobKey(1, 1)])[JobKey(1, 1)]
    start = threading.Barrier(4)
    answers: list[frozenset[str]] = []

    def write(writer: int) -> None:
        start.wait(30)
        answers.append(
            books.ledger.save([dataclasses.replace(read, reason=str(writer)), samples.launch(f"l-{writer}")])
        )

    threads = [threading.Thread(target=write, args=(writer,)) for writer in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(map(len, answers)) == [0, 1, 1, 1]
    assert books.jobs.get([JobKey(1, 1)])[JobKey(1, 1)].version == 2


def test_pending_launches_are_those_written_before_a_time_oldest_first(books: Books) -> None:
    books.ledger.save([samples.launch(f"launch-{n}", created_at=100.0 - n) for n in range(6)])
    settled = books.launches.get("launch-5") or samples.launch()
    books.ledger.save([dataclasses.replace(settled, state=LaunchState.SETTLED, instances=("i-1",))])

    pending = books.launches.pending(before=100.0, limit=3)

    assert [launch.launch_id for launch in pending] == ["launch-4", "launch-3", "launch-2"]
    assert pending[0].request == samples.launch().request
    assert books.launches.pending(before=90.0, limit=3) == []


def test_an_unknown_launch_is_none(books: Books) -> None:
    assert books.launches.get("launch-404") is None


def test_a_fact_is_remembered_until_it_expires(books: Books) -> None:
    books.memory.remember("release/linux", "2.336.0", expires=100.5)

    assert books.memory.recall("release/linux", now=100.4) == "2.336.0"
    assert books.memory.recall("release/linux", now=100.5) is None
    assert books.memory.recall("release/windows", now=1.0) is None


def test_a_fact_is_swapped_only_for_the_one_that_was_read(books: Books) -> None:
    assert books.memory.swap("capacity", None, "first", expires=200.0) == "first"
    assert books.memory.swap("capacity", None, "second", expires=200.0) == "first"
    assert books.memory.swap("capacity", "first", "third", expires=200.0) == "third"
    assert books.memory.swap("capacity", "first", "fourth", expires=200.0) == "third"
    assert books.memory.recall("capacity", now=150.0) == "third"


def test_the_last_writer_of_a_fact_wins(books: Books) -> None:
    books.memory.remember("cursor", "1", expires=100.0)
    books.memory.remember("cursor", "", expires=200.0)

    assert books.memory.recall("cursor", now=150.0) == ""


def test_old_jobs_are_forgotten_and_those_gone_already_do_no_harm(books: Books) -> None:
    books.jobs.add([samples.job(n) for n in range(150)])
    held = list(books.jobs.get([JobKey(n, 1) for n in range(149)]).values())

    assert books.ledger.forget(held) == frozenset()
    assert books.ledger.forget(held[:2]) == frozenset()

    assert books.jobs.get([JobKey(n, 1) for n in range(150)]).keys() == {JobKey(149, 1)}


def test_a_job_that_has_changed_is_not_forgotten_and_does_not_keep_the_others(books: Books) -> None:
    books.jobs.add([samples.job(n) for n in range(1, 5)])
    held = list(books.jobs.get([JobKey(n, 1) for n in range(1, 5)]).values())
    changed = next(job for job in held if job.key.job_id == 2)
    books.ledger.save([dataclasses.replace(changed, reason="somebody else")])

    assert books.ledger.forget(held) == {"2#1"}

    assert books.jobs.get([job.key for job in held]).keys() == {JobKey(2, 1)}


def test_forgetting_nothing_is_fine(books: Books) -> None:
    assert books.ledger.forget([]) == frozenset()
