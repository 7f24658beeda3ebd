"""The table of events: what log line, metrics, span and alert each event becomes.

The telemetry adapter reads it to write; dashboards and alarms are drawn from it, so a widget on a
metric that nobody emits cannot be written. Events stand here by the names of their classes, so that
a function loads only the events that it tells itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

NAMESPACE = "SpotRunner"


class Level(StrEnum):
    """How loudly an event is told."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class Unit(StrEnum):
    """CloudWatch's units, as the embedded metric format spells them."""

    COUNT = "Count"
    SECONDS = "Seconds"


@dataclass(frozen=True, slots=True)
class Metric:
    """A number an event carries: the value of `field`, or the difference to `since`, or 1."""

    name: str
    unit: Unit = Unit.COUNT
    field: str = ""
    since: str = ""
    by: tuple[str, ...] = ()
    """Fields of the event that become dimensions; only ones with few values."""


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of time in the job's trace: two time fields of the event.

    The span takes the id in the event's `traceparent`; `root` ones are the job's own span, of which
    all others are children.
    """

    name: str
    start: str
    end: str
    root: bool = False


@dataclass(frozen=True, slots=True)
class Signal:
    """What becomes of one kind of event; `text` is filled from the event's fields."""

    level: Level
    text: str
    metrics: tuple[Metric, ...] = ()
    span: Span | None = None
    alert: bool = False


_INFO, _WARNING = Level.INFO, Level.WARNING

SIGNALS: dict[str, Signal] = {
    "DeliveryRefused": Signal(
        _WARNING, "delivery {delivery} answered {status}: {reason}", (Metric("DeliveriesRefused", by=("status",)),)
    ),
    "DeliveryPassed": Signal(Level.DEBUG, "delivery {delivery} {event}.{action}: {outcome}"),
    "JobAccepted": Signal(
        _INFO,
        "job {job} of {repository} ({name}) accepted by {intake} for {config}",
        (
            Metric("JobsAccepted", by=("intake",)),
            Metric("IntakeTime", Unit.SECONDS, "accepted_at", since="received_at"),
        ),
        Span("intake", "received_at", "accepted_at"),
    ),
    "JobKnown": Signal(
        Level.DEBUG, "job {job} of {repository} is known already ({intake})", (Metric("JobsKnown", by=("intake",)),)
    ),
    "JobRefused": Signal(_WARNING, "job {job} of {repository} ({name}) refused: {reason}", (Metric("JobsRefused"),)),
    "JobLaunched": Signal(
        _INFO,
        "job {job} of {repository} gets {instance} ({instance_type} in {zone}, {lifecycle}, {rung})",
        (Metric("MachinesLaunched", by=("lifecycle",)), Metric("LaunchesByRung", by=("rung",))),
        Span("launch", "asked_at", "answered_at"),
    ),
    "LaunchAnswered": Signal(
        _INFO,
        "launch {launch}: {started} of {asked} {lifecycle} machines for {config} in {seconds:.3f} s",
        (Metric("LaunchTime", Unit.SECONDS, "seconds"),),
    ),
    "LaunchRefused": Signal(
        _WARNING,
        "launch {launch}: {code} ({kind}) for {instance_type} in {zone}: {message}",
        (Metric("LaunchRefusals", by=("kind",)),),
    ),
    "LaunchesPaced": Signal(
        _INFO, "{jobs} jobs for {config} wait for EC2's launch rate", (Metric("JobsPaced", field="jobs"),)
    ),
    "LineSeen": Signal(
        Level.DEBUG,
        "{waiting} jobs in line; seconds the oldest has waited: {oldest_s}; places closed: {places_closed}",
        (
            Metric("LineLength", field="waiting"),
            Metric("LineAge", Unit.SECONDS, "oldest_s"),
            Metric("PlacesClosed", field="places_closed"),
        ),
    ),
    "CapacityExhausted": Signal(
        _WARNING, "{jobs} jobs for {config} find no machine: {reason}", (Metric("JobsWithoutCapacity", field="jobs"),)
    ),
    "PlaceClosed": Signal(
        _WARNING,
        "no spot machine is asked for in {place}: {cause} ({trips} times in a row)",
        (Metric("BreakersOpened"),),
    ),
    "ApiFailed": Signal(_WARNING, "{api}: {call} failed: {reason}", (Metric("ApiErrors", by=("api",)),)),
    "JobHeld": Signal(_WARNING, "job {job} of {repository} is held: {reason}", (Metric("JobsHeld"),)),
    "LaunchReplayed": Signal(
        _WARNING, "launch {launch} for {jobs} jobs had lost its dispatcher: asked again", (Metric("LaunchesReplayed"),)
    ),
    "JobBackInLine": Signal(
        _WARNING,
        "job {job} of {repository} is back in line after {failures} failures: {reason}",
        (Metric("JobsBackInLine"),),
    ),
    "WorkClaimed": Signal(
        _INFO,
        "{instance} claimed job {job} of {repository} as {runner}",
        (Metric("ClaimTime", Unit.SECONDS, "answered_at", since="asked_at"),),
        Span("claim", "asked_at", "answered_at"),
    ),
    "ClaimTurnedAway": Signal(
        _WARNING, "{instance} turned away with {status}: {reason}", (Metric("ClaimsTurnedAway", by=("status",)),)
    ),
    "JobStarted": Signal(
        _INFO,
        "job {job} of {repository} runs on {runner}",
        (Metric("QueueTime", Unit.SECONDS, "waited_s"),),
    ),
    "JobEnded": Signal(
        _INFO,
        "job {job} of {repository} ({name}) ended {conclusion} on {runner}",
        (Metric("JobsEnded", by=("conclusion",)), Metric("JobTime", Unit.SECONDS, "ran_s")),
        Span("job", "queued_at", "ended_at", root=True),
    ),
    "RunnerSwapped": Signal(
        _INFO, "{instance} was launched for job {intended} and ran {ran}", (Metric("RunnersSwapped"),)
    ),
    "ResultsDiffer": Signal(
        _WARNING,
        "job {job} ended {conclusion} by GitHub's word and {result} by that of {instance}",
        (Metric("ResultsDiffering"),),
    ),
    "MachineReported": Signal(
        _INFO, "{instance} reports {kind} {result} {reason}", (Metric("MachineReports", by=("kind",)),)
    ),
    "RunnerObtained": Signal(
        Level.DEBUG, "{instance} has its runner from {source}", (Metric("RunnersObtained", by=("source",)),)
    ),
    "FleetSeen": Signal(
        Level.DEBUG,
        "{running} machines: {spot} spot, {on_demand} on demand; {spot_lately} spot machines in five minutes",
        (
            Metric("FleetSize", field="running"),
            Metric("SpotMachines", field="spot"),
            Metric("OnDemandMachines", field="on_demand"),
            Metric("SpotMachinesLately", field="spot_lately"),
        ),
    ),
    "MachineGone": Signal(
        _WARNING, "{instance} is gone without a last word (job {job}): {reason}", (Metric("MachinesGone"),)
    ),
    "MachineTerminated": Signal(
        _WARNING, "{instance} terminated by housekeeping: {reason}", (Metric("MachinesTerminated"),), alert=True
    ),
    "BootFailed": Signal(
        _WARNING,
        "{instance} of {config} {cause} (job {job}): {console}",
        (Metric("BootsFailed", by=("config", "cause")),),
    ),
    "ConfigurationHeld": Signal(
        Level.ERROR,
        "configuration {config} is held back: machine after machine {cause} ({trips} times in a row)",
        (Metric("ConfigurationsHeld", by=("config",)),),
        alert=True,
    ),
    "ConfigurationFreed": Signal(
        _INFO, "configuration {config}: machines come up again", (Metric("ConfigurationsFreed", by=("config",)),)
    ),
    "InterruptionNoticed": Signal(
        _WARNING,
        "{instance} ({instance_type} in {zone}, {state}, job {job}): the cloud announces {kind}",
        (Metric("InterruptionsNoticed", by=("kind",)),),
    ),
    "JobInterrupted": Signal(
        _WARNING,
        "job {job} of {repository} ({name}) was lost with {instance}: {interruption}",
        (Metric("JobsInterrupted"),),
    ),
    "RerunStarted": Signal(
        _INFO,
        "job {job} of {repository} ({name}) is run again in attempt {attempt} ({scope})",
        (Metric("RerunsStarted", by=("scope",)),),
    ),
    "RerunDeclined": Signal(
        _WARNING, "job {job} of {repository} ({name}) is not run again: {reason}", (Metric("RerunsDeclined"),)
    ),
    "CommitTold": Signal(_INFO, "job {job} of {repository}: check run {title!r} {outcome}", (Metric("CommitsTold"),)),
    "MessageRejected": Signal(
        Level.ERROR,
        "{queue}: message {message} can never be handled: {reason}",
        (Metric("MessagesRejected"),),
        alert=True,
    ),
    "MessageDelayed": Signal(
        _WARNING, "{queue}: message {message} comes again: {reason}", (Metric("MessagesDelayed"),)
    ),
    "DeliverySentAgain": Signal(
        _WARNING,
        "delivery {delivery} was taken by nobody: GitHub was asked to send it again",
        (Metric("Redeliveries"),),
    ),
    "JobFound": Signal(
        _WARNING,
        "job {job} of {repository} is {kind} at GitHub, and no webhook said so",
        (Metric("WebhooksLost", by=("kind",)),),
    ),
    "JobSentHome": Signal(_INFO, "job {job} lives in {region}: {kind} sent there", (Metric("JobsSentHome"),)),
    "JobRehomed": Signal(
        _WARNING,
        "job {job} of {repository} moves from {before} to {home} ({epoch}): {reason}",
        (Metric("JobsRehomed"),),
    ),
    "RegionLost": Signal(
        _WARNING, "region {region} has given no sign of life for {silent_s:.0f} s", (Metric("RegionsLost"),), alert=True
    ),
    "LookFailed": Signal(_WARNING, "{what} can not be known now: {why}", (Metric("LooksFailed", by=("what",)),)),
    "HeadroomSeen": Signal(
        _INFO,
        "quota {quota}: {used} of {limit:g} vCPU of {lifecycle} {group} in use",
        (
            Metric("VcpusUsed", field="used", by=("lifecycle", "group")),
            Metric("VcpuLimit", field="limit", by=("lifecycle", "group")),
        ),
    ),
    "JobsArchived": Signal(_INFO, "{jobs} old jobs archived as {name}", (Metric("JobsArchived", field="jobs"),)),
    "GhostRemoved": Signal(
        _WARNING, "{instance}: its runner {runner} is removed from {place}: {reason}", (Metric("GhostsRemoved"),)
    ),
    "LetterSentBack": Signal(
        _WARNING, "dead letter {message} is back on {queue}: {reason}", (Metric("LettersSentBack", by=("queue",)),)
    ),
    "LetterParked": Signal(
        Level.ERROR,
        "dead letter {message} of {queue} parked as {name}: {reason}",
        (Metric("LettersParked", by=("queue",)),),
        alert=True,
    ),
    "MachinesAudited": Signal(
        _INFO,
        "{running} machines run and {recorded} are recorded: {unknown} unknown, {ended} ended, {missing} missing, "
        "{overdue} overdue, {mistaken} not as recorded",
        (
            Metric("MachinesRunning", field="running"),
            Metric("MachinesRecorded", field="recorded"),
            Metric("MachinesUnknown", field="unknown"),
            Metric("MachinesEndedYetRunning", field="ended"),
            Metric("MachinesMissing", field="missing"),
            Metric("MachinesOverdue", field="overdue"),
        ),
    ),
    "MachinesDiffer": Signal(_WARNING, "audit: {instance} is {kind}: {reason}"),
    "RunnerReleased": Signal(_INFO, "GitHub offers runner {version} for {platform}"),
    "RunnerBehind": Signal(
        _WARNING,
        "the image of {config} has runner {baked}, and GitHub has offered {current} for {behind_s:.0f} s or more "
        "(over its thirty days: {refused})",
        (Metric("RunnerBehindTime", Unit.SECONDS, "behind_s", by=("config",)),),
        alert=True,
    ),
    "DayCosted": Signal(
        _INFO,
        "{day}: {jobs} jobs of {repository} in {config} took {machine_hours} machine hours and about {usd} USD "
        "({unpriced} without a known price)",
        (Metric("MachineHours", field="machine_hours", by=("config",)), Metric("CostUsd", field="usd", by=("config",))),
    ),
    "SpareReady": Signal(
        _INFO,
        "{instance} is a spare of {config}, up {booted_in_s:.1f} s after its launch",
        (Metric("SparesReady", by=("config",)), Metric("SpareBootTime", Unit.SECONDS, "booted_in_s")),
    ),
    "SpareTaken": Signal(
        _INFO,
        "job {job} of {repository} takes {instance} ({instance_type} in {zone}, {lifecycle}), "
        "a spare of {config} for {spare_for_s:.0f} s",
        (Metric("SparesTaken", by=("config",)), Metric("SpareTime", Unit.SECONDS, "spare_for_s")),
    ),
    "SpareRetired": Signal(
        _INFO, "{instance}, a spare of {config}, may go: {reason}", (Metric("SparesRetired", by=("config",)),)
    ),
    "PoolShort": Signal(
        _WARNING,
        "the pool of {config} lacks {missing} of {wanted} machines: {reason}",
        (Metric("SparesMissing", field="missing", by=("config",)),),
    ),
    "ChoreDone": Signal(
        _INFO,
        "{task}: looked at {looked_at}, acted on {acted_on} in {seconds:.3f} s (dry run: {dry_run})",
        (
            Metric("ChoreTime", Unit.SECONDS, "seconds", by=("task",)),
            Metric("ChoreActions", field="acted_on", by=("task",)),
        ),
    ),
}
