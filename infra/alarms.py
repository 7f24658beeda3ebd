"""Every alarm of a stack as plain data: what it watches, when it rises, and what to do first when it does."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from controller import wiring
from controller.signals import NAMESPACE, SIGNALS, Signal
from infra.config import DEAD
from infra.log_filters import WEBHOOK_ERRORS, namespace

MINUTE_S = 60
FIVE_MINUTES_S = 300
"""CloudWatch looks each minute at the latest five, so a longer period makes an alarm no slower."""
TOO_OLD_S = 300
"""A message or a job older than this means that something does not keep up, or does not work."""
PAGE = "docs/watching.md"
"""Has a heading for each kind of alarm."""


class Missing(StrEnum):
    """What a minute without data means; CloudWatch's own words."""

    FINE = "notBreaching"
    BAD = "breaching"


class Compare(StrEnum):
    """CloudWatch's own words."""

    ABOVE = "GreaterThanThreshold"
    BELOW = "LessThanThreshold"


@dataclass(frozen=True, slots=True)
class Series:
    """One metric with its statistic; `id` is its name in an expression."""

    id: str
    namespace: str
    metric: str
    dimensions: Mapping[str, str]
    statistic: str = "Sum"


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm:
    """Rises when so many of the latest periods are on the wrong side of the threshold."""

    name: str
    kind: str
    """Its heading in `PAGE`."""
    text: str
    first: str
    """What to do first."""
    series: tuple[Series, ...]
    expression: str = ""
    """Metric math over the series; without one there is a single series."""
    compare: Compare = Compare.ABOVE
    threshold: float = 0.0
    period_s: int = MINUTE_S
    periods: int = 1
    of_periods: int = 1
    missing: Missing = Missing.FINE
    why_missing: str = "nothing is told where nothing happened"

    @property
    def description(self) -> str:
        """What whoever is woken reads."""
        return f"{self.text}. First: {self.first}. More: {PAGE}#{self.kind}"


@dataclass(frozen=True, slots=True)
class _Told:
    """An event of which one is enough."""

    kind: str
    first: str


_TOLD: Mapping[str, _Told] = {
    "MachineTerminated": _Told(
        "stuck-machines",
        "look at the machine's log stream and console; if it is always one image, go back to the last",
    ),
    "ConfigurationHeld": _Told(
        "broken-configuration", "read the console in the latest BootFailed lines; the image or its user data is broken"
    ),
    "MessageRejected": _Told(
        "rejected-messages", "read the line's reason; unless you have just upgraded, somebody sends what is not ours"
    ),
    "RegionLost": _Told(
        "lost-region", "see whether AWS has trouble there; its jobs run here meanwhile, so there is no need to hurry"
    ),
}
_OTHER = _Told("other-events", "read the lines of this event in the functions' logs")


def alarms(stack: str) -> list[Alarm]:
    """Every alarm of a stack."""
    parts = (_of_events, _of_queues, _of_functions, _of_jobs, _of_others, _of_the_region)
    return [alarm for part in parts for alarm in part(stack)]


_FIELD = re.compile(r"\{(\w+)[^}]*\}")


def _of_events(stack: str) -> Iterator[Alarm]:
    for event, signal in SIGNALS.items():
        if signal.alert:
            advice = _TOLD.get(event, _OTHER)
            yield Alarm(
                name=f"{stack}-{_metric(signal)}",
                kind=advice.kind,
                text=f"{event}: " + _FIELD.sub(r"<\1>", signal.text),
                first=advice.first,
                series=(_own(stack, "told", _metric(signal)),),
            )


def _metric(signal: Signal) -> str:
    return signal.metrics[0].name


def _of_queues(stack: str) -> Iterator[Alarm]:
    for queue in wiring.QUEUES:
        yield Alarm(
            name=f"{stack}-{queue.name}-dead-letters",
            kind="dead-letters",
            text=f"Messages that the {queue.name} queue's door could not handle lie in {queue.name}{DEAD}",
            first="read why in the door's log, mend it, then start the redrive of that queue in the SQS console",
            series=(_of_queue(f"{stack}-{queue.name}{DEAD}", "ApproximateNumberOfMessagesVisible"),),
            why_missing="SQS stops to tell of a queue that nobody used for six hours, and an unused one is empty",
        )
        yield Alarm(
            name=f"{stack}-{queue.name}-age",
            kind="old-messages",
            text=f"The oldest message on the {queue.name} queue is over {too_old_s(queue) // 60} minutes old",
            first="look at the door's errors and throttles on the dashboard; a door that works needs more concurrency",
            series=(_of_queue(f"{stack}-{queue.name}", "ApproximateAgeOfOldestMessage"),),
            threshold=too_old_s(queue),
            why_missing="a queue that nobody uses has no old message",
        )


def too_old_s(queue: wiring.Queue) -> int:
    """A message that has failed once, and waits for its next try, is not old yet."""
    return TOO_OLD_S if queue.visibility_s < TOO_OLD_S else TOO_OLD_S + queue.visibility_s


def _of_functions(stack: str) -> Iterator[Alarm]:
    for function in wiring.FUNCTIONS:
        # One crash is repeated by its queue or by GitHub; two minutes of them are a fault.
        yield Alarm(
            name=f"{stack}-{function.name}-errors",
            kind="failing-functions",
            text=f"The {function.name} function crashes, runs out of time or out of memory again and again",
            first="read the last lines of its log; after an upgrade, roll back",
            series=(Series("errors", "AWS/Lambda", "Errors", {"FunctionName": f"{stack}-{function.name}"}),),
            periods=2,
            of_periods=5,
            why_missing="a function that is not called does not fail",
        )


def _of_jobs(stack: str) -> Iterator[Alarm]:
    """Jobs that wait, or lose their machines."""
    yield Alarm(
        name=f"{stack}-line-age",
        kind="waiting-jobs",
        text=f"A job has waited for a machine for over {TOO_OLD_S // 60} minutes",
        first="ask why: `spotrunner plan` with its labels says what is refused, its record says what was tried",
        series=(_own(stack, "oldest", "LineAge", statistic="Maximum"),),
        threshold=TOO_OLD_S,
        why_missing="an empty line has no oldest job; whether anybody looks is the alarm `silent`",
    )
    yield Alarm(
        name=f"{stack}-no-capacity",
        kind="no-capacity",
        text="No step of the capacity ladder has machines for some jobs",
        first="see in the CapacityExhausted lines which limit it is: allow more families or zones, or raise a quota",
        series=(_own(stack, "jobs", "JobsWithoutCapacity", statistic="Maximum"),),
    )
    yield Alarm(
        name=f"{stack}-interruption-rate",
        kind="interruptions",
        text="More than a fifth of the spot machines of five minutes were taken away, three at least",
        first="widen families and zones, or set spot=false where a job can not be run twice",
        series=(
            _own(stack, "taken", "InterruptionsNoticed", kind="terminate"),
            _own(stack, "fleet", "SpotMachinesLately", statistic="Maximum"),
        ),
        # One of two machines is half of them and no storm.
        expression="IF(taken >= 3, 100 * taken / fleet, 0)",
        threshold=20,
        period_s=FIVE_MINUTES_S,
    )


def _of_others(stack: str) -> Iterator[Alarm]:
    """Whom we call and who calls us: EC2, and GitHub both ways."""
    yield Alarm(
        name=f"{stack}-ec2-errors",
        kind="ec2-errors",
        text="EC2 fails, or refuses launches for another reason than capacity",
        first="read the ApiFailed lines: a quota, a missing right, a template or an image that is gone",
        series=(_own(stack, "errors", "ApiErrors", api="ec2"),),
        threshold=1,
        period_s=FIVE_MINUTES_S,
    )
    yield Alarm(
        name=f"{stack}-github-errors",
        kind="github-errors",
        text="GitHub fails, or keeps us waiting, again and again",
        first="look at githubstatus.com, then at the App's rate limits in the ApiFailed lines",
        series=(_own(stack, "errors", "ApiErrors", api="github"),),
        threshold=4,
        period_s=FIVE_MINUTES_S,
    )
    yield Alarm(
        name=f"{stack}-webhook-5xx",
        kind="refused-webhooks",
        text="GitHub's webhooks are answered with 5xx; GitHub does not send them again by itself",
        first="look at the webhook function; housekeeping asks for what was lost, so no job is",
        series=(Series("errors", namespace(stack), WEBHOOK_ERRORS, {}),),
        periods=2,
        of_periods=5,
        why_missing="without requests there is no line to count",
    )


def _of_the_region(stack: str) -> Iterator[Alarm]:
    yield Alarm(
        name=f"{stack}-silent",
        kind="silent",
        text="Nobody has kept house for two minutes: the control plane of this region is down",
        first="look at the housekeeping function, its queue and EventBridge Scheduler; running jobs are not harmed",
        # Every task tells its time, each on a schedule of its own: no minute is empty by chance.
        series=(_own(stack, "tasks", "ChoreTime", statistic="SampleCount"),),
        expression="FILL(tasks, 0)",
        compare=Compare.BELOW,
        threshold=1,
        periods=2,
        of_periods=2,
        missing=Missing.BAD,
        why_missing="silence is what this alarm is about",
    )


def _own(stack: str, name: str, metric: str, *, statistic: str = "Sum", **part: str) -> Series:
    """A metric of ours: the stack's total, or a part of it."""
    return Series(name, NAMESPACE, metric, {"stack": stack, **part}, statistic)


def _of_queue(queue: str, metric: str) -> Series:
    return Series("messages", "AWS/SQS", metric, {"QueueName": queue}, "Maximum")
