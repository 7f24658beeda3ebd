"""A job is written down once; what cannot be served is refused once, in words."""

from __future__ import annotations

from dataclasses import replace

import pytest

from controller.domain.events import JobAccepted, JobKnown, JobRefused
from controller.domain.grammars.aliases import Alias
from controller.domain.job import JobState
from controller.domain.job_key import Intake, JobKey
from controller.domain.policy import Policy, Rule
from controller.domain.rules import Forks, Rules, Trust
from controller.errors import Unavailable
from controller.messages import JobQueued
from tests.controller.usecases.world import World
from tests.fakes import samples


def test_a_queued_job_is_written_down_with_its_configuration_and_shape() -> None:
    world = World()

    (job,) = world.accept([samples.queued(1)])

    assert job == world.job(1)
    assert (job.state, job.config, job.home) == (JobState.WAITING, "linux-4cpu", "us-east-1")
    assert job.shape
    assert [event.job for event in world.told.of(JobAccepted)] == ["1#1"]


def test_what_is_handed_on_can_be_saved_without_reading_it_again() -> None:
    world = World()

    accepted = world.accept([samples.queued(1), samples.queued(2)])

    assert world.ledger.save(accepted) == frozenset()


def test_a_job_that_is_known_is_told_and_otherwise_ignored() -> None:
    world = World()
    world.accept([samples.queued(1)])
    before = world.job(1)

    again = world.accept([samples.queued(1, intake=Intake.SCAN, received_at=samples.NOW + 500)])

    assert again == []
    assert world.job(1) == before
    assert world.told.of(JobKnown) == [JobKnown("1#1", samples.REPOSITORY, "scan")]
    assert len(world.told.of(JobAccepted)) == 1


def test_copies_within_one_batch_are_one_job() -> None:
    world = World()

    accepted = world.accept([samples.queued(1), samples.queued(2), samples.queued(1)])

    assert [job.id for job in accepted] == ["1#1", "2#1"]
    assert len(world.told.of(JobAccepted)) == 2


def test_each_attempt_of_a_job_is_a_job_of_its_own() -> None:
    world = World()

    accepted = world.accept([samples.queued(1, 1), samples.queued(1, 2)])

    assert [job.key for job in accepted] == [JobKey(1, 1), JobKey(1, 2)]


@pytest.mark.parametrize(
    ("label", "reason"),
    [
        ("spotrunner/linux-4cpu/rma=16", "unknown key 'rma'"),
        ("spotrunner/no-such", "no runner configuration 'no-such'"),
        ("spotrunner/linux-4cpu/cpu=3", "no machine type has 3 to 3 vCPU"),
    ],
)
def test_a_job_that_can_never_be_served_is_recorded_as_refused_once(label: str, reason: str) -> None:
    world = World()

    for _ in range(3):
        world.accept([samples.queued(1, labels=(label,))])

    assert world.job(1).state is JobState.REFUSED
    assert reason in world.job(1).reason
    assert [event.reason for event in world.told.of(JobRefused)] == [world.job(1).reason]
    assert len(world.told.of(JobKnown)) == 2


@pytest.mark.parametrize("place", ["env=prod", "region=eu-west-1", "env=dev/region=eu-west-1"])
def test_a_job_for_another_environment_or_region_leaves_no_trace(place: str) -> None:
    world = World()

    accepted = world.accept([samples.queued(1, labels=(f"spotrunner/no-such-here/{place}",))])

    assert accepted == []
    assert world.shelf.records == {}
    assert world.told.events == []


@pytest.mark.parametrize("place", ["env=dev", "region=us-east-1", "env=DEV/region=US-EAST-1"])
def test_a_job_that_names_this_very_place_is_accepted(place: str) -> None:
    world = World()

    accepted = world.accept([samples.queued(1, labels=(f"spotrunner/linux-4cpu/{place}",))])

    assert [job.state for job in accepted] == [JobState.WAITING]


def test_a_mixed_batch_is_sorted_job_by_job() -> None:
    world = World()
    world.accept([samples.queued(1)])

    accepted = world.accept(
        [
            samples.queued(1),
            samples.queued(2),
            samples.queued(3, labels=("spotrunner/nope",)),
            samples.queued(4, labels=("spotrunner/linux-4cpu/env=prod",)),
            samples.queued(5, labels=("self-hosted",)),
        ]
    )

    assert {job.key.job_id: job.state for job in accepted} == {
        2: JobState.WAITING,
        3: JobState.REFUSED,
        5: JobState.REFUSED,
    }
    assert set(world.states()) == {1, 2, 3, 5}


def test_a_table_that_does_not_answer_is_the_callers_to_retry_and_nothing_is_told() -> None:
    world = World()
    world.jobs.faults.plan(Unavailable("throttled"))

    with pytest.raises(Unavailable):
        world.accept([samples.queued(1)])

    assert world.told.events == []


def test_the_trace_of_a_job_is_the_same_whoever_brings_it() -> None:
    one, other = World(), World()

    (webhook,) = one.accept([samples.queued(1, traceparent="")])
    (scan,) = other.accept([samples.queued(1, intake=Intake.SCAN)])

    assert webhook.traceparent.split("-")[1] == scan.traceparent.split("-")[1]


class Origin:
    """A GitHub that says where a run comes from."""

    def __init__(self, *, fork: bool) -> None:
        self.fork = fork
        self.asked = 0

    def is_fork(self, message: JobQueued, now: float) -> bool:  # noqa: ARG002 - one answer for all
        self.asked += 1
        return self.fork


ALIASES = Rules(aliases=(Alias("ubuntu-latest", "spotrunner/linux-4cpu/ram=16"),))


def test_a_job_in_another_language_keeps_its_labels_and_the_wish_they_stand_for() -> None:
    world = World()
    world.configs.stack_rules = ALIASES

    (job,) = world.accept([samples.queued(1, labels=("self-hosted", "Ubuntu-Latest"))])

    assert job.state is JobState.WAITING
    assert job.labels == ("self-hosted", "Ubuntu-Latest")
    assert job.wanted == "spotrunner/linux-4cpu/ram=16"
    assert world.accept([samples.queued(2, labels=("spotrunner/linux-4cpu/ram=16",))])[0].shape == job.shape


def test_a_wish_in_our_own_language_is_not_written_down_twice() -> None:
    (job,) = World().accept([samples.queued(1)])

    assert job.wanted == ""


@pytest.mark.parametrize(
    ("policy", "reason"),
    [
        (Policy(repositories=("cat/*",)), "repository octo/hello is not on this stack's list"),
        (Policy(rules=(Rule("tiny", most={"cpu": 2}),)), "rule 'tiny' refuses what else would fit"),
        (Policy(rules=(Rule("named", configs=("big",)),)), "rule 'named' of this stack does not allow"),
    ],
)
def test_a_policy_refuses_with_the_name_of_its_rule(policy: Policy, reason: str) -> None:
    world = World()
    world.configs.stack_rules = Rules(policy=policy)

    (job,) = world.accept([samples.queued(1)])

    assert job.state is JobState.REFUSED
    assert reason in job.reason


def test_without_a_policy_for_forks_nobody_asks_where_a_run_comes_from() -> None:
    world, origin = World(), Origin(fork=True)

    replace(world.accept, origins=origin)([samples.queued(1)])

    assert origin.asked == 0
    assert world.job(1).state is JobState.WAITING


@pytest.mark.parametrize(
    ("forks", "origin", "state", "wanted"),
    [
        (Forks(Trust.REFUSE), Origin(fork=False), JobState.WAITING, ""),
        (Forks(Trust.REFUSE), Origin(fork=True), JobState.REFUSED, ""),
        # Who can not be asked is not trusted.
        (Forks(Trust.REFUSE), None, JobState.REFUSED, ""),
        (Forks(Trust.ROUTE, "fork"), Origin(fork=False), JobState.WAITING, ""),
        (Forks(Trust.ROUTE, "fork"), Origin(fork=True), JobState.WAITING, "spotrunner/fork"),
    ],
)
def test_a_forks_job_gets_what_the_policy_says(
    forks: Forks, origin: Origin | None, state: JobState, wanted: str
) -> None:
    world = World()
    world.configs.known["fork"] = samples.config("fork")
    world.configs.stack_rules = Rules(forks=forks)

    replace(world.accept, origins=origin)([samples.queued(1, labels=("spotrunner/linux-4cpu/cpu=8",))])

    assert (world.job(1).state, world.job(1).wanted) == (state, wanted)
    if state is JobState.REFUSED:
        assert "comes from a fork" in world.job(1).reason


def test_a_routed_job_is_launched_by_the_wish_it_was_accepted_with() -> None:
    world = World()
    world.configs.stack_rules = ALIASES
    accepted = world.accept([samples.queued(1, labels=("ubuntu-latest",))])

    world.launch(accepted)

    assert world.job(1).state is JobState.LAUNCHED
