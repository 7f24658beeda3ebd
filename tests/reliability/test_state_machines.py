"""Machines under their leases, the breaker, and the regions' leases, against models simpler than they are."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from controller.domain import breaker as breakers
from controller.domain import region_health
from controller.domain import runner as runners_of
from controller.domain.breaker import Breaker, BreakerPolicy, BreakerState, Failure
from controller.domain.housekeeping import Patience, WriteOff, overdue
from controller.domain.runner import ALIVE, Runner, RunnerState
from tests.fakes import samples

EXAMPLES = settings(max_examples=60, stateful_step_count=30, deadline=None, derandomize=True)
SECONDS = st.floats(0.5, 500.0)


class RunnerLife(RuleBasedStateMachine):
    """A machine lives once, and is written off only when its lease is over, and its grace if it has claimed."""

    PATIENCE = Patience(provisioning_s=600.0, grace_s=120.0)

    def __init__(self) -> None:
        super().__init__()
        self.now = samples.NOW
        self.runner: Runner = samples.runner(lease_until=self.now + 180.0)
        self.ended = False

    @rule(to=st.sampled_from(RunnerState), seconds=SECONDS, lease=SECONDS)
    def move(self, to: RunnerState, seconds: float, lease: float) -> None:
        self.now += seconds
        legal = to in runners_of.ARROWS[self.runner.state]
        try:
            self.runner = runners_of.move(self.runner, to, self.now, lease_until=self.now + lease)
        except runners_of.IllegalMove:
            assert not legal
        else:
            assert legal
            self.ended = self.ended or to not in ALIVE

    @rule(seconds=SECONDS)
    def sweep(self, seconds: float) -> None:
        self.now += seconds
        # One that has claimed is given time to power itself off.
        grace_s = 0.0 if self.runner.state is RunnerState.LAUNCHED else self.PATIENCE.grace_s
        due = not self.ended and self.now > self.runner.lease_until + grace_s
        deeds = overdue([self.runner], self.now, self.PATIENCE)
        assert [type(deed) for deed in deeds] == [WriteOff] * due
        if due:
            self.runner = runners_of.move(self.runner, RunnerState.GONE, self.now)
            self.ended = True

    @invariant()
    def whoever_has_ended_never_lives_again(self) -> None:
        assert self.ended == (self.runner.state not in ALIVE)


class BreakerLife(RuleBasedStateMachine):
    """A breaker against the plain story of it: when it opened, how often in a row, and who is trying."""

    POLICY = BreakerPolicy(failures=3, window_s=100.0, rest_s=60.0, longest_rest_s=200.0, probe_s=90.0)

    def __init__(self) -> None:
        super().__init__()
        self.now = 1_000.0
        self.breaker = Breaker()
        self.recent: list[float] = []
        self.opened_at: float | None = None
        self.trips = 0
        self.probe: tuple[str, float] | None = None

    def _open(self) -> None:
        self.opened_at, self.probe, self.recent = self.now, None, []
        self.trips += 1

    @property
    def _rested(self) -> bool:
        assert self.opened_at is not None
        return self.now >= self.opened_at + min(60.0 * 2.0 ** (self.trips - 1), 200.0)

    @rule(seconds=st.floats(1.0, 80.0))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @rule()
    def fail(self) -> None:
        self.breaker = breakers.failed(self.breaker, Failure(self.now, "boot"), self.now, self.POLICY, "somebody")
        if self.opened_at is None:
            self.recent = [at for at in [*self.recent, self.now] if self.now - at < self.POLICY.window_s]
            if len(self.recent) >= self.POLICY.failures:
                self._open()

    @rule(who=st.sampled_from(["a", "b"]))
    def try_it(self, who: str) -> None:
        probing = breakers.probing(self.breaker, who, self.now, self.POLICY)
        free = self.probe is None or self.probe[0] == who or self.now >= self.probe[1] + self.POLICY.probe_s
        assert (probing is not None) == (self.opened_at is not None and self._rested and free)
        if probing is not None:
            self.breaker, self.probe = probing, (who, self.now)

    @precondition(lambda self: self.probe is not None)
    @rule(well=st.booleans())
    def probe_ends(self, *, well: bool) -> None:
        assert self.probe is not None
        who = self.probe[0]
        if well:
            self.breaker = breakers.succeeded(self.breaker, self.now, who)
            self.opened_at, self.probe, self.trips, self.recent = None, None, 0, []
        else:
            self.breaker = breakers.failed(self.breaker, Failure(self.now, "boot"), self.now, self.POLICY, who)
            self._open()

    @invariant()
    def it_stands_where_the_story_says(self) -> None:
        if self.opened_at is None:
            expected = BreakerState.CLOSED
        else:
            expected = BreakerState.HALF_OPEN if self._rested else BreakerState.OPEN
        assert breakers.state(self.breaker, self.now, self.POLICY) is expected


class RegionLeases(RuleBasedStateMachine):
    """Two regions whose knowledge of each other is late by less than the margin never both act."""

    LENGTH = 100.0
    LAG = LENGTH * region_health.MARGIN * 0.99

    def __init__(self) -> None:
        super().__init__()
        self.now = 1_000.0
        self.history: list[tuple[float, region_health.Lease]] = []

    @rule(seconds=st.floats(0.1, 90.0))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @rule()
    def beat(self) -> None:
        known = self.history[-1][1] if self.history else None
        self.history.append((self.now, region_health.renewed(known, self.now, self.LENGTH)))

    @invariant()
    def the_other_never_acts_while_the_owner_may_write(self) -> None:
        seen = [lease for at, lease in self.history if at <= self.now - self.LAG]
        if self.history and seen:
            may_write = self.history[-1][1].holds(self.now)
            assert not (may_write and seen[-1].is_lost(self.now, self.LENGTH))


TestRunnerLife = RunnerLife.TestCase
TestBreakerLife = BreakerLife.TestCase
TestRegionLeases = RegionLeases.TestCase
for case in (TestRunnerLife, TestBreakerLife, TestRegionLeases):
    case.settings = EXAMPLES
