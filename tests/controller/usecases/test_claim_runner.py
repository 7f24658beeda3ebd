"""A machine asks for work: who gets a runner, who is turned away, and what never leaks."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import pytest

from controller.domain.events import ClaimTurnedAway, WorkClaimed
from controller.domain.fleet_config import Span
from controller.domain.job import JobState, back_in_line, move
from controller.domain.runner import RunnerState
from controller.domain.runner_name import name_of
from controller.errors import AlreadyDone, NothingToDo, Rejected, Unavailable
from controller.messages import Chores, Step
from controller.ports import Registered
from controller.usecases.claim_runner import MOST_CLAIMS
from runner_agent.contract import wire
from runner_agent.contract.bundle import Bundle, Claim
from runner_agent.contract.reports import Result
from runner_agent.contract.trace import TraceContext
from tests.controller.usecases.world import GRACE_S, IDLE_LIMIT_S, JOB_LIMIT_S, REPLAY_S, SETTLING_S, World
from tests.fakes import samples
from tests.fakes.github import SHA256


def launched(*job_ids: int) -> tuple[World, list[str]]:
    """These jobs, and the machine of each."""
    world = World()
    world.arrive(*job_ids)
    return world, [world.machine_of(n) for n in job_ids]


def statuses(world: World) -> list[int]:
    return [event.status for event in world.told.of(ClaimTurnedAway)]


def test_a_machine_gets_everything_it_needs_for_its_job() -> None:
    world, (machine,) = launched(1)

    bundle = world.claim(machine)

    assert bundle.instance_id == machine
    assert bundle.runner_name == name_of(machine, 1)
    assert bundle.jit_config == f"jit-of-{name_of(machine, 1)}"
    assert (bundle.job.job_id, bundle.job.attempt, bundle.job.repository) == (1, 1, samples.REPOSITORY)
    assert bundle.labels == samples.LABELS
    assert bundle.package.sha256 == SHA256
    assert bundle.package.sources[0].startswith("s3://runner-cache/runners/actions-runner-linux-x64-")
    assert bundle.package.sources[1].startswith("https://github.com/actions/runner/releases/")
    assert bundle.targets.reports_queue_url == "https://sqs/reports"
    assert (bundle.limits.idle_s, bundle.limits.job_s, bundle.limits.poll_s) == (IDLE_LIMIT_S, JOB_LIMIT_S, 2.0)
    assert machine in bundle.setup[0].detail
    assert wire.loads(Bundle, wire.dumps(bundle)) == bundle


def test_the_claim_is_on_both_records_with_a_lease_for_getting_a_job() -> None:
    world, (machine,) = launched(1)

    world.claim(machine)

    runner = world.runner(machine)
    assert world.machine_of(1) == machine
    assert world.job(1).state is JobState.CLAIMED
    assert (runner.state, runner.name, runner.claims) == (RunnerState.CLAIMED, name_of(machine, 1), 1)
    assert runner.github_id in world.github.runners.values()
    assert runner.lease_until > world.clock.now + IDLE_LIMIT_S + GRACE_S
    assert [(event.job, event.instance) for event in world.told.of(WorkClaimed)] == [("1#1", machine)]


def test_the_runner_registers_with_the_labels_of_its_job_and_its_configurations_own() -> None:
    world = World(samples.config(extra_labels=("gpu", "spotrunner/linux-4cpu"), runner_group_id=5, organization=True))
    world.arrive(1)

    world.claim(world.machine_of(1))

    (wanted,) = world.github.registrations
    assert wanted.labels == ("spotrunner/linux-4cpu", "gpu")
    assert (wanted.group_id, wanted.organization) == (5, True)
    assert (wanted.server, wanted.installation_id) == (samples.SERVER, 7)


def test_the_configurations_own_job_limit_goes_to_the_machine() -> None:
    world = World(samples.config(job_limit_s=60.0))
    world.arrive(1)

    bundle = world.claim(world.machine_of(1))

    assert bundle.limits.job_s == 60.0


def test_the_machine_continues_the_trace_of_its_job() -> None:
    world, (machine,) = launched(1)

    bundle = world.claim(machine)

    context = TraceContext.parse(bundle.traceparent)
    assert context is not None
    assert context.trace_id == TraceContext.of_job(1, 1).trace_id


def test_a_job_costs_one_github_call_once_the_release_is_known() -> None:
    world, machines = launched(1, 2, 3)

    for machine in machines:
        world.claim(machine)

    assert world.github.calls == ["release", "register", "register", "register"]


def test_the_release_is_asked_for_again_when_it_has_grown_old() -> None:
    world, machines = launched(1, 2)
    world.claim(machines[0])
    world.clock.turn(3_601.0)

    world.claim(machines[1])

    assert world.github.calls.count("release") == 2


def test_a_second_claim_is_refused() -> None:
    world, (machine,) = launched(1)
    world.claim(machine)
    before = world.runner(machine)

    with pytest.raises(AlreadyDone, match=f"{machine} is claimed: it has claimed before"):
        world.claim(machine)

    assert world.runner(machine) == before
    assert len(world.github.registrations) == 1
    assert statuses(world) == [409]


def test_a_claim_whose_answer_was_lost_may_be_repeated_by_whoever_knows_its_nonce() -> None:
    world, (machine,) = launched(1)
    world.claim(machine, nonce="canary-nonce")

    bundle = world.claim(machine, nonce="canary-nonce")

    assert bundle.runner_name == name_of(machine, 2)
    assert world.runner(machine).name == name_of(machine, 2)
    assert world.machine_of(1) == machine


@pytest.mark.parametrize("nonce", ["", "another", "CANARY-NONCE", hashlib.sha256(b"canary-nonce").hexdigest()])
def test_a_claim_is_not_repeated_with_anything_but_its_own_nonce(nonce: str) -> None:
    world, (machine,) = launched(1)
    world.claim(machine, nonce="canary-nonce")

    with pytest.raises(AlreadyDone):
        world.claim(machine, nonce=nonce)

    assert len(world.github.registrations) == 1


def test_a_claim_without_a_nonce_is_never_repeated() -> None:
    world, (machine,) = launched(1)
    world.claim(machine)

    with pytest.raises(AlreadyDone):
        world.claim(machine, nonce="")


def test_repeating_does_not_help_beyond_three_claims_or_while_the_job_runs() -> None:
    world, (first, second) = launched(1, 2)
    for _ in range(MOST_CLAIMS):
        world.claim(first, nonce="mine")
    world.claim(second, nonce="mine")
    world.moved(Step.IN_PROGRESS, 2, runner_name=name_of(second, 1))

    with pytest.raises(NothingToDo):
        world.claim(first, nonce="mine")
    with pytest.raises(AlreadyDone, match="is busy"):
        world.claim(second, nonce="mine")


def test_the_nonce_itself_is_neither_stored_nor_shown() -> None:
    world, (machine,) = launched(1)

    world.claim(machine, nonce="canary-nonce")

    assert "canary-nonce" not in repr(world.shelf.records)
    assert "canary-nonce" not in repr(world.told.events)
    assert "canary-nonce" not in repr(Claim("0.1.0", nonce="canary-nonce"))


@pytest.mark.parametrize("state", [RunnerState.BUSY, RunnerState.FINISHED, RunnerState.GONE])
def test_a_machine_that_is_past_claiming_is_refused_even_as_a_re_arm(state: RunnerState) -> None:
    world, (machine,) = launched(1)
    world.claim(machine)
    world.shelf.put(replace(world.runner(machine), state=state))

    with pytest.raises(AlreadyDone, match=f"is {state}"):
        world.claim(machine, ended_runner=name_of(machine, 1))

    assert len(world.github.registrations) == 1


@pytest.mark.parametrize("launch_id", ["", "launch-9", "launch-1"])
def test_a_machine_that_we_did_not_launch_is_refused_whatever_launch_it_names(launch_id: str) -> None:
    world, _ = launched(1)

    with pytest.raises(
        Rejected, match=r"i-stranger (was not launched by this stack|did not come from launch launch-1)"
    ):
        world.claim("i-stranger", launch_id=launch_id)

    assert world.github.registrations == []
    assert statuses(world) == [403]


def cut_short(*job_ids: int) -> World:
    """The machines have started, and nobody wrote them down."""
    world = World()
    world.fleet.lost_answers.append(Unavailable("timed out"))
    world.arrive(*job_ids)
    world.clock.turn(SETTLING_S + 1)
    return world


def test_a_machine_that_is_up_before_its_launch_is_written_down_is_asked_to_wait() -> None:
    world = World()
    seen: list[float | None] = []

    def boot(name: str, call: Callable[[], object]) -> object:
        answer = call()
        if name == "fleet.launch":
            with pytest.raises(Unavailable, match="launch launch-1 is being written down") as later:
                door(world.machines[0], Claim("0.1.0", "launch-1"))
            seen.append(later.value.retry_after_s)
        return answer

    door = world.claim_door
    world.doors(boot).arrive(1)

    assert seen == [1]
    assert world.claim(world.machines[0]).job.job_id == 1


def test_a_machine_that_is_written_down_between_two_looks_is_found_by_the_second() -> None:
    world, (machine,) = launched(1)
    looks: list[str] = []

    def around(name: str, call: Callable[[], object]) -> object:
        answer = call()
        looks.append(name)
        return {} if name == "runners.get" and looks.count(name) == 1 else answer

    bundle = world.doors(around).claim(machine)

    assert bundle.job.job_id == 1
    assert world.machine_of(1) == machine


def test_a_machine_that_its_settled_launch_does_not_know_is_refused() -> None:
    world, (machine,) = launched(1)
    world.fleet.owned["i-late"] = replace(world.fleet.owned[machine], instance_id="i-late")

    with pytest.raises(Rejected, match="i-late did not come from launch launch-1"):
        world.claim("i-late")


def test_a_machine_whose_launch_was_cut_short_is_adopted_by_its_tag() -> None:
    world = cut_short(1)
    (machine,) = world.machines

    bundle = world.claim(machine)

    assert bundle.job.job_id == 1
    assert world.machine_of(1) == machine
    assert world.runner(machine).launch_id == "launch-1"


def test_machines_adopted_from_one_launch_get_a_job_each() -> None:
    world = cut_short(1, 2, 3)

    got = {world.claim(machine).job.job_id for machine in world.machines}

    assert got == {1, 2, 3}
    assert len({world.machine_of(n) for n in (1, 2, 3)}) == 3


def test_an_adopted_machine_gets_the_job_that_still_counts_on_its_launch() -> None:
    world = cut_short(1, 2)
    world.shelf.put(replace(world.job(1), launch_id="launch-elsewhere"))

    bundle = world.claim(world.machines[0])

    assert bundle.job.job_id == 2


def test_a_machine_is_not_adopted_by_a_launch_that_its_own_tags_do_not_name() -> None:
    world = cut_short(1)
    (machine,) = world.machines
    world.fleet.owned[machine] = replace(world.fleet.owned[machine], launch_id="launch-other")

    with pytest.raises(Rejected, match=f"{machine} did not come from launch launch-1"):
        world.claim(machine, launch_id="launch-1")


def test_a_machine_on_its_way_down_is_not_adopted() -> None:
    world = cut_short(1)
    (machine,) = world.machines
    world.fleet.power_off(machine)

    with pytest.raises(Rejected):
        world.claim(machine)


def test_an_adopted_machine_that_nobody_wants_is_told_to_go_and_ends_in_the_books() -> None:
    world = cut_short(1)
    (machine,) = world.machines
    world.moved(Step.COMPLETED, 1, conclusion="cancelled")

    with pytest.raises(NothingToDo):
        world.claim(machine)
    world.fleet.power_off(machine)
    world.clock.turn(REPLAY_S + 1)
    world.sweep(Chores.PENDING_LAUNCHES)
    for _ in range(2):
        world.clock.turn(GRACE_S + 1)
        world.sweep(Chores.ORPHANED_MACHINES)

    assert world.runner(machine).state is RunnerState.GONE
    assert world.pending == []
    assert world.machines == []


def test_a_machine_whose_job_was_cancelled_gets_another_one_of_its_shape() -> None:
    world, (first, second) = launched(1, 2)
    world.moved(Step.COMPLETED, 1, conclusion="cancelled")
    world.finished(second, Result.RUNNER_UNAVAILABLE)

    bundle = world.claim(first)

    assert bundle.job.job_id == 2
    assert world.machine_of(2) == first
    assert world.job(1).state is JobState.COMPLETED


def test_a_machine_whose_job_was_cancelled_and_that_nobody_else_wants_is_told_to_go() -> None:
    world, (machine,) = launched(1)
    world.moved(Step.COMPLETED, 1, conclusion="cancelled")

    with pytest.raises(NothingToDo, match="job 1#1 is completed and no other of its shape waits"):
        world.claim(machine)

    assert world.runner(machine).state is RunnerState.FINISHED
    assert world.github.registrations == []
    assert statuses(world) == [410]


def test_a_machine_that_is_given_a_bereft_job_while_it_is_being_turned_away_gets_that_job() -> None:
    world, (first, second) = launched(1, 2)
    world.claim(second)
    thefts = [partial(world.moved, Step.IN_PROGRESS, 1, runner_name=f"spotrunner-{second}-1")]

    def steal(name: str, call: Callable[[], object]) -> object:
        answer = call()
        if name == "runners.get" and thefts:
            thefts.pop()()
        return answer

    world.doors(steal)

    bundle = world.claim(first)

    assert bundle.job.job_id == 2
    assert world.machine_of(2) == first
    assert set(world.machines) == {first, second}


def test_a_machine_that_asks_after_it_was_given_up_is_told_why() -> None:
    world, (machine,) = launched(1)
    world.clock.turn(world.runner(machine).lease_until + 1)
    world.sweep(Chores.STUCK_PROVISIONING)

    with pytest.raises(NothingToDo, match="is not wanted any more: it should have claimed"):
        world.claim(machine)

    assert statuses(world) == [410]


def test_a_job_of_another_shape_is_not_taken() -> None:
    world, (machine,) = launched(1)
    world.moved(Step.COMPLETED, 1, conclusion="cancelled")
    world.accept([samples.queued(2, labels=("spotrunner/linux-4cpu/cpu=8",))])

    with pytest.raises(NothingToDo):
        world.claim(machine)

    assert world.job(2).state is JobState.WAITING


def test_a_job_that_must_run_on_demand_is_not_given_to_a_spot_machine() -> None:
    world, (machine,) = launched(1)
    world.moved(Step.COMPLETED, 1, conclusion="cancelled")
    world.accept([samples.queued(2)])
    world.shelf.put(replace(world.job(2), on_demand=True))

    with pytest.raises(NothingToDo):
        world.claim(machine)

    assert world.job(2).state is JobState.WAITING


def test_a_machine_whose_job_runs_elsewhere_does_not_run_it_again() -> None:
    world, (machine,) = launched(1)
    world.moved(Step.IN_PROGRESS, 1, runner_name="somebody-elses-runner")

    with pytest.raises(NothingToDo, match="is running"):
        world.claim(machine)


def test_a_machine_whose_job_went_back_in_line_may_still_have_it() -> None:
    world, (machine,) = launched(1)
    world.shelf.put(move(world.job(1), JobState.WAITING, 5.0, instance_id="", launch_id=""))

    bundle = world.claim(machine)

    assert bundle.job.job_id == 1
    assert world.machine_of(1) == machine


def test_a_job_that_is_being_launched_for_again_is_not_given_to_its_former_machine() -> None:
    world, (machine,) = launched(1)
    world.shelf.put(replace(world.job(1), state=JobState.LAUNCHING, launch_id="launch-2", instance_id=""))

    with pytest.raises(NothingToDo, match="is launching"):
        world.claim(machine)


def test_an_index_that_still_shows_a_taken_job_in_line_gives_it_to_nobody_twice() -> None:
    world, (first, second) = launched(1, 2)
    world.accept([samples.queued(3)])
    world.moved(Step.COMPLETED, 1, conclusion="cancelled")
    world.moved(Step.COMPLETED, 2, conclusion="cancelled")
    world.shelf.hold_indexes()
    world.claim(first)

    with pytest.raises(Unavailable):
        world.claim(second)

    assert world.machine_of(3) == first
    assert world.runner(second).state is RunnerState.LAUNCHED


def test_a_name_that_github_already_has_is_passed_over() -> None:
    world, (machine,) = launched(1)
    world.github.runners[samples.REPOSITORY, name_of(machine, 1)] = 99

    bundle = world.claim(machine)

    assert bundle.runner_name == name_of(machine, 2)
    assert world.runner(machine).name == name_of(machine, 2)


def test_a_machine_whose_names_are_all_taken_tries_again_later() -> None:
    world, (machine,) = launched(1)
    for claim in range(1, 9):
        world.github.runners[samples.REPOSITORY, name_of(machine, claim)] = 90 + claim

    with pytest.raises(Unavailable, match=f"{machine}: GitHub has 4 runners of its name"):
        world.claim(machine)

    assert world.runner(machine).state is RunnerState.LAUNCHED


@pytest.mark.parametrize("failure", [Unavailable("rate limit", 30.0), Unavailable("no answer")])
def test_where_github_does_not_answer_the_machine_may_claim_again(failure: Unavailable) -> None:
    world, (machine,) = launched(1)
    world.github.faults.plan(None, failure)

    with pytest.raises(Unavailable):
        world.claim(machine)

    assert world.claim(machine).job.job_id == 1
    assert world.told.of(ClaimTurnedAway) == []


def test_where_github_refuses_the_machine_is_turned_away() -> None:
    world, (machine,) = launched(1)
    world.github.faults.plan(None, Rejected("the App may not administer octo/hello"))

    with pytest.raises(Rejected):
        world.claim(machine)

    assert statuses(world) == [403]


def test_a_release_without_a_checksum_is_never_handed_out() -> None:
    world, (machine,) = launched(1)
    world.github.version = None

    with pytest.raises(Rejected, match="without a SHA-256"):
        world.claim(machine)

    assert world.github.registrations == []


def test_a_configuration_that_has_gone_turns_its_machines_away() -> None:
    world, (machine,) = launched(1)
    world.configs.known.clear()

    with pytest.raises(Rejected, match="runner configuration 'linux-4cpu' is gone"):
        world.claim(machine)


def test_a_job_that_changes_while_its_runner_is_minted_is_looked_at_again() -> None:
    world, (machine,) = launched(1)

    def cancel(name: str, call: Callable[[], object]) -> object:
        answer = call()
        if name == "github.register":
            world.shelf.put(move(world.job(1), JobState.COMPLETED, 5.0))
        return answer

    world.doors(cancel)

    with pytest.raises(NothingToDo, match="job 1#1 is completed and no other of its shape waits"):
        world.claim(machine)

    assert world.github.runners == {}


def test_a_minted_runner_that_github_will_not_remove_keeps_no_machine_waiting() -> None:
    world, (machine,) = launched(1)

    def cancel(name: str, call: Callable[[], object]) -> object:
        if name == "github.remove":
            raise Unavailable("GitHub: 502")
        answer = call()
        if name == "github.register":
            world.shelf.put(move(world.job(1), JobState.COMPLETED, 5.0))
        return answer

    with pytest.raises(NothingToDo):
        world.doors(cancel).claim(machine)

    assert world.runner(machine).state is RunnerState.FINISHED


def test_a_runner_minted_for_a_job_that_changed_serves_the_next_one() -> None:
    world, (machine,) = launched(1)
    world.arrive(2)
    other = world.machine_of(2)
    world.shelf.put(back_in_line(world.job(2), 5.0, "its machine is gone"))
    minted: list[str] = []

    def cancel(name: str, call: Callable[[], object]) -> object:
        answer = call()
        if name == "github.register":
            minted.append(name)
            world.shelf.put(move(world.job(1), JobState.COMPLETED, 5.0))
        return answer

    bundle = world.doors(cancel).claim(machine)

    assert other != machine
    assert bundle.job.job_id == 2
    assert len(minted) == 1


def claimed() -> tuple[World, str]:
    """A machine with a runner that waits for its job."""
    world, (machine,) = launched(1)
    world.claim(machine)
    return world, machine


def runner_gone(world: World, machine: str) -> None:
    github_id = world.runner(machine).github_id
    assert github_id is not None
    world.github.forget(github_id)


def test_a_runner_that_ended_without_a_job_is_replaced_once_github_has_let_go_of_it() -> None:
    world, machine = claimed()
    runner_gone(world, machine)

    bundle = world.claim(machine, ended_runner=name_of(machine, 1))

    assert bundle.runner_name == name_of(machine, 2)
    assert (world.runner(machine).claims, world.runner(machine).state) == (2, RunnerState.CLAIMED)
    assert world.machine_of(1) == machine


def test_no_second_runner_while_github_still_has_the_first() -> None:
    world, machine = claimed()

    with pytest.raises(Unavailable, match=f"GitHub still has {name_of(machine, 1)}"):
        world.claim(machine, ended_runner=name_of(machine, 1))

    assert len(world.github.registrations) == 1


def test_no_second_runner_while_github_can_not_say_whether_it_has_the_first() -> None:
    world, machine = claimed()
    runner_gone(world, machine)
    world.github.faults.plan(Unavailable("no answer"))

    with pytest.raises(Unavailable):
        world.claim(machine, ended_runner=name_of(machine, 1))

    assert len(world.github.registrations) == 1


def test_no_second_runner_while_github_has_the_job_in_progress_on_the_first() -> None:
    # A job's steps can use the machine's role and ask for a second runner.
    world, machine = claimed()
    world.moved(Step.IN_PROGRESS, 1, runner_name=name_of(machine, 1))
    runner_gone(world, machine)

    with pytest.raises(AlreadyDone):
        world.claim(machine, ended_runner=name_of(machine, 1))

    assert len(world.github.registrations) == 1


def test_the_jobs_own_record_is_enough_to_refuse_a_second_runner() -> None:
    world, machine = claimed()
    world.shelf.put(move(world.job(1), JobState.RUNNING, 5.0, runner_name=name_of(machine, 1)))
    runner_gone(world, machine)

    with pytest.raises(AlreadyDone, match="GitHub has job 1#1 in progress"):
        world.claim(machine, ended_runner=name_of(machine, 1))


def test_a_job_that_ended_on_the_runner_earns_no_second_one() -> None:
    world, machine = claimed()
    world.moved(Step.COMPLETED, 1, runner_name=name_of(machine, 1), conclusion="success")
    runner_gone(world, machine)

    with pytest.raises(AlreadyDone):
        world.claim(machine, ended_runner=name_of(machine, 1))


@pytest.mark.parametrize("named", ["spotrunner-i-other-1", "spotrunner-i-00000000000000001-9", "x"])
def test_a_re_arm_must_name_the_runner_that_the_machine_really_had(named: str) -> None:
    world, machine = claimed()
    runner_gone(world, machine)

    with pytest.raises(AlreadyDone, match=f"its runner is {name_of(machine, 1)}, not {named}"):
        world.claim(machine, ended_runner=named)


def test_a_re_arm_for_a_job_that_is_no_longer_known_ends_the_machine() -> None:
    world, machine = claimed()
    runner_gone(world, machine)
    del world.shelf.records["1#1"]

    with pytest.raises(NothingToDo, match="its job 1#1 is unknown"):
        world.claim(machine, ended_runner=name_of(machine, 1))


def test_a_machine_claims_three_times_at_most() -> None:
    world, machine = claimed()
    for claim in range(1, MOST_CLAIMS):
        runner_gone(world, machine)
        world.claim(machine, ended_runner=name_of(machine, claim))
    runner_gone(world, machine)

    with pytest.raises(NothingToDo, match=f"has claimed {MOST_CLAIMS} times"):
        world.claim(machine, ended_runner=name_of(machine, MOST_CLAIMS))

    assert len(world.github.registrations) == MOST_CLAIMS == 3


def test_a_re_armed_machine_takes_another_job_where_its_own_was_cancelled() -> None:
    world, machine = claimed()
    world.moved(Step.COMPLETED, 1, conclusion="cancelled")
    world.accept([samples.queued(2)])
    runner_gone(world, machine)

    bundle = world.claim(machine, ended_runner=name_of(machine, 1))

    assert bundle.job.job_id == 2


def test_a_machine_for_arm_is_given_the_arm_runner() -> None:
    world = World(samples.config(cpu=Span(2.0, 2.0)))
    world.arrive(1, labels=("spotrunner/linux-4cpu/arch=arm64",))

    bundle = world.claim(world.machine_of(1))

    assert "linux-arm64" in bundle.package.sources[-1]


def test_the_jit_configuration_is_in_the_answer_and_nowhere_else() -> None:
    world, (machine,) = launched(1)

    bundle = world.claim(machine)

    canary = bundle.jit_config
    assert canary
    assert canary not in repr(bundle)
    assert canary not in repr(Registered(1, canary))
    assert canary not in repr(world.told.events)
    assert canary not in repr(world.shelf.records)
    assert canary not in repr(world.memory.facts)
    assert canary not in repr(world.outbox.sent)


def test_a_job_is_told_of_the_place_of_its_configuration_and_of_no_others() -> None:
    world = World()
    world.artifacts |= {"linux-4cpu": "s3://kept/linux-4cpu/", "deploy": "s3://kept/deploy/"}
    world.doors().arrive(1)

    bundle = world.claim(world.machine_of(1))

    assert bundle.artifacts == "s3://kept/linux-4cpu/"
