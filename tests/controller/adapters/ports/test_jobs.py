from __future__ import annotations

import dataclasses

from controller.domain.job import JobState, Rerun, move
from controller.domain.job_key import JobKey
from tests.controller.adapters.ports.conftest import Books
from tests.fakes import samples


def test_a_new_job_is_written_down_and_read_back_whole(books: Books) -> None:
    job = samples.job(1, traceparent="00-1-2-01", started_at=1.5)

    new = books.jobs.add([job])

    assert new == {job.key}
    assert books.jobs.get([job.key]) == {job.key: dataclasses.replace(job, version=1)}


def test_a_known_job_is_not_new_and_stays_as_it_was(books: Books) -> None:
    books.jobs.add([samples.job(1, name="first")])

    new = books.jobs.add([samples.job(1, name="second")])

    assert new == frozenset()
    assert books.jobs.get([JobKey(1, 1)])[JobKey(1, 1)].name == "first"


def test_known_jobs_in_a_batch_do_not_hold_up_the_new_ones(books: Books) -> None:
    books.jobs.add([samples.job(2), samples.job(4)])

    new = books.jobs.add([samples.job(n) for n in range(1, 6)])

    assert new == {JobKey(1, 1), JobKey(3, 1), JobKey(5, 1)}
    assert len(books.jobs.get([JobKey(n, 1) for n in range(1, 6)])) == 5


def test_the_same_job_twice_in_a_batch_is_one_job(books: Books) -> None:
    new = books.jobs.add([samples.job(1, name="first"), samples.job(1, name="second"), samples.job(2)])

    assert new == {JobKey(1, 1), JobKey(2, 1)}
    assert books.jobs.get([JobKey(1, 1)])[JobKey(1, 1)].name == "first"


def test_attempts_of_one_job_are_jobs_of_their_own(books: Books) -> None:
    new = books.jobs.add([samples.job(1, attempt=1), samples.job(1, attempt=2)])

    assert new == {JobKey(1, 1), JobKey(1, 2)}


def test_the_same_job_of_two_servers_is_two_jobs(books: Books) -> None:
    here, there = JobKey(1, 1), JobKey(1, 1, "corp")

    new = books.jobs.add([samples.job(key=here), samples.job(key=there, name="theirs")])

    assert new == {here, there}
    assert books.jobs.get([there])[there].name == "theirs"
    assert {job.key for job in books.jobs.waiting(10)} == {here, there}


def test_nothing_to_add_and_nothing_to_get_is_nothing(books: Books) -> None:
    assert books.jobs.add([]) == frozenset()
    assert books.jobs.get([]) == {}
    assert books.jobs.get([JobKey(404, 1)]) == {}


def test_more_than_a_hundred_jobs_are_added_and_read(books: Books) -> None:
    jobs = [samples.job(n) for n in range(1, 102)]

    new = books.jobs.add(jobs)

    assert len(new) == 101
    assert len(books.jobs.get([job.key for job in jobs])) == 101


def test_the_line_is_served_longest_queued_first_across_all_shards(books: Books) -> None:
    books.jobs.add([samples.job(n, queued_at=samples.NOW - n) for n in range(1, 31)])

    line = books.jobs.waiting(limit=10)

    assert [job.key.job_id for job in line] == list(range(30, 20, -1))


def test_a_job_stands_in_the_stage_of_its_state_only(books: Books) -> None:
    books.jobs.add([samples.job(n) for n in (1, 2, 3)])
    first, second, _ = (books.jobs.get([JobKey(n, 1)])[JobKey(n, 1)] for n in (1, 2, 3))

    books.ledger.save([move(first, JobState.LAUNCHING, samples.NOW), move(second, JobState.COMPLETED, samples.NOW)])

    assert [job.key.job_id for job in books.jobs.waiting(10)] == [3]
    assert [job.key.job_id for job in books.jobs.under_way(10)] == [1]


def test_a_job_of_which_github_is_owed_a_word_is_at_hand_until_it_has_been_said(books: Books) -> None:
    lost = dataclasses.replace(samples.job(2), state=JobState.COMPLETED, rerun=Rerun.WANTED, rerun_at=1.5, reruns=1)
    books.jobs.add([samples.job(1), lost, samples.job(3, state=JobState.REFUSED, reason="no such configuration")])
    owed = books.jobs.owed(10)

    books.ledger.save([dataclasses.replace(owed[0], rerun=Rerun.MADE), dataclasses.replace(owed[1], told=True)])

    assert [job.key.job_id for job in owed] == [2, 3]
    assert (owed[0].rerun, owed[0].rerun_at, owed[0].reruns) == (Rerun.WANTED, 1.5, 1)
    assert [(job.key.job_id, job.rerun) for job in books.jobs.owed(10)] == [(2, Rerun.MADE)]


def test_jobs_from_the_line_can_be_saved_as_they_are(books: Books) -> None:
    books.jobs.add([samples.job(1)])
    (job,) = books.jobs.waiting(10)

    stale = books.ledger.save([move(job, JobState.LAUNCHING, samples.NOW, launch_id="launch-1")])

    assert stale == frozenset()
    assert books.jobs.get([job.key])[job.key].launch_id == "launch-1"


def test_ended_jobs_are_found_by_when_they_were_queued_in_that_order(books: Books) -> None:
    books.jobs.add([samples.job(n, queued_at=100.0 + n, state=JobState.COMPLETED) for n in range(9, 0, -1)])
    books.jobs.add([samples.job(10, queued_at=103.0), samples.job(11, queued_at=103.0, state=JobState.RUNNING)])
    books.jobs.add([samples.job(12, queued_at=103.0, state=JobState.COMPLETED, home="eu-west-1")])

    found = books.jobs.ended(102.0, 106.0, 10)

    assert [job.key.job_id for job in found] == [2, 3, 4, 5]
    assert [job.key.job_id for job in books.jobs.ended(0.0, 106.0, 3)] == [1, 2, 3]


def test_a_refused_job_has_ended_once_its_commit_has_been_told(books: Books) -> None:
    books.jobs.add([samples.job(1, state=JobState.REFUSED), samples.job(2, state=JobState.REFUSED, told=True)])

    assert [job.key.job_id for job in books.jobs.ended(0.0, 1e12, 10)] == [2]
