"""Random scenarios: the same seed always gives the same bad luck."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

from controller.local.scenario.plan import At, Event, Scenario, Step, Value, When

FEWEST, MOST = 4, 8
_FAMILIES = ("c7i.*", "c7a.*", "m7i.*", "c7g.*", "c8g.*", "*.large", "*.xlarge")
_CODES = ("InsufficientInstanceCapacity", "RequestLimitExceeded", "InternalError", "UnfulfillableCapacity")
_EARLY = (Event.LAUNCHED, Event.BOOTED, Event.CLAIMED)


def random_scenario(seed: int, jobs: int = 16, names: Sequence[str] = ()) -> Scenario:
    """The scenario of a seed, for a run of about so many jobs; `names` are jobs that are sure to exist."""
    dice = random.Random(seed)  # noqa: S311 - bad luck, not a secret
    makers = [*_MAKERS, _hold_back] if names else list(_MAKERS)
    steps = [make(dice, jobs, names) for make in dice.choices(makers, k=dice.randint(FEWEST, MOST))]
    return Scenario(f"seed-{seed}", tuple(steps), f"Bad luck by the die, seed {seed}.")


def _step(moment: At | When, fault: str, **values: Value) -> Step:
    return Step(moment, fault, tuple(values.items()))


def _soon(dice: random.Random) -> At:
    return At(round(dice.uniform(0.0, 10.0), 1))


def _when(dice: random.Random, jobs: int, *events: Event) -> When:
    return When(dice.choice(events), nth=dice.randint(1, max(1, jobs * 3 // 4)), after=round(dice.uniform(0, 0.5), 2))


def _sell_out(dice: random.Random, _jobs: int, _names: Sequence[str]) -> Step:
    return _step(_soon(dice), "sell_out", lifecycle="spot", type=dice.choice(_FAMILIES))


def _refuse_launch(dice: random.Random, _jobs: int, _names: Sequence[str]) -> Step:
    return _step(_soon(dice), "refuse_launch", code=dice.choice(_CODES), times=dice.randint(1, 2))


def _fail_call(dice: random.Random, _jobs: int, _names: Sequence[str]) -> Step:
    return _step(
        _soon(dice), "fail_call", action="CreateFleet", code=dice.choice(("RequestLimitExceeded", "InternalError"))
    )


def _interrupt(dice: random.Random, jobs: int, _names: Sequence[str]) -> Step:
    return _step(_when(dice, jobs, *_EARLY, Event.STARTED), "interrupt", notice=round(dice.uniform(25.0, 40.0), 1))


def _rebalance(dice: random.Random, jobs: int, _names: Sequence[str]) -> Step:
    return _step(_when(dice, jobs, Event.CLAIMED, Event.STARTED), "rebalance")


def _kill(dice: random.Random, jobs: int, _names: Sequence[str]) -> Step:
    return _step(_when(dice, jobs, Event.LAUNCHED, Event.BOOTED), "kill")


def _next_boot(dice: random.Random, jobs: int, _names: Sequence[str]) -> Step:
    boot = dice.choice(("silent", "slow", "fails"))
    extra: dict[str, Value] = {"extra": round(dice.uniform(1.0, 3.0), 1)} if boot == "slow" else {}
    return _step(_when(dice, jobs, Event.QUEUED), "next_boot", boot=boot, **extra)


def _webhook(dice: random.Random, _jobs: int, _names: Sequence[str]) -> Step:
    action = dice.choice(("queued", "queued", "in_progress", "completed"))
    fault = dice.choice(("lose_webhook", "fail_webhook", "delay_webhook"))
    more: dict[str, Value] = {"for": round(dice.uniform(0.5, 3.0), 1)} if fault == "delay_webhook" else {}
    return _step(_soon(dice), fault, action=action, **more)


def _repeat(dice: random.Random, _jobs: int, _names: Sequence[str]) -> Step:
    return _step(
        _soon(dice),
        "repeat_webhook",
        action=dice.choice(("queued", "in_progress", "completed")),
        times=dice.randint(2, 3),
    )


def _forge(dice: random.Random, _jobs: int, _names: Sequence[str]) -> Step:
    return _step(_soon(dice), "forge_webhook")


def _cancel(dice: random.Random, jobs: int, _names: Sequence[str]) -> Step:
    return _step(_when(dice, jobs, Event.QUEUED, Event.LAUNCHED, Event.CLAIMED), "cancel_job")


def _github(dice: random.Random, _jobs: int, _names: Sequence[str]) -> Step:
    if dice.random() < 0.5:  # noqa: PLR2004 - one of two
        kind = dice.choice(("primary", "secondary"))
        return _step(_soon(dice), "limit_github", kind=kind, **{"for": round(dice.uniform(1.0, 3.0), 1)})
    return _step(_soon(dice), "fail_requests", status=dice.choice((500, 502, 503)), times=dice.randint(1, 2))


def _hold_back(dice: random.Random, _jobs: int, names: Sequence[str]) -> Step:
    return _step(At(0.0), "hold_back", job=dice.choice(names))


_MAKERS: Sequence[Callable[[random.Random, int, Sequence[str]], Step]] = (
    _sell_out,
    _refuse_launch,
    _fail_call,
    _interrupt,
    _interrupt,
    _rebalance,
    _kill,
    _next_boot,
    _next_boot,
    _webhook,
    _webhook,
    _repeat,
    _forge,
    _cancel,
    _github,
)
