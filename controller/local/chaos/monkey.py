"""A scenario that strikes everything, by a seed: machines, agents, functions, GitHub, webhooks, capacity."""

from __future__ import annotations

import random
from collections.abc import Callable

from controller.local.scenario.faults import FAULTS
from controller.local.scenario.plan import At, Event, Scenario, Step, Value, When

EVERY_S = 4.0
"""Between two strikes, on average."""
LULL_S = 3.0
"""Between the last strike and the calm."""

_FUNCTIONS = ("webhook", "claim", "claim", "dispatch", "dispatch", "reports", "reports", "events", "housekeeping")
_MOST_CALLS = {"webhook": 1, "claim": 4, "dispatch": 12, "reports": 6, "events": 4, "housekeeping": 20}
"""About as many calls to AWS as a function makes in one go: the trap is laid at one of them."""
_FAMILIES = ("c7i.*", "c7a.*", "m7i.*", "*.large", "*.xlarge")
_EARLY = (Event.LAUNCHED, Event.BOOTED, Event.CLAIMED)
_LATE = (Event.CLAIMED, Event.STARTED, Event.STARTED)


def monkey(seed: int, jobs: int, seconds: float) -> Scenario:
    """What happens to so many jobs in so long; after that, nothing goes wrong any more."""
    dice = random.Random(f"monkey {seed}")  # noqa: S311 - bad luck, not a secret
    makers, weights = zip(*_STRIKES, strict=True)
    chosen = dice.choices(makers, weights, k=max(len(_STRIKES) // 2, round(seconds / EVERY_S)))
    steps = [step for make in chosen for step in make(dice, jobs, seconds)]
    calm = (_step(At(seconds + LULL_S), "restock"), _step(At(seconds + LULL_S), "spare_functions"))
    return Scenario(f"chaos-{seed}", (*steps, *calm), f"A monkey's five minutes, seed {seed}.")


Strike = tuple[Step, ...]


def _step(due: At | When, fault: str, /, **values: Value) -> Step:
    # In the fault's own order, in which a file reads back.
    known = [parameter.name for parameter in FAULTS[fault].parameters]
    return Step(due, fault, tuple((name, values[name]) for name in known if name in values))


def _at(dice: random.Random, seconds: float) -> At:
    return At(round(dice.uniform(0.0, seconds), 1))


def _when(dice: random.Random, jobs: int, *events: Event) -> When:
    return When(dice.choice(events), nth=dice.randint(1, max(1, jobs * 9 // 10)), after=round(dice.uniform(0, 0.5), 2))


def _kill(dice: random.Random, jobs: int, _: float) -> Strike:
    return (_step(_when(dice, jobs, *_EARLY, *_LATE), "kill"),)


def _kill_agent(dice: random.Random, jobs: int, _: float) -> Strike:
    return (_step(_when(dice, jobs, *_LATE), "kill_agent"),)


def _freeze(dice: random.Random, jobs: int, _: float) -> Strike:
    return (_step(_when(dice, jobs, *_LATE), "freeze"),)


def _interrupt(dice: random.Random, jobs: int, _: float) -> Strike:
    return (_step(_when(dice, jobs, *_EARLY, *_LATE), "interrupt", notice=round(dice.uniform(5.0, 20.0), 1)),)


def _interrupt_pool(dice: random.Random, _: int, seconds: float) -> Strike:
    zone = f"us-east-1{dice.choice('abc')}"
    return (
        _step(
            _at(dice, seconds), "interrupt_pool", type=dice.choice(_FAMILIES), zone=zone, notice=dice.choice((5, 15))
        ),
    )


def _rebalance(dice: random.Random, jobs: int, _: float) -> Strike:
    return (_step(_when(dice, jobs, Event.CLAIMED, Event.STARTED), "rebalance"),)


def _next_boot(dice: random.Random, _: int, seconds: float) -> Strike:
    boot = dice.choice(("silent", "slow", "fails"))
    more: dict[str, Value] = {"extra": round(dice.uniform(1.0, 4.0), 1)} if boot == "slow" else {}
    return (_step(_at(dice, seconds), "next_boot", boot=boot, **more),)


def _kill_function(dice: random.Random, _: int, seconds: float) -> Strike:
    function = dice.choice(_FUNCTIONS)
    call, moment = dice.randint(1, _MOST_CALLS[function]), dice.choice(("before", "after"))
    return (_step(_at(dice, seconds), "kill_function", function=function, call=call, moment=moment),)


def _restart_github(dice: random.Random, _: int, seconds: float) -> Strike:
    return (_step(_at(dice, seconds), "restart_github", **{"for": round(dice.uniform(1.0, 4.0), 1)}),)


def _fail_requests(dice: random.Random, _: int, seconds: float) -> Strike:
    status = dice.choice((500, 502, 503))
    return (_step(_at(dice, seconds), "fail_requests", status=status, times=dice.randint(1, 4)),)


def _limit_github(dice: random.Random, _: int, seconds: float) -> Strike:
    kind = dice.choice(("primary", "secondary"))
    return (_step(_at(dice, seconds), "limit_github", kind=kind, **{"for": round(dice.uniform(1.0, 4.0), 1)}),)


def _webhook(dice: random.Random, _: int, seconds: float) -> Strike:
    action = dice.choice(("queued", "queued", "in_progress", "completed"))
    fault = dice.choice(("lose_webhook", "fail_webhook", "delay_webhook"))
    more: dict[str, Value] = {"for": round(dice.uniform(0.5, 4.0), 1)} if fault == "delay_webhook" else {}
    return (_step(_at(dice, seconds), fault, action=action, times=dice.randint(1, 2), **more),)


def _repeat(dice: random.Random, _: int, seconds: float) -> Strike:
    action = dice.choice(("queued", "in_progress", "completed"))
    return (_step(_at(dice, seconds), "repeat_webhook", action=action, times=dice.randint(2, 4)),)


def _forge(dice: random.Random, _: int, seconds: float) -> Strike:
    return (_step(_at(dice, seconds), "forge_webhook"),)


def _sell_out(dice: random.Random, _: int, seconds: float) -> Strike:
    begin, kind = _at(dice, seconds), dice.choice(_FAMILIES)
    end = At(round(begin.seconds + dice.uniform(5.0, 20.0), 1))
    return (
        _step(begin, "sell_out", lifecycle="spot", type=kind),
        _step(end, "restock", lifecycle="spot", type=kind),
    )


def _refuse_launch(dice: random.Random, _: int, seconds: float) -> Strike:
    code = dice.choice(
        ("InsufficientInstanceCapacity", "RequestLimitExceeded", "InternalError", "UnfulfillableCapacity")
    )
    return (_step(_at(dice, seconds), "refuse_launch", code=code, times=dice.randint(1, 2)),)


def _fail_call(dice: random.Random, _: int, seconds: float) -> Strike:
    action = dice.choice(("CreateFleet", "CreateFleet", "DescribeInstances", "TerminateInstances"))
    code = dice.choice(("RequestLimitExceeded", "InternalError"))
    return (_step(_at(dice, seconds), "fail_call", action=action, code=code),)


def _cancel(dice: random.Random, jobs: int, _: float) -> Strike:
    return (_step(_when(dice, jobs, Event.QUEUED, *_EARLY, Event.STARTED), "cancel_job"),)


_STRIKES: tuple[tuple[Callable[[random.Random, int, float], Strike], int], ...] = (
    (_kill, 10),
    (_kill_agent, 10),
    (_freeze, 3),
    (_interrupt, 6),
    (_interrupt_pool, 2),
    (_rebalance, 2),
    (_next_boot, 6),
    (_kill_function, 20),
    (_restart_github, 4),
    (_fail_requests, 5),
    (_limit_github, 4),
    (_webhook, 12),
    (_repeat, 4),
    (_forge, 2),
    (_sell_out, 4),
    (_refuse_launch, 4),
    (_fail_call, 4),
    (_cancel, 4),
)
"""Each with its weight."""
