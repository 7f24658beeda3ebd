"""One group, one request: reserved before, settled after, replayed word for word."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import pytest

from controller import wiring
from controller.domain import catalogue, market, quotas
from controller.domain.catalogue import InstanceType
from controller.domain.events import (
    JobBackInLine,
    JobHeld,
    JobLaunched,
    JobRefused,
    LaunchAnswered,
    LaunchRefused,
    LaunchReplayed,
)
from controller.domain.fleet_config import Arch, Span
from controller.domain.job import JobState, move
from controller.domain.launch import Launch, LaunchPlan, LaunchState, Refusal
from controller.domain.market import Learnt
from controller.domain.own_roles import OwnRoles
from controller.domain.refusal import RefusalKind
from controller.domain.rules import Rules
from controller.domain.runner import Lifecycle, RunnerState
from controller.errors import Unavailable
from controller.messages import Chores, Step
from runner_agent.contract import wire
from runner_agent.contract.reports import Result
from tests.controller.usecases.world import REPLAY_S, SETTLING_S, SUBNETS, World
from tests.fakes import samples

EVERY_POOL = [(kind.name, zone) for kind in catalogue.shipped().types for zone in SUBNETS]


def plan_of(request: str) -> LaunchPlan:
    return wire.loads(LaunchPlan, request)


def test_the_launch_is_written_down_with_its_jobs_before_the_cloud_is_asked() -> None:
    world = World()
    seen: list[tuple[Launch, list[JobState]]] = []

    def look(name: str, call: Callable[[], object]) -> object:
        if name == "fleet.launch":
            seen.extend((launch, list(world.states().values())) for launch in world.pending)
        return call()

    world.doors(look).arrive(1, 2)

    ((launch, states),) = seen
    assert launch.request == world.fleet.requests[0]
    assert [str(key) for key in launch.jobs] == ["1#1", "2#1"]
    assert states == [JobState.LAUNCHING, JobState.LAUNCHING]


def test_the_request_offers_every_fitting_type_in_every_zone_and_carries_the_tags() -> None:
    world = World()

    world.arrive(1)

    plan = plan_of(world.fleet.requests[0])
    assert plan.template == "lt-x64"
    assert plan.lifecycle is Lifecycle.SPOT
    assert plan.strategy == "price-capacity-optimized"
    assert {one.zone for one in plan.offerings} == set(SUBNETS)
    assert len({one.instance_type for one in plan.offerings}) > 3
    assert dict(plan.tags) == {
        wiring.TAG_STACK: "dev-us-east-1",
        wiring.TAG_LAUNCH: plan.launch_id,
        wiring.TAG_CONFIG: "linux-4cpu",
        wiring.TAG_REPOSITORY: samples.REPOSITORY,
    }


def test_a_launched_job_and_its_machine_know_each_other_and_the_story_is_told() -> None:
    world = World()

    world.arrive(1)

    name = world.machine_of(1)
    assert world.job(1).state is JobState.LAUNCHED
    assert world.job(1).rung == "spot"
    assert world.runner(name).state is RunnerState.LAUNCHED
    assert world.runner(name).lease_until == pytest.approx(world.clock.now + 180.0, abs=1.0)
    assert [(event.job, event.instance, event.rung) for event in world.told.of(JobLaunched)] == [("1#1", name, "spot")]
    assert [(event.asked, event.started) for event in world.told.of(LaunchAnswered)] == [(1, 1)]


def test_the_configurations_own_claim_deadline_becomes_the_lease() -> None:
    world = World(samples.config(claim_deadline_s=900.0))

    world.arrive(1)

    assert world.runner(world.machine_of(1)).lease_until == pytest.approx(world.clock.now + 900.0, abs=1.0)


def test_where_spot_is_sold_out_the_next_rung_is_on_demand() -> None:
    world = World()
    world.fleet.sell_out(Lifecycle.SPOT, EVERY_POOL)

    world.arrive(1, 2)

    assert [plan_of(text).lifecycle for text in world.fleet.requests] == [Lifecycle.SPOT, Lifecycle.ON_DEMAND]
    assert {world.job(n).rung for n in (1, 2)} == {"on-demand"}
    assert len(world.machines) == 2
    assert all(not machine.spot for machine in world.fleet.running)
    assert world.told.of(JobBackInLine) == []


def test_partial_fulfilment_sends_only_the_rest_up_the_ladder() -> None:
    world = World()
    world.fleet.sell_out(Lifecycle.SPOT, EVERY_POOL)
    world.fleet.capacity[Lifecycle.SPOT, "c6a.xlarge", "us-east-1b"] = 2

    world.arrive(1, 2, 3)

    assert [plan_of(text).count for text in world.fleet.requests] == [3, 1]
    assert [world.job(n).rung for n in (1, 2, 3)] == ["spot", "spot", "on-demand"]
    assert len({world.machine_of(n) for n in (1, 2, 3)}) == len(world.machines) == 3
    assert world.pending == []


def test_where_everything_is_sold_out_the_jobs_wait_with_the_reason() -> None:
    world = World()
    for lifecycle in Lifecycle:
        world.fleet.sell_out(lifecycle, EVERY_POOL)

    world.arrive(1, 2)

    assert world.states() == {1: JobState.WAITING, 2: JobState.WAITING}
    assert world.job(1).reason == "InsufficientInstanceCapacity"
    assert [event.job for event in world.told.of(JobBackInLine)] == ["1#1", "2#1"]
    assert world.pending == []
    assert {event.kind for event in world.told.of(LaunchRefused)} == {RefusalKind.CAPACITY}


@pytest.mark.parametrize("kind", [RefusalKind.RATE, RefusalKind.SERVER, RefusalKind.RACE])
def test_a_refusal_that_says_nothing_about_capacity_does_not_climb(kind: RefusalKind) -> None:
    world = World()
    world.fleet.refuse_next.append(Refusal(kind, "RequestLimitExceeded"))

    world.arrive(1)

    assert len(world.fleet.requests) == 1
    assert world.job(1).state is JobState.WAITING
    assert world.job(1).reason == "RequestLimitExceeded"


@pytest.mark.parametrize("label", ["spotrunner/linux-4cpu/spot=false", "spotrunner/steady"])
def test_who_does_not_want_spot_is_never_offered_it(label: str) -> None:
    world = World(samples.config(), samples.config("steady", spot=False))

    world.arrive(1, labels=(label,))

    assert [plan_of(text).lifecycle for text in world.fleet.requests] == [Lifecycle.ON_DEMAND]


def test_a_job_marked_for_on_demand_starts_there_and_apart_from_the_others() -> None:
    world = World()
    world.accept([samples.queued(1), samples.queued(2)])
    world.shelf.put(replace(world.job(2), on_demand=True))

    world.wake()

    assert {plan_of(text).lifecycle: plan_of(text).count for text in world.fleet.requests} == {
        Lifecycle.SPOT: 1,
        Lifecycle.ON_DEMAND: 1,
    }
    assert world.job(2).rung == "on-demand"


def test_jobs_whose_configuration_has_gone_are_refused_and_told() -> None:
    world = World()
    world.accept([samples.queued(1), samples.queued(2)])
    world.configs.known.clear()

    world.wake()

    assert world.states() == {1: JobState.REFUSED, 2: JobState.REFUSED}
    assert "no runner configuration 'linux-4cpu'" in world.job(1).reason
    assert [event.job for event in world.told.of(JobRefused)] == ["1#1", "2#1"]
    assert world.fleet.requests == []


def test_a_cloud_whose_answer_is_not_known_leaves_the_launch_pending() -> None:
    world = World()
    world.fleet.lost_answers.append(Unavailable("timed out"))

    world.arrive(1, 2)

    assert [len(launch.jobs) for launch in world.pending] == [2]
    assert world.states() == {1: JobState.LAUNCHING, 2: JobState.LAUNCHING}
    assert len(world.machines) == 2


@pytest.mark.parametrize("after", [True, False], ids=["machines had started", "nothing had started"])
def test_a_replay_asks_word_for_word_the_same_and_finds_the_same_machines(after: bool) -> None:  # noqa: FBT001 - a table of cases
    world = World()
    if after:
        world.fleet.lost_answers.append(Unavailable("timed out"))
    else:
        world.fleet.faults.plan(Unavailable("throttled"))
    world.arrive(1, 2)
    world.clock.turn(REPLAY_S + 1)

    world.sweep(Chores.PENDING_LAUNCHES)

    first, second = world.fleet.requests
    assert first == second
    assert len({world.machine_of(n) for n in (1, 2)}) == len(world.machines) == 2
    assert world.pending == []
    assert [(event.launch, event.jobs) for event in world.told.of(LaunchReplayed)] == [("launch-1", 2)]


def test_a_launch_that_is_still_young_is_not_replayed() -> None:
    world = World()
    world.fleet.lost_answers.append(Unavailable("timed out"))
    world.arrive(1)
    world.clock.turn(REPLAY_S - 1)

    world.sweep(Chores.PENDING_LAUNCHES)

    assert len(world.fleet.requests) == 1


def test_a_replay_that_finds_no_capacity_puts_the_jobs_back_in_line() -> None:
    world = World()
    world.fleet.faults.plan(Unavailable("throttled"))
    world.arrive(1)
    world.fleet.sell_out(Lifecycle.SPOT, EVERY_POOL)
    world.clock.turn(REPLAY_S + 1)

    world.sweep(Chores.PENDING_LAUNCHES)
    world.wake()

    assert world.job(1).rung == "on-demand"
    world.machine_of(1)


def test_a_launch_that_the_cloud_still_does_not_answer_is_replayed_again_later() -> None:
    world = World()
    world.fleet.faults.plan(Unavailable("throttled"), Unavailable("throttled"))
    world.arrive(1)
    world.clock.turn(REPLAY_S + 1)

    world.sweep(Chores.PENDING_LAUNCHES)
    world.sweep(Chores.PENDING_LAUNCHES)

    assert len(set(world.fleet.requests)) == 1
    world.machine_of(1)


def during_launch(world: World, deed: Callable[[], object]) -> World:
    """Have something happen once, after the cloud has started the machines and before it has answered."""
    left = [deed]

    def around(name: str, call: Callable[[], object]) -> object:
        answer = call()
        if name == "fleet.launch" and left:
            left.pop()()
        return answer

    return world.doors(around)


def test_a_machine_that_claims_before_its_launch_is_settled_keeps_the_job_it_got() -> None:
    world = World()

    def slow_settling() -> None:
        world.clock.turn(SETTLING_S + 1)
        world.claim(world.machines[0])

    during_launch(world, slow_settling).arrive(1, 2)

    assert {world.machine_of(1), world.machine_of(2)} == set(world.machines)
    assert world.states() == {1: JobState.CLAIMED, 2: JobState.LAUNCHED}
    assert world.pending == []


def test_a_job_cancelled_while_the_cloud_was_asked_leaves_a_recorded_spare() -> None:
    world = World()

    during_launch(world, partial(world.moved, Step.COMPLETED, 1, conclusion="cancelled")).arrive(1, 2)

    assert world.states() == {1: JobState.COMPLETED, 2: JobState.LAUNCHED}
    assert all(world.runner(name).state is RunnerState.LAUNCHED for name in world.machines)
    assert len(world.machines) == 2


def test_a_job_bereft_while_the_cloud_was_asked_for_its_robber_gets_that_machine_and_no_other_is_launched() -> None:
    world = World()
    world.arrive(1)
    (taken,) = world.machines
    world.claim(taken)

    theft = partial(world.moved, Step.IN_PROGRESS, 2, runner_name=f"spotrunner-{taken}-1")
    during_launch(world, theft).arrive(2)
    world.wake()

    assert world.states() == {1: JobState.LAUNCHED, 2: JobState.RUNNING}
    assert {world.machine_of(1), taken} == set(world.machines)
    assert len(world.machines) == 2


@pytest.mark.parametrize("cancelled", [1, 25, 60])
def test_a_change_in_a_launch_too_large_for_one_write_loses_no_job_and_no_machine(cancelled: int) -> None:
    world = World()
    cancel = partial(world.moved, Step.COMPLETED, cancelled, conclusion="cancelled")

    during_launch(world, cancel).arrive(*range(1, 61))

    others = set(range(1, 61)) - {cancelled}
    assert len({world.machine_of(n) for n in others}) == 59
    assert all(world.runner(name) for name in world.machines)
    assert len(world.machines) == 60
    assert world.pending == []


def test_a_large_launch_cut_short_between_its_writes_is_put_right_by_the_replay() -> None:
    world = World()
    world.ledger.faults.plan(None, None, Unavailable("throttled"))
    world.arrive(*range(1, 61))
    world.clock.turn(REPLAY_S + 1)

    world.sweep(Chores.PENDING_LAUNCHES)

    assert len({world.machine_of(n) for n in range(1, 61)}) == len(world.machines) == 60


def test_jobs_that_change_faster_than_they_can_be_settled_leave_the_launch_to_the_sweep() -> None:
    world = World()

    def disturb(name: str, call: Callable[[], object]) -> object:
        if name == "ledger.save" and world.fleet.requests:
            world.shelf.put(world.job(1))
        return call()

    world.doors(disturb).arrive(1)
    assert len(world.pending) == 1
    world.doors()
    world.clock.turn(REPLAY_S + 1)
    world.sweep(Chores.PENDING_LAUNCHES)

    assert [world.machine_of(1)] == world.machines


def test_a_launch_settled_by_somebody_else_meanwhile_is_left_as_it_is() -> None:
    world = World()

    def sweep() -> None:
        world.clock.turn(REPLAY_S + 1)
        world.sweep(Chores.PENDING_LAUNCHES)

    during_launch(world, sweep).arrive(1, 2)

    assert len({world.machine_of(n) for n in (1, 2)}) == len(world.machines) == 2
    (launch,) = [record for record in world.shelf.records.values() if isinstance(record, Launch)]
    assert launch.state is LaunchState.SETTLED


def test_reserving_gives_way_to_whoever_took_the_jobs_first() -> None:
    world = World()
    world.accept([samples.queued(1), samples.queued(2)])
    stale = [world.job(1), world.job(2)]
    world.shelf.put(move(world.job(1), JobState.RUNNING, 5.0))

    world.launch(stale)

    assert plan_of(world.fleet.requests[0]).count == 1
    assert world.states() == {1: JobState.RUNNING, 2: JobState.LAUNCHED}


def test_jobs_that_change_faster_than_they_can_be_reserved_stay_in_line() -> None:
    world = World()

    def disturb(name: str, call: Callable[[], object]) -> object:
        if name == "ledger.save":
            world.shelf.put(world.job(1))
        return call()

    world.doors(disturb).arrive(1)
    assert world.job(1).state is JobState.WAITING
    assert world.fleet.requests == []
    world.doors().wake()

    assert [world.machine_of(1)] == world.machines


def test_a_refusal_gives_way_to_whoever_changed_the_job_first() -> None:
    world = World()
    world.accept([samples.queued(1)])
    stale = world.job(1)
    world.shelf.put(move(stale, JobState.RUNNING, 5.0))
    world.configs.known.clear()

    world.launch([stale])

    assert world.job(1).state is JobState.RUNNING
    assert world.told.of(JobRefused) == []


def test_the_request_is_frozen_text_that_holds_no_secret() -> None:
    world = World()

    world.arrive(1)

    assert "jit" not in json.dumps(world.fleet.requests).lower()


def test_a_machine_of_another_architecture_boots_from_its_own_template() -> None:
    world = World(samples.config(cpu=Span(2.0, 2.0)))

    world.arrive(1, labels=("spotrunner/linux-4cpu/arch=arm64",))

    assert plan_of(world.fleet.requests[0]).template == "lt-arm64"
    assert world.runner(world.machine_of(1)).platform == "linux/arm64"


def test_wider_families_stand_between_spot_and_on_demand_and_the_job_says_so() -> None:
    world = World(samples.config(families=("c7a",), widen=("m7a",)))
    world.fleet.sell_out(Lifecycle.SPOT, [("c7a.xlarge", zone) for zone in SUBNETS])

    world.arrive(1)

    plans = [plan_of(text) for text in world.fleet.requests]
    assert [{one.instance_type.split(".")[0] for one in plan.offerings} for plan in plans] == [{"c7a"}, {"m7a"}]
    assert [plan.lifecycle for plan in plans] == [Lifecycle.SPOT, Lifecycle.SPOT]
    assert world.job(1).rung == "spot, wider families"
    assert world.job(1).rung_reason == "spot: InsufficientInstanceCapacity"
    world.machine_of(1)


def test_a_job_that_names_its_family_gets_no_other() -> None:
    world = World(samples.config(families=("c7a",), widen=("m7a",)))
    world.fleet.sell_out(Lifecycle.SPOT, EVERY_POOL)

    world.arrive(1, labels=("spotrunner/linux-4cpu/family=c7a",))

    assert [plan_of(text).lifecycle for text in world.fleet.requests] == [Lifecycle.SPOT, Lifecycle.ON_DEMAND]


def test_the_whole_ladder_is_in_the_reason_of_the_last_rung() -> None:
    world = World(samples.config(families=("c7a",), widen=("m7a",)))
    world.fleet.sell_out(Lifecycle.SPOT, EVERY_POOL)

    world.arrive(1)

    assert world.job(1).rung == "on-demand"
    assert world.job(1).rung_reason == (
        "spot: InsufficientInstanceCapacity; spot, wider families: InsufficientInstanceCapacity"
    )
    last = plan_of(world.fleet.requests[-1])
    assert {one.instance_type.split(".")[0] for one in last.offerings} == {"c7a", "m7a"}


def test_after_so_many_failures_a_job_is_offered_spot_no_more() -> None:
    world = World(samples.config(on_demand_after=2))
    world.accept([samples.queued(1), samples.queued(2)])
    world.shelf.put(replace(world.job(2), failures=2))

    world.wake()

    assert (world.job(1).rung, world.job(2).rung) == ("spot", "on-demand")
    assert world.job(2).rung_reason == "no spot after 2 failures"


def test_what_was_sold_out_is_not_asked_for_by_the_next_job_and_then_is_again() -> None:
    world = World()
    world.fleet.sell_out(Lifecycle.SPOT, EVERY_POOL)
    world.arrive(1)
    asked = len(world.fleet.requests)

    world.arrive(2)
    later = [plan_of(text).lifecycle for text in world.fleet.requests[asked:]]
    world.clock.turn(181)
    world.arrive(3)

    assert later == [Lifecycle.ON_DEMAND]
    assert world.job(2).rung_reason == "spot: InsufficientInstanceCapacity"
    assert plan_of(world.fleet.requests[asked + 1]).lifecycle is Lifecycle.SPOT


def test_where_all_is_known_to_be_sold_out_the_cloud_is_not_asked_and_the_job_says_why_once() -> None:
    world = World()
    for lifecycle in Lifecycle:
        world.fleet.sell_out(lifecycle, EVERY_POOL)
    world.arrive(1)
    asked, saved = len(world.fleet.requests), len(world.ledger.saves)

    world.arrive(2)
    world.wake()

    assert len(world.fleet.requests) == asked
    assert world.job(2).state is JobState.WAITING
    assert world.job(2).reason == "spot: InsufficientInstanceCapacity; on-demand: InsufficientInstanceCapacity"
    assert [event.job for event in world.told.of(JobHeld)].count("2#1") == 1
    assert len(world.ledger.saves) <= saved + 2


QUOTAS = {Lifecycle.SPOT: "MaxSpotInstanceCountExceeded", Lifecycle.ON_DEMAND: "VcpuLimitExceeded"}


def test_a_quota_holds_the_jobs_in_line_with_its_name_and_is_tried_by_one_machine_a_minute() -> None:
    world = World()
    world.fleet.refuse_next += [Refusal(RefusalKind.QUOTA, code) for code in QUOTAS.values()]
    world.arrive(1, 2, 3)

    world.arrive(4)
    world.wake()
    asked = len(world.fleet.requests)
    reasons = [world.job(n).reason for n in (1, 4)]
    world.clock.turn(61)
    world.fleet.refuse_next += [Refusal(RefusalKind.QUOTA, code) for code in QUOTAS.values()]
    world.wake()
    world.wake()

    assert asked == 2
    assert all(code in reason for code in QUOTAS.values() for reason in reasons)
    assert [plan_of(text).count for text in world.fleet.requests[asked:]] == [1, 1]
    assert set(world.states().values()) == {JobState.WAITING}


def test_a_job_that_waits_for_a_quota_names_it_and_how_to_raise_it_and_is_written_once() -> None:
    world = World(samples.config(spot=False))
    world.quotas = quotas.counted({"L-1216C47A": 5.0}, {}, {}, 1.0)
    world.fleet.refuse_next.append(Refusal(RefusalKind.QUOTA, "VcpuLimitExceeded"))
    world.arrive(1)
    world.wake()
    saved = len(world.ledger.saves)

    world.quotas = quotas.counted({"L-1216C47A": 5.0}, {("c7a.large", Lifecycle.ON_DEMAND): 2}, {}, 2.0)
    world.wake()

    assert world.job(1).reason == (
        "on-demand: the account's limit: VcpuLimitExceeded - 5 vCPU of on-demand standard; "
        "ask for more of quota L-1216C47A in the Service Quotas console"
    )
    assert len(world.ledger.saves) == saved
    assert len(world.fleet.requests) == 1


def test_the_limit_of_one_group_of_families_is_none_of_another() -> None:
    world = World(samples.config("gpu", families=("g5",), spot=False), samples.config(spot=False))
    world.fleet.refuse_next.append(Refusal(RefusalKind.QUOTA, "VcpuLimitExceeded"))

    world.arrive(1, labels=("spotrunner/gpu",))
    world.arrive(2)

    assert world.states()[1] is JobState.WAITING
    assert world.machine_of(2)


def test_the_market_says_what_is_asked_first_and_in_which_zones() -> None:
    world = World(samples.config(families=("c7a", "m7a"), cpu=Span(4.0, 4.0)))
    here, there = list(SUBNETS)[:2]
    learnt = Learnt(
        zones={"c7a.xlarge": (there,), "m7a.xlarge": (here, there)},
        spot={"c7a.xlarge": {there: 0.09}, "m7a.xlarge": {here: 0.05}},
    )
    world.market = market.market(learnt)

    world.arrive(1)

    asked = [(one.instance_type, one.zone) for one in plan_of(world.fleet.requests[0]).offerings]
    assert asked == [("m7a.xlarge", here), ("m7a.xlarge", there), ("c7a.xlarge", there)]


def test_a_family_that_only_the_cloud_knows_serves_those_who_name_it() -> None:
    world = World(samples.config(families=("c9z",), cpu=Span(4.0, 4.0)))
    world.market = market.market(Learnt(types=(InstanceType("c9z.xlarge", Arch.X64, 4, 8.0, 0, None),)))

    world.arrive(1)

    assert {one.instance_type for one in plan_of(world.fleet.requests[0]).offerings} == {"c9z.xlarge"}


def test_once_the_quota_has_room_again_everybody_gets_a_machine_in_the_same_breath() -> None:
    world = World(samples.config(spot=False))
    world.fleet.refuse_next.append(Refusal(RefusalKind.QUOTA, "VcpuLimitExceeded"))
    world.arrive(1, 2, 3)
    world.clock.turn(61)

    world.wake()

    assert [plan_of(text).count for text in world.fleet.requests[1:]] == [1, 2]
    assert len({world.machine_of(n) for n in (1, 2, 3)}) == 3


def test_an_account_without_the_role_for_spot_gets_on_demand_and_is_not_asked_for_spot_again() -> None:
    world = World()
    world.fleet.refuse_next.append(Refusal(RefusalKind.SPECIAL, "AuthFailure.ServiceLinkedRoleCreationNotPermitted"))

    world.arrive(1)
    world.arrive(2)

    assert [plan_of(text).lifecycle for text in world.fleet.requests] == [
        Lifecycle.SPOT,
        Lifecycle.ON_DEMAND,
        Lifecycle.ON_DEMAND,
    ]


def test_throttling_inside_an_answer_is_never_taken_for_lack_of_capacity() -> None:
    world = World(samples.config(on_demand_after=1))
    throttled = Refusal(RefusalKind.RATE, "RequestLimitExceeded", "", "c6a.xlarge", "us-east-1a")
    world.fleet.refuse_next.append(throttled)

    world.arrive(1)
    world.clock.turn(30)
    world.wake()

    plans = [plan_of(text) for text in world.fleet.requests]
    assert [plan.lifecycle for plan in plans] == [Lifecycle.SPOT, Lifecycle.SPOT]
    assert plans[0].offerings == plans[1].offerings
    assert world.job(1).failures == 0
    world.machine_of(1)


def test_a_launch_that_can_never_work_is_refused_with_the_cure() -> None:
    world = World()
    world.fleet.refuse_next.append(Refusal(RefusalKind.CONFIG, "InvalidAMIID.NotFound", "The image id does not exist"))

    world.arrive(1)

    assert world.job(1).state is JobState.REFUSED
    assert "InvalidAMIID.NotFound" in world.job(1).reason
    assert "name an image that exists in this region" in world.job(1).reason
    assert [event.job for event in world.told.of(JobRefused)] == ["1#1"]


def test_a_record_of_capacity_that_can_not_be_kept_keeps_nobody_waiting() -> None:
    world = World()
    world.memory.faults.plan(*[Unavailable("throttled")] * 20)

    world.launch(world.accept([samples.queued(1), samples.queued(2)]))

    assert len({world.machine_of(n) for n in (1, 2)}) == 2


def test_a_launch_that_nobody_waits_for_any_more_is_not_asked_for_again() -> None:
    world = World()
    world.fleet.faults.plan(Unavailable("InternalError"))
    world.arrive(1)
    world.moved(Step.IN_PROGRESS, 1, runner_name="spotrunner-i-00000000000000099-1")
    world.moved(Step.COMPLETED, 1, conclusion="success")

    world.clock.turn(REPLAY_S + 1)
    world.sweep(Chores.PENDING_LAUNCHES)

    assert world.pending == []
    assert world.machines == []


def test_a_lost_launch_is_settled_though_its_machine_has_claimed_and_its_job_has_moved_on() -> None:
    world = World()
    world.fleet.lost_answers.append(Unavailable("timed out"))
    world.arrive(1)
    (machine,) = world.machines
    world.clock.turn(SETTLING_S + 1)
    world.claim(machine)
    world.finished(machine, Result.NO_JOB)
    world.clock.turn(REPLAY_S + 1)

    world.sweep(Chores.PENDING_LAUNCHES)

    assert world.pending == []


def with_own_role(pool: int = 0, *, organization: bool = False) -> World:
    """A stack whose only configuration has a role of its own, for the jobs of one repository."""
    world = World(samples.config(cpu=Span(4.0, 4.0), pool=pool, organization=organization))
    world.own_roles = OwnRoles({"linux-4cpu": (samples.REPOSITORY,)}, {"linux/x64/linux-4cpu": "lt-own"})
    world.configs.stack_rules = Rules().with_rules(world.own_roles.rules())
    return world.doors()


def test_a_configuration_with_a_role_of_its_own_is_launched_from_the_template_that_has_it() -> None:
    world = with_own_role()

    world.arrive(1)

    assert plan_of(world.fleet.requests[0]).template == "lt-own"


def test_a_job_of_another_repository_gets_no_machine_with_that_role_not_even_a_spare_one() -> None:
    world = with_own_role(pool=1)
    world.sweep(Chores.FILL_POOLS)

    world.arrive(1, repository="octo/other")

    assert plan_of(world.fleet.requests[0]).template == "lt-own"
    assert len(world.fleet.requests) == 1
    assert world.job(1).state is JobState.REFUSED
    assert "does not allow configuration linux-4cpu for this repository" in world.job(1).reason


def test_a_role_that_was_given_after_a_job_came_is_kept_from_it_as_well() -> None:
    world = World(samples.config(cpu=Span(4.0, 4.0), pool=1))
    for lifecycle in Lifecycle:
        world.fleet.sell_out(lifecycle, EVERY_POOL)
    world.arrive(1, repository="octo/other")
    assert world.job(1).state is JobState.WAITING
    world.clock.turn(600.0)
    world.own_roles = OwnRoles({"linux-4cpu": (samples.REPOSITORY,)}, {"linux/x64/linux-4cpu": "lt-own"})
    world.configs.stack_rules = Rules().with_rules(world.own_roles.rules())

    world.doors().wake()

    assert world.job(1).state is JobState.REFUSED


def test_a_machine_that_github_could_hand_to_the_whole_organisation_is_not_launched_with_the_role() -> None:
    world = with_own_role(pool=1, organization=True)

    world.sweep(Chores.FILL_POOLS)
    world.arrive(1)

    assert world.fleet.requests == []
    assert "name a runner_group that only they may use" in world.job(1).reason
