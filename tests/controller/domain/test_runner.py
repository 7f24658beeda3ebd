"""A machine's states, and the name that leads back to it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from controller.domain.runner import ALIVE, ARROWS, IllegalMove, RunnerState, move
from controller.domain.runner_name import instance_of, name_of
from tests.fakes import samples

S, L, C, B, F, G = (
    RunnerState.SPARE,
    RunnerState.LAUNCHED,
    RunnerState.CLAIMED,
    RunnerState.BUSY,
    RunnerState.FINISHED,
    RunnerState.GONE,
)

NAMED = {
    (S, L): "a job takes it",
    (S, F): "is not wanted any more, or its time has ended",
    (S, G): "vanished while it waited, or written off",
    (L, C): "asks for work",
    (L, F): "has no work, or never got as far",
    (L, G): "vanished while booting, or written off",
    (C, C): "re-armed",
    (C, B): "its runner works",
    (C, F): "ended without a job",
    (C, G): "vanished while listening, or written off",
    (B, F): "its job has ended",
    (B, G): "interrupted, or written off",
    (F, G): "the cloud has let go of it",
}


@pytest.mark.parametrize("source", RunnerState)
@pytest.mark.parametrize("target", RunnerState)
def test_a_machine_moves_along_the_named_arrows_and_no_others(source: RunnerState, target: RunnerState) -> None:
    runner = samples.runner(state=source)

    if (source, target) in NAMED:
        moved = move(runner, target, 5.0, "because", exit_code=3)
        assert (moved.state, moved.since, moved.reason, moved.exit_code) == (target, 5.0, "because", 3)
    else:
        with pytest.raises(IllegalMove, match=f"runner i-1: {source} -> {target}"):
            move(runner, target, 5.0)


def test_a_machine_that_is_gone_has_no_way_out_and_every_other_one_can_go() -> None:
    assert ARROWS[RunnerState.GONE] == frozenset()
    assert all(RunnerState.GONE in ARROWS[state] for state in RunnerState if state is not RunnerState.GONE)


def test_a_machine_that_has_said_its_last_word_is_not_alive() -> None:
    assert set(RunnerState) - {RunnerState.FINISHED, RunnerState.GONE} == ALIVE


INSTANCES = st.from_regex(r"i-[0-9a-f]{8,17}", fullmatch=True)


@given(INSTANCES, st.integers(0, 10_000))
def test_a_runners_name_leads_back_to_its_machine(instance_id: str, claim: int) -> None:
    assert instance_of(name_of(instance_id, claim)) == instance_id


@given(INSTANCES, st.lists(st.integers(1, 99), unique=True, min_size=2, max_size=4))
def test_each_claim_has_a_name_of_its_own_that_github_takes(instance_id: str, claims: list[int]) -> None:
    names = {name_of(instance_id, claim) for claim in claims}

    assert len(names) == len(claims)
    assert all(len(name) <= 64 for name in names)


@pytest.mark.parametrize(
    "name",
    ["", "my-runner-1", "spotrunner-", "spotrunner-1", "spotrunner--1", "spotrunner-i-0abc", "Spotrunner-i-0abc-1"],
)
def test_a_runner_that_is_not_ours_leads_nowhere(name: str) -> None:
    assert instance_of(name) is None


@given(st.text())
def test_any_name_is_read_or_found_to_be_somebody_elses(name: str) -> None:
    found = instance_of(name)

    assert found is None or (name.startswith("spotrunner-") and found in name and found)


class Walk(RuleBasedStateMachine):
    """A machine wanders through its states; wherever it is sent, only the table decides."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = samples.runner(version=3)
        self.path = [self.runner.state]

    @rule(to=st.sampled_from(RunnerState))
    def send(self, to: RunnerState) -> None:
        before = self.runner
        try:
            self.runner = move(self.runner, to, float(len(self.path)))
        except IllegalMove:
            assert self.runner is before
            return
        self.path.append(to)

    @invariant()
    def the_path_is_made_of_arrows(self) -> None:
        assert all((a, b) in NAMED for a, b in zip(self.path, self.path[1:], strict=False))

    @invariant()
    def the_dead_stay_dead(self) -> None:
        ended = [state not in ALIVE for state in self.path]
        assert ended == sorted(ended)
        assert RunnerState.GONE not in self.path[:-1]

    @invariant()
    def a_busy_machine_never_claims_again(self) -> None:
        if RunnerState.BUSY in self.path:
            assert RunnerState.CLAIMED not in self.path[self.path.index(RunnerState.BUSY) :]


TestWalk = Walk.TestCase
