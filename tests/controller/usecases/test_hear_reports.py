"""What GitHub says and what machines say, joined in any order, believed only from whoever may say it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.domain.deliveries import MessageDelayed, MessageRejected
from controller.domain.events import JobBackInLine, JobEnded, JobStarted, MachineReported, RunnerSwapped
from controller.domain.job import JobState
from controller.domain.job_key import JobKey
from controller.domain.pairing import MOST_REPLACEMENTS
from controller.domain.runner import ALIVE, RunnerState
from controller.errors import Rejected, Unavailable
from controller.messages import Chore, Chores, Delivery, Step, Wake
from runner_agent.contract.reports import ReportKind, Result
from runner_agent.contract.trace import TraceContext
from tests.controller.usecases.world import JOB_LIMIT_S, World, delivery
from tests.fakes import samples


def claimed(*job_ids: int, world: World | None = None) -> tuple[World, list[str]]:
    """These jobs, each with a machine that has claimed."""
    world = world or World()
    world.arrive(*job_ids)
    machines = [world.machine_of(n) for n in job_ids]
    for machine in machines:
        world.claim(machine)
    return world, machines


def name(world: World, machine: str) -> str:
    return world.runner(machine).name


def test_github_says_that_a_job_runs() -> None:
    world, (machine,) = claimed(1)

    world.moved(Step.IN_PROGRESS, 1, runner_name=name(world, machine), started_at=samples.NOW + 60)

    assert (world.job(1).state, world.job(1).runner_name) == (JobState.RUNNING, name(world, machine))
    assert (world.runner(machine).state, world.runner(machine).ran) == (RunnerState.BUSY, JobKey(1, 1))
    assert world.runner(machine).lease_until == pytest.approx(world.clock.now + JOB_LIMIT_S, abs=1.0)
    (told,) = world.told.of(JobStarted)
    assert told.waited_s == pytest.approx(59.0)


def test_a_job_without_a_starting_time_has_waited_for_an_unknown_time() -> None:
    world, (machine,) = claimed(1)

    world.moved(Step.IN_PROGRESS, 1, runner_name=name(world, machine))

    assert [event.waited_s for event in world.told.of(JobStarted)] == [None]


def test_github_says_that_a_job_has_ended() -> None:
    world, (machine,) = claimed(1)
    world.moved(Step.IN_PROGRESS, 1, runner_name=name(world, machine), started_at=samples.NOW + 60)

    world.moved(
        Step.COMPLETED, 1, runner_name=name(world, machine), conclusion="failure", completed_at=samples.NOW + 90
    )

    assert (world.job(1).state, world.job(1).conclusion) == (JobState.COMPLETED, "failure")
    (told,) = world.told.of(JobEnded)
    assert (told.conclusion, told.ran_s, told.queued_at) == ("failure", 30.0, samples.NOW + 1)
    assert told.traceparent == str(TraceContext.of_job(1, 1))


def test_a_configurations_own_job_limit_is_the_lease_of_its_busy_machines() -> None:
    for says in ("github", "machine"):
        world, (machine,) = claimed(1, world=World(samples.config(job_limit_s=50_000.0)))

        if says == "github":
            world.moved(Step.IN_PROGRESS, 1, runner_name=name(world, machine))
        else:
            world.reported(ReportKind.STARTED, machine)

        assert world.runner(machine).lease_until == pytest.approx(world.clock.now + 50_000.0, abs=1.0)


def test_a_job_held_by_a_protection_rule_is_left_as_it_is() -> None:
    world, _ = claimed(1)
    before = dict(world.shelf.records)

    assert world.moved(Step.WAITING, 1) == []

    assert world.shelf.records == before


def test_copies_of_githubs_word_change_nothing_and_are_told_once() -> None:
    world, (machine,) = claimed(1)
    running = world.word(Step.IN_PROGRESS, 1, runner_name=name(world, machine), started_at=samples.NOW + 60)
    ended = world.word(Step.COMPLETED, 1, runner_name=name(world, machine), conclusion="success")

    world.hear([running, running])
    world.hear([running])
    after = dict(world.shelf.records)
    assert len(world.told.of(JobStarted)) == 1
    world.hear([running])
    assert world.shelf.records == after

    world.hear([ended, ended])
    world.hear([ended, running])
    assert len(world.told.of(JobEnded)) == 1
    assert len(world.told.of(JobStarted)) == 1


def test_a_job_that_ended_before_it_was_heard_of_launches_nothing() -> None:
    world = World()

    world.moved(Step.COMPLETED, 1, conclusion="cancelled")
    world.arrive(1)

    assert world.fleet.requests == []
    assert world.job(1).state is JobState.COMPLETED


def test_a_job_that_runs_before_it_was_heard_of_launches_nothing() -> None:
    world = World()

    world.moved(Step.IN_PROGRESS, 1, runner_name="somebody-elses")
    world.arrive(1)

    assert world.fleet.requests == []
    assert world.job(1).state is JobState.RUNNING


def test_a_machine_reports_that_its_runner_works() -> None:
    world, (machine,) = claimed(1)

    world.reported(ReportKind.STARTED, machine, at=samples.NOW + 60)

    assert (world.runner(machine).state, world.runner(machine).started_at) == (RunnerState.BUSY, samples.NOW + 60)
    assert world.job(1).state is JobState.CLAIMED


def test_a_machine_says_its_last_word() -> None:
    world, (machine,) = claimed(1)
    world.reported(ReportKind.STARTED, machine)

    world.finished(machine, Result.OUT_OF_MEMORY, exit_code=137, reason="killed")

    runner = world.runner(machine)
    assert (runner.state, runner.result, runner.exit_code, runner.reason) == (
        RunnerState.FINISHED,
        "oom",
        137,
        "killed",
    )
    assert world.told.of(MachineReported)[-1] == MachineReported(machine, "finished", "oom", "killed")
    assert world.job(1).state is JobState.CLAIMED


def test_copies_of_a_machines_word_change_nothing_and_are_told_once() -> None:
    world, (machine,) = claimed(1)
    batch = [
        world.report(ReportKind.STARTED, machine),
        world.report(ReportKind.INTERRUPTION, machine, interruption="terminate"),
        world.report(ReportKind.FINISHED, machine, result=Result.INTERRUPTED),
    ]
    world.hear(batch)
    after, told = dict(world.shelf.records), list(world.told.events)

    world.hear(batch)
    world.hear(batch[::-1] + batch)

    assert world.shelf.records == after
    assert world.told.events == told


@pytest.mark.parametrize(
    "result",
    [
        Result.GHOST,
        Result.NO_JOB,
        Result.REGISTRATION_FAILED,
        Result.RUNNER_UNAVAILABLE,
        Result.INTERRUPTED,
        Result.AGENT_CRASH,
    ],
)
def test_a_job_whose_machine_never_got_to_it_goes_back_in_line_and_wakes_the_dispatcher(result: Result) -> None:
    world, (machine,) = claimed(1)

    world.finished(machine, result, reason="so it went")

    assert (world.job(1).state, world.job(1).instance_id, world.job(1).failures) == (JobState.WAITING, "", 1)
    assert str(result) in world.job(1).reason
    assert [type(message) for message in world.outbox.sent] == [Wake]
    assert [event.job for event in world.told.of(JobBackInLine)] == ["1#1"]

    world.wake()

    assert world.machine_of(1) != machine


@pytest.mark.parametrize("result", [Result.INTERRUPTED, Result.AGENT_CRASH, Result.GHOST])
def test_a_job_that_was_seen_running_is_githubs_to_end(result: Result) -> None:
    world, (machine,) = claimed(1)

    world.finished(machine, result, phases={"claimed": 1.0, "started": 2.0})

    assert world.job(1).state is JobState.CLAIMED
    assert world.outbox.sent == []


@pytest.mark.parametrize("result", sorted(set(Result) - {Result.GHOST, Result.NO_JOB, Result.INTERRUPTED}))
def test_a_running_job_never_goes_back_in_line_on_a_machines_word(result: Result) -> None:
    world, (machine,) = claimed(1)
    world.moved(Step.IN_PROGRESS, 1, runner_name=name(world, machine))

    world.finished(machine, result)

    assert world.job(1).state is JobState.RUNNING


def test_a_machine_that_no_longer_has_the_job_cannot_send_it_back_in_line() -> None:
    world, (machine,) = claimed(1)
    world.shelf.put(replace(world.job(1), instance_id="i-other"))

    world.finished(machine, Result.NO_JOB)

    assert world.job(1).state is JobState.CLAIMED


def test_a_spot_notice_goes_into_the_machines_record() -> None:
    world, (machine,) = claimed(1)

    world.reported(ReportKind.INTERRUPTION, machine, interruption="terminate")
    world.finished(machine, Result.INTERRUPTED)

    assert world.runner(machine).interruption == "terminate"


def test_a_report_of_a_machine_that_nobody_knows_is_ignored() -> None:
    world = World()

    assert world.reported(ReportKind.FINISHED, "i-unknown", result=Result.NO_JOB) == []

    assert world.shelf.records == {}
    assert world.told.events == []


def rejected(world: World, *batch: Delivery) -> list[str]:
    before = dict(world.shelf.records)
    failed = world.hear(batch)
    assert world.shelf.records == before
    assert failed == [one.id for one in batch]
    return [event.reason for event in world.told.of(MessageRejected)]


def test_a_machine_speaks_for_itself_only() -> None:
    world, (one, other) = claimed(1, 2)
    report = world.report(ReportKind.FINISHED, one, result=Result.NO_JOB)

    forged = replace(report, sender=f"AROAMACHINE:{other}")

    assert rejected(world, forged) == [f"{other} reports for {one}"]


def test_a_report_without_a_sender_is_not_believed() -> None:
    world, (machine,) = claimed(1)

    forged = replace(world.report(ReportKind.FINISHED, machine, result=Result.NO_JOB), sender="")

    assert rejected(world, forged) == [f"an unknown sender reports for {machine}"]


def test_a_machine_does_not_speak_for_github() -> None:
    world, (machine,) = claimed(1)
    word = world.word(Step.COMPLETED, 1, conclusion="success")

    forged = replace(word, sender=f"AROAMACHINE:{machine}")

    assert rejected(world, forged) == [f"{machine} speaks for GitHub about job 1#1"]


@pytest.mark.parametrize("message", [Wake(), samples.queued(1), Chore(Chores.ORPHANED_MACHINES)])
def test_what_belongs_on_another_queue_is_refused(message: Wake | Chore) -> None:
    (reason,) = rejected(World(), delivery(message))

    assert reason == f"a {message.kind} message does not belong on the reports queue"


def test_a_bad_message_fails_alone() -> None:
    world, (machine,) = claimed(1)
    bad = Delivery("message-bad", '{"kind":"finished"}', f"AROAMACHINE:{machine}")

    failed = world.hear([bad, world.word(Step.IN_PROGRESS, 1, runner_name=name(world, machine))])

    assert failed == ["message-bad"]
    assert world.job(1).state is JobState.RUNNING


def test_a_message_without_a_sender_does_not_speak_for_github() -> None:
    world, (machine,) = claimed(1)
    word = world.word(Step.COMPLETED, 1, runner_name=name(world, machine))

    assert rejected(world, replace(word, sender="")) == ["an unknown sender speaks for GitHub about job 1#1"]


def test_a_report_that_cannot_be_stored_fails_alone() -> None:
    """A machine can say what no table takes; GitHub's word in the same batch must not suffer for it."""
    world, (machine, other) = claimed(1, 2)
    poison = world.report(ReportKind.FINISHED, machine, result=Result.FAILED, exit_code=10**50)
    word = world.word(Step.IN_PROGRESS, 2, runner_name=name(world, other))

    refusals = iter(["both together", "the report alone"])

    def table(call_name: str, call: Callable[[], object]) -> object:
        if call_name == "ledger.save" and (what := next(refusals, "")):
            raise Rejected(f"the table takes no such number ({what})")
        return call()

    failed = world.doors(table).hear([poison, word])

    assert failed == [poison.id]
    assert world.job(2).state is JobState.RUNNING


def test_a_whole_batch_is_read_and_written_in_one_go() -> None:
    world, machines = claimed(*range(1, 6))
    world.ledger.saves.clear()

    world.hear(
        [
            word
            for n, machine in enumerate(machines, 1)
            for word in (
                world.word(Step.IN_PROGRESS, n, runner_name=name(world, machine)),
                world.report(ReportKind.STARTED, machine),
            )
        ]
    )

    assert len(world.ledger.saves) == 1
    assert set(world.states().values()) == {JobState.RUNNING}


def test_a_record_that_somebody_else_changed_is_read_again() -> None:
    world, (machine,) = claimed(1)
    disturbances = [1, 2]

    def disturb(call_name: str, call: Callable[[], object]) -> object:
        if call_name == "ledger.save" and disturbances:
            disturbances.pop()
            world.shelf.put(world.job(1))
        return call()

    failed = world.doors(disturb).moved(Step.IN_PROGRESS, 1, runner_name=name(world, machine))

    assert failed == []
    assert world.job(1).state is JobState.RUNNING
    assert len(world.told.of(JobStarted)) == 1


def test_records_that_change_all_the_time_send_the_batch_back() -> None:
    world, (machine,) = claimed(1)

    def disturb(call_name: str, call: Callable[[], object]) -> object:
        if call_name == "ledger.save":
            world.shelf.put(world.job(1))
        return call()

    failed = world.doors(disturb).moved(Step.IN_PROGRESS, 1, runner_name=name(world, machine))

    assert len(failed) == 1
    assert world.told.of(JobStarted) == []
    assert len(world.told.of(MessageDelayed)) == 1


def test_a_dispatcher_that_cannot_be_woken_finds_the_job_in_line_all_the_same() -> None:
    world, (machine,) = claimed(1)
    world.outbox.faults.plan(Unavailable("no answer"))
    report = world.report(ReportKind.FINISHED, machine, result=Result.NO_JOB)

    assert len(world.hear([report])) == 1
    assert world.hear([report]) == []
    world.wake()

    assert world.machine_of(1) != ""
    assert world.job(1).failures == 1


def test_two_jobs_that_swapped_runners_are_paired_anew_without_a_launch() -> None:
    world, (one, two) = claimed(1, 2)

    world.moved(Step.IN_PROGRESS, 1, runner_name=name(world, two))

    assert (world.job(1).state, world.job(1).instance_id) == (JobState.RUNNING, two)
    assert (world.job(2).state, world.machine_of(2)) == (JobState.CLAIMED, one)
    assert world.told.of(RunnerSwapped) == [RunnerSwapped(two, "2#1", "1#1")]

    world.moved(Step.IN_PROGRESS, 2, runner_name=name(world, one))
    world.wake()

    assert (world.job(2).state, world.job(2).instance_id) == (JobState.RUNNING, one)
    assert world.outbox.sent == []
    assert len(world.fleet.requests) == 1


def steal(world: World, thief: int, victim: int) -> None:
    """A job that nobody launched for runs on the victim's machine."""
    world.moved(Step.IN_PROGRESS, thief, runner_name=name(world, world.machine_of(victim)))


def test_a_stolen_runner_is_replaced_at_once() -> None:
    world, (machine,) = claimed(1)

    steal(world, 99, 1)

    assert (world.job(1).state, world.job(1).replacements) == (JobState.WAITING, 1)
    assert world.job(99).instance_id == machine
    assert [type(message) for message in world.outbox.sent] == [Wake]

    world.wake()

    assert world.machine_of(1) != machine
    assert len(world.machines) == 2


def test_a_job_whose_runners_are_always_stolen_is_replaced_three_times_at_most() -> None:
    world, _ = claimed(1)

    for thief in range(90, 96):
        steal(world, thief, 1)
        world.wake()
        if world.job(1).state is JobState.LAUNCHED:
            world.claim(world.machine_of(1))

    assert len(world.machines) == 1 + MOST_REPLACEMENTS
    assert len(world.outbox.sent) == MOST_REPLACEMENTS
    assert world.job(1).replacements == MOST_REPLACEMENTS


def core(world: World) -> dict[str, tuple[object, ...]]:
    """What must not depend on the order in which things were heard."""
    facts: dict[str, tuple[object, ...]] = {}
    for key, state in world.states().items():
        job = world.job(key)
        facts[f"job {key}"] = (state, job.conclusion, job.runner_name, job.instance_id, job.completed_at)
    for machine in world.fleet.owned:
        runner = world.runner(machine)
        facts[machine] = (runner.state, runner.ran, runner.result, runner.exit_code, runner.finished_at)
    return facts


def shuffled(stories: Sequence[str]) -> st.SearchStrategy[list[str]]:
    """Every message at least once, in any order, some of them more than once."""
    extras = st.lists(st.sampled_from(stories), max_size=5)
    return extras.flatmap(lambda more: st.permutations([*stories, *more]))


WORDS = ["queued", "in_progress", "completed", "started", "finished"]


@given(shuffled(WORDS))
def test_whatever_the_order_and_however_often_the_records_end_the_same(order: list[str]) -> None:
    world, (machine,) = claimed(1)
    known = {"runner_name": name(world, machine), "started_at": samples.NOW + 60}
    heard = {
        "in_progress": world.word(Step.IN_PROGRESS, 1, **known),
        "completed": world.word(
            Step.COMPLETED,
            1,
            **known,
            conclusion="success",
            completed_at=samples.NOW + 90,
            received_at=samples.NOW + 91,
        ),
        "started": world.report(ReportKind.STARTED, machine, at=samples.NOW + 61),
        "finished": world.report(
            ReportKind.FINISHED,
            machine,
            at=samples.NOW + 92,
            result=Result.SUCCESS,
            exit_code=0,
            phases={"started": samples.NOW + 61},
        ),
    }

    for word in order:
        assert (world.arrive(1) if word == "queued" else world.hear([heard[word]])) == []
    world.wake()

    assert core(world) == {
        "job 1": (JobState.COMPLETED, "success", name(world, machine), machine, samples.NOW + 90),
        machine: (RunnerState.FINISHED, JobKey(1, 1), "success", 0, samples.NOW + 92),
    }
    assert len(world.told.of(JobEnded)) == 1
    assert len(world.told.of(JobStarted)) <= 1
    assert len(world.fleet.requests) == 1


@given(shuffled([f"{word} {n}" for n in (1, 2) for word in WORDS[1:]]), st.integers(1, 4))
def test_swapped_runners_end_the_same_in_any_order_and_any_batches(order: list[str], size: int) -> None:
    world, (one, two) = claimed(1, 2)
    heard: dict[str, Delivery] = {}
    for n, machine in ((1, two), (2, one)):
        known = {"runner_name": name(world, machine), "started_at": samples.NOW + 60}
        ended = {"conclusion": "success", "completed_at": samples.NOW + 90}
        heard[f"in_progress {n}"] = world.word(Step.IN_PROGRESS, n, **known)
        heard[f"completed {n}"] = world.word(Step.COMPLETED, n, **known, **ended)
        heard[f"started {n}"] = world.report(ReportKind.STARTED, machine)
        heard[f"finished {n}"] = world.report(
            ReportKind.FINISHED, machine, at=samples.NOW + 92, result=Result.SUCCESS, phases={"started": 1.0}
        )

    batches = [[heard[word] for word in order[at : at + size]] for at in range(0, len(order), size)]
    for batch in batches:
        assert world.hear(batch) == []
    world.wake()

    for n, machine in ((1, two), (2, one)):
        assert core(world)[f"job {n}"][:4] == (JobState.COMPLETED, "success", name(world, machine), machine)
        assert core(world)[machine][:3] == (RunnerState.FINISHED, JobKey(n, 1), "success")
    assert len(world.fleet.requests) == 1


FIVE = (1, 2, 3, 4, 5)


@settings(max_examples=40)
@given(st.permutations(FIVE), st.permutations(FIVE))
def test_github_may_deal_equal_jobs_to_runners_in_any_way_without_a_launch(dealt: list[int], heard: list[int]) -> None:
    world, machines = claimed(*FIVE)

    for n in heard:
        world.moved(Step.IN_PROGRESS, n, runner_name=name(world, machines[dealt[n - 1] - 1]))
    world.wake()

    assert set(world.states().values()) == {JobState.RUNNING}
    assert [world.job(n).instance_id for n in FIVE] == [machines[dealt[n - 1] - 1] for n in FIVE]
    assert len(world.fleet.requests) == 1
    assert world.outbox.sent == []


@settings(max_examples=40)
@given(*[st.permutations(FIVE), *[st.sets(st.sampled_from(FIVE))] * 3])
def test_whatever_github_hands_out_nobody_is_left_without_a_machine_and_out_of_line(
    dealt: list[int], foreign: set[int], unclaimed: set[int], quick: set[int]
) -> None:
    world = World()
    world.arrive(*FIVE)
    machines = [world.machine_of(n) for n in FIVE]
    for n in set(FIVE) - unclaimed:
        world.claim(machines[n - 1])
    for n in quick - unclaimed:
        world.reported(ReportKind.STARTED, machines[n - 1])

    for place, n in enumerate(dealt):
        if world.runner(machines[place]).name:
            world.moved(Step.IN_PROGRESS, n + 90 if n in foreign else n, runner_name=name(world, machines[place]))

    for n in FIVE:
        job = world.job(n)
        if job.state in {JobState.LAUNCHED, JobState.CLAIMED}:
            runner = world.runner(world.machine_of(n))
            assert runner.state in ALIVE - {RunnerState.BUSY}
        else:
            assert job.state in {JobState.RUNNING, JobState.WAITING}
    holders = [world.job(n).instance_id for n in FIVE if world.job(n).instance_id]
    assert len(set(holders)) == len(holders)
