"""Three intakes bring the same jobs in any order, as often as they like: one row and one machine for each."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from controller.domain.job import Job
from controller.domain.job_key import Intake, JobKey
from controller.messages import Step
from tests.controller.usecases.world import World

JOBS = st.integers(1, 4)
ATTEMPTS = st.integers(1, 2)
Key = tuple[int, int]


class Intakes(RuleBasedStateMachine):
    """The model: which attempts were heard of, by whom first, and which have ended."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World()
        self.first: dict[Key, Intake | None] = {}
        self.ended: set[Key] = set()

    @rule(job=JOBS, attempt=ATTEMPTS, intake=st.sampled_from(Intake), times=st.integers(1, 3))
    def bring(self, job: int, attempt: int, intake: Intake, times: int) -> None:
        for _ in range(times):
            self.world.arrive(job, attempt=attempt, intake=intake)
        self.first.setdefault((job, attempt), intake)

    @rule(jobs=st.lists(JOBS, min_size=2, max_size=4), intake=st.sampled_from(Intake))
    def bring_together(self, jobs: list[int], intake: Intake) -> None:
        self.world.arrive(*jobs, intake=intake)
        for job in jobs:
            self.first.setdefault((job, 1), intake)

    @rule(job=JOBS, attempt=ATTEMPTS, runner=st.sampled_from(["", "another-1"]))
    def end(self, job: int, attempt: int, runner: str) -> None:
        """It ends elsewhere, or is cancelled, perhaps before anybody has heard of it."""
        self.world.moved(Step.COMPLETED, job, attempt=attempt, runner_name=runner, conclusion="cancelled")
        self.first.setdefault((job, attempt), None)
        self.ended.add((job, attempt))

    @rule()
    def wake(self) -> None:
        self.world.wake()

    @invariant()
    def each_has_one_row_found_by_the_first(self) -> None:
        rows = {r.key for r in self.world.shelf.records.values() if isinstance(r, Job)}
        assert rows == {JobKey(*key) for key in self.first}
        for key, intake in self.first.items():
            assert intake is None or self.world.job(*key).intake is intake

    @invariant()
    def each_waiting_one_has_one_machine(self) -> None:
        launched = [key for key, intake in self.first.items() if intake is not None]
        assert len(self.world.machines) == len(launched)
        for key in set(launched) - self.ended:
            assert self.world.job(*key).instance_id in self.world.machines


TestIntakes = Intakes.TestCase
TestIntakes.settings = settings(max_examples=40, stateful_step_count=20, deadline=None, derandomize=True)
