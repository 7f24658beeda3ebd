"""Every fault there is, with what may be said about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from controller.local.scenario.plan import Step, Value


class Kind(StrEnum):
    """What a parameter's value must be."""

    TEXT = "text"
    DURATION = "a duration"
    COUNT = "a whole number, 1 or more"
    ROOM = "a whole number, 0 or more"


class Victim(StrEnum):
    """Whom a fault befalls."""

    NOBODY = "nobody in particular"
    JOB = "a job"
    MACHINE = "a job's machine"


@dataclass(frozen=True, slots=True)
class Parameter:
    """One thing that may be said about a fault."""

    name: str
    kind: Kind = Kind.TEXT
    default: Value | None = None
    """None: it must be said."""
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Fault:
    """One way in which the world can go wrong."""

    name: str
    about: str
    parameters: tuple[Parameter, ...] = ()
    victim: Victim = Victim.NOBODY

    def parameter(self, name: str) -> Parameter | None:
        """The parameter of that name."""
        return next((each for each in self.parameters if each.name == name), None)


_LIFECYCLE = Parameter("lifecycle", default="*", choices=("spot", "on-demand", "*"))
_POOL = (_LIFECYCLE, Parameter("type", default="*"), Parameter("zone", default="*"))
_TIMES = Parameter("times", Kind.COUNT, 1)
_WHOM = Parameter("job", default="*")
"""For an answer: whose machine is looked at."""
_VICTIM = Parameter("job", default="")
"""Empty: the job of the event."""
_NAMED = Parameter("job", default="")
"""Empty: the next one, whoever it is."""
_ACTION = Parameter("action", default="queued", choices=("queued", "in_progress", "completed"))

_ALL = (
    Fault("sell_out", "no machine is left in the pools that fit", (*_POOL, _WHOM)),
    Fault("restock", "the pools that fit have machines again", _POOL),
    Fault(
        "limit_pool", "the pools that fit have so many machines left", (*_POOL, Parameter("machines", Kind.ROOM), _WHOM)
    ),
    Fault(
        "refuse_launch",
        "the next fleets start nothing, with this code for every pool",
        (Parameter("code", default="InsufficientInstanceCapacity"), _TIMES, _WHOM),
    ),
    Fault(
        "fail_call",
        "the next such calls to EC2 fail outright",
        (Parameter("action", default="CreateFleet"), Parameter("code", default="RequestLimitExceeded"), _TIMES, _WHOM),
    ),
    Fault(
        "interrupt",
        "EC2 takes the machine back after a notice",
        (Parameter("notice", Kind.DURATION, 30.0), _VICTIM),
        Victim.MACHINE,
    ),
    Fault(
        "interrupt_pool",
        "EC2 takes back every spot machine of the pools that fit",
        (Parameter("type", default="*"), Parameter("zone", default="*"), Parameter("notice", Kind.DURATION, 30.0)),
    ),
    Fault("rebalance", "EC2 advises to leave the machine", (_VICTIM,), Victim.MACHINE),
    Fault("kill", "the machine is gone at once, without notice", (_VICTIM,), Victim.MACHINE),
    Fault("kill_agent", "the agent's process is gone at once", (_VICTIM,), Victim.MACHINE),
    Fault("freeze", "the machine hangs: running, and nothing on it moves", (_VICTIM,), Victim.MACHINE),
    Fault(
        "next_boot",
        "the next machines never come up, come up late, or fail in boot",
        (
            Parameter("boot", choices=("silent", "slow", "fails")),
            _TIMES,
            Parameter("extra", Kind.DURATION, 3.0),
        ),
    ),
    Fault(
        "kill_function",
        "a function's process is gone in the middle of its work, just before or after one of its calls to AWS",
        (
            Parameter("function", choices=("webhook", "dispatch", "claim", "reports", "events", "housekeeping")),
            Parameter("call", Kind.COUNT, 1),
            Parameter("moment", default="after", choices=("before", "after")),
            _WHOM,
        ),
    ),
    Fault("spare_functions", "no function is killed any more"),
    Fault("lose_webhook", "a delivery is never sent", (_ACTION, _NAMED, _TIMES)),
    Fault("fail_webhook", "a delivery fails, and stands in GitHub's log", (_ACTION, _NAMED, _TIMES)),
    Fault("delay_webhook", "a delivery comes late", (_ACTION, Parameter("for", Kind.DURATION, 3.0), _NAMED, _TIMES)),
    Fault("repeat_webhook", "the next delivery is sent several times", (_ACTION, Parameter("times", Kind.COUNT, 3))),
    Fault("forge_webhook", "somebody sends a delivery with a wrong signature"),
    Fault("hold_back", "the job's in_progress comes after its completed", (Parameter("job"),)),
    Fault("cancel_job", "the job is cancelled", (_VICTIM,), Victim.JOB),
    Fault("cancel_run", "the job's run is cancelled", (_VICTIM,), Victim.JOB),
    Fault(
        "steal",
        "the thief's queued is lost, so that it takes the runner of an equal job",
        (Parameter("job"), Parameter("thief")),
    ),
    Fault(
        "restart_github",
        "GitHub refuses every connection for a while, and knows afterwards what it knew",
        (Parameter("for", Kind.DURATION, 3.0), _WHOM),
    ),
    Fault(
        "fail_requests",
        "GitHub's API answers the next requests with an error",
        (Parameter("route", default="*"), Parameter("status", Kind.COUNT, 502), _TIMES, _WHOM),
    ),
    Fault(
        "limit_github",
        "GitHub's API refuses the App for a while",
        (
            Parameter("kind", default="secondary", choices=("primary", "secondary")),
            Parameter("for", Kind.DURATION, 3.0),
            _WHOM,
        ),
    ),
)

FAULTS: Mapping[str, Fault] = {fault.name: fault for fault in _ALL}


def said(step: Step, name: str) -> Value:
    """What a step says about its fault, or the fault's default."""
    for each, value in step.values:
        if each == name:
            return value
    parameter = FAULTS[step.fault].parameter(name)
    if parameter is None or parameter.default is None:
        raise KeyError(f"{step.fault} has no {name}")
    return parameter.default


def text(step: Step, name: str) -> str:
    """A text that was said."""
    return str(said(step, name))


def seconds(step: Step, name: str) -> float:
    """A duration that was said."""
    return float(said(step, name))


def number(step: Step, name: str) -> int:
    """A whole number that was said."""
    return int(said(step, name))
