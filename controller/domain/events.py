"""What the platform tells of itself: facts in the past tense, each a value.

`controller.signals` says what becomes of each: a log line, metrics, a span, an alert.
"""

from __future__ import annotations

from dataclasses import dataclass

from controller.domain.deliveries import DeliveryPassed, DeliveryRefused, MessageDelayed, MessageRejected


@dataclass(frozen=True, slots=True)
class JobAccepted:
    """A job written down for the first time. Times are seconds since the epoch."""

    job: str
    repository: str
    name: str
    intake: str
    config: str
    traceparent: str
    received_at: float
    accepted_at: float


@dataclass(frozen=True, slots=True)
class JobKnown:
    """A job that was written down before: a duplicate, or a second intake."""

    job: str
    repository: str
    intake: str


@dataclass(frozen=True, slots=True)
class JobRefused:
    """A job of ours that can never be served as it asks."""

    job: str
    repository: str
    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class JobLaunched:
    """A machine is on its way for a job."""

    job: str
    repository: str
    instance: str
    instance_type: str
    zone: str
    lifecycle: str
    rung: str
    traceparent: str
    asked_at: float
    answered_at: float


@dataclass(frozen=True, slots=True)
class LaunchAnswered:
    """What one request for machines came to."""

    launch: str
    config: str
    lifecycle: str
    asked: int
    started: int
    seconds: float


@dataclass(frozen=True, slots=True)
class LaunchRefused:
    """One refusal inside a launch."""

    launch: str
    kind: str
    code: str
    instance_type: str
    zone: str
    message: str


@dataclass(frozen=True, slots=True)
class LaunchesPaced:
    """Jobs that wait because as many machines were asked for as the account may ask for in a while."""

    config: str
    jobs: int


@dataclass(frozen=True, slots=True)
class JobHeld:
    """A job for which nothing is asked: its ladder is known to have nothing, or its configuration to be broken."""

    job: str
    repository: str
    reason: str


@dataclass(frozen=True, slots=True)
class LineSeen:
    """The line as a dispatcher finds it; what it has not read is None."""

    waiting: int
    oldest_s: float | None
    places_closed: int | None


@dataclass(frozen=True, slots=True)
class CapacityExhausted:
    """No step of the ladder has a machine for these jobs now."""

    config: str
    jobs: int
    reason: str


@dataclass(frozen=True, slots=True)
class PlaceClosed:
    """Spot machines of a type and zone were refused or taken away again and again: none are asked for there."""

    place: str
    cause: str
    trips: int


@dataclass(frozen=True, slots=True)
class ApiFailed:
    """Somebody else's service did not do what it should have; who asked tries again, or says why not."""

    api: str
    call: str
    reason: str


@dataclass(frozen=True, slots=True)
class LaunchReplayed:
    """A launch whose dispatcher was lost, asked again with the identical request."""

    launch: str
    jobs: int


@dataclass(frozen=True, slots=True)
class JobBackInLine:
    """A job whose machine came to nothing, or has not come at all."""

    job: str
    repository: str
    reason: str
    failures: int


@dataclass(frozen=True, slots=True)
class WorkClaimed:
    """A machine has got its job."""

    job: str
    repository: str
    instance: str
    runner: str
    traceparent: str
    asked_at: float
    answered_at: float


@dataclass(frozen=True, slots=True)
class ClaimTurnedAway:
    """A claim that got no work, with the HTTP status it was answered with."""

    instance: str
    status: int
    reason: str


@dataclass(frozen=True, slots=True)
class JobStarted:
    """GitHub says that a runner works on the job."""

    job: str
    repository: str
    runner: str
    waited_s: float | None


@dataclass(frozen=True, slots=True)
class JobEnded:
    """GitHub says that the job has ended; the span is the job's whole story."""

    job: str
    repository: str
    name: str
    runner: str
    conclusion: str
    traceparent: str
    queued_at: float
    ended_at: float
    ran_s: float | None


@dataclass(frozen=True, slots=True)
class RunnerSwapped:
    """A runner took another job than the one its machine was launched for."""

    instance: str
    intended: str
    ran: str


@dataclass(frozen=True, slots=True)
class ResultsDiffer:
    """GitHub and the machine say of a job's end what can not both be true."""

    job: str
    instance: str
    conclusion: str
    result: str


@dataclass(frozen=True, slots=True)
class MachineReported:
    """A machine's own word."""

    instance: str
    kind: str
    result: str
    reason: str


@dataclass(frozen=True, slots=True)
class RunnerObtained:
    """Where a machine got its runner from: its own image, the stack's cache, or GitHub."""

    instance: str
    source: str


@dataclass(frozen=True, slots=True)
class FleetSeen:
    """The stack's machines by the cloud's own list, those on their way down left out."""

    running: int
    spot: int
    on_demand: int
    spot_lately: int
    """The spot machines that run, or were launched within five minutes: those that could have been taken away."""


@dataclass(frozen=True, slots=True)
class MachineGone:
    """The cloud no longer has a machine that had not said its last word."""

    instance: str
    job: str
    reason: str


@dataclass(frozen=True, slots=True)
class MachineTerminated:
    """Housekeeping ended a machine that should have ended itself."""

    instance: str
    reason: str


@dataclass(frozen=True, slots=True)
class BootFailed:
    """A machine died before it had a job; `console` is the end of what it wrote, with secrets hidden."""

    instance: str
    job: str
    config: str
    cause: str
    console: str


@dataclass(frozen=True, slots=True)
class ConfigurationHeld:
    """Machine after machine of a configuration dies in boot: its jobs wait, and one is tried now and then."""

    config: str
    cause: str
    trips: int


@dataclass(frozen=True, slots=True)
class ConfigurationFreed:
    """Machines of a configuration that was held back come up again."""

    config: str


@dataclass(frozen=True, slots=True)
class InterruptionNoticed:
    """The cloud takes a machine of ours away, or advises to leave it."""

    instance: str
    job: str
    kind: str
    state: str
    instance_type: str
    zone: str


@dataclass(frozen=True, slots=True)
class JobInterrupted:
    """A job failed because its machine was taken away."""

    job: str
    repository: str
    name: str
    instance: str
    interruption: str


@dataclass(frozen=True, slots=True)
class RerunStarted:
    """GitHub runs an interrupted job again, alone or with all failed jobs of its run."""

    job: str
    repository: str
    name: str
    attempt: int
    scope: str


@dataclass(frozen=True, slots=True)
class RerunDeclined:
    """An interrupted job is not run again."""

    job: str
    repository: str
    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class CommitTold:
    """A commit has its check run that says what became of a job, or GitHub refuses to take one."""

    job: str
    repository: str
    title: str
    outcome: str


@dataclass(frozen=True, slots=True)
class DeliverySentAgain:
    """GitHub was asked to send a delivery again that nobody had taken."""

    delivery: str


@dataclass(frozen=True, slots=True)
class JobFound:
    """GitHub's own list says something of a job that its webhook should have said before."""

    job: str
    repository: str
    kind: str


@dataclass(frozen=True, slots=True)
class JobSentHome:
    """GitHub's word on a job was brought to the region in which the job lives."""

    job: str
    region: str
    kind: str


@dataclass(frozen=True, slots=True)
class JobRehomed:
    """A job lives in another region from now on; the epoch counts its moves."""

    job: str
    repository: str
    before: str
    home: str
    epoch: int
    reason: str


@dataclass(frozen=True, slots=True)
class RegionLost:
    """A region of the environment gives no sign of life, and this one is in charge of its jobs."""

    region: str
    silent_s: float


@dataclass(frozen=True, slots=True)
class LookFailed:
    """The cloud did not say something that housekeeping asked for; what was known of it before stays."""

    what: str
    why: str


@dataclass(frozen=True, slots=True)
class HeadroomSeen:
    """How far the account's own limit is for one group of machine families, in vCPUs."""

    quota: str
    group: str
    lifecycle: str
    limit: float
    used: int


@dataclass(frozen=True, slots=True)
class JobsArchived:
    """Old jobs are in the archive, and out of the table."""

    name: str
    jobs: int


@dataclass(frozen=True, slots=True)
class GhostRemoved:
    """GitHub still had a runner whose machine has ended."""

    instance: str
    runner: str
    place: str
    reason: str


@dataclass(frozen=True, slots=True)
class LetterSentBack:
    """A dead letter has another chance on its own queue."""

    queue: str
    message: str
    reason: str


@dataclass(frozen=True, slots=True)
class LetterParked:
    """A message that nobody can handle lies in the archive, under a name, for a person to look at."""

    queue: str
    message: str
    reason: str
    name: str


@dataclass(frozen=True, slots=True)
class MachinesAudited:
    """The cloud's machines were counted, and held against the records: the last five count the differences."""

    running: int
    recorded: int
    unknown: int
    ended: int
    missing: int
    overdue: int
    mistaken: int


@dataclass(frozen=True, slots=True)
class MachinesDiffer:
    """The cloud and the records do not agree on a machine."""

    instance: str
    kind: str
    reason: str


@dataclass(frozen=True, slots=True)
class RunnerReleased:
    """GitHub offers another release of its runner than before."""

    platform: str
    version: str


@dataclass(frozen=True, slots=True)
class RunnerBehind:
    """The image of a configuration has no runner of the current release; GitHub refuses such after thirty days."""

    config: str
    baked: str
    current: str
    behind_s: float
    refused: bool
    """Whether the thirty days are over: machines then work only because they fetch the current one."""


@dataclass(frozen=True, slots=True)
class DayCosted:
    """What the jobs that a repository queued on a day have cost in one configuration; None: not known."""

    day: str
    repository: str
    config: str
    jobs: int
    machine_hours: float
    usd: float | None
    unpriced: int


@dataclass(frozen=True, slots=True)
class SpareReady:
    """A machine of a pool is up and waits for a job."""

    instance: str
    config: str
    booted_in_s: float


@dataclass(frozen=True, slots=True)
class SpareTaken:
    """A job has a machine that was running already."""

    job: str
    repository: str
    instance: str
    instance_type: str
    zone: str
    lifecycle: str
    config: str
    spare_for_s: float


@dataclass(frozen=True, slots=True)
class SpareRetired:
    """A machine of a pool is told to go."""

    instance: str
    config: str
    reason: str


@dataclass(frozen=True, slots=True)
class PoolShort:
    """A pool has fewer machines than its configuration says, and why."""

    config: str
    wanted: int
    missing: int
    reason: str


@dataclass(frozen=True, slots=True)
class ChoreDone:
    """One housekeeping task has run."""

    task: str
    looked_at: int
    acted_on: int
    dry_run: bool
    seconds: float


Event = (
    DeliveryRefused
    | DeliveryPassed
    | JobAccepted
    | JobKnown
    | JobRefused
    | JobLaunched
    | LaunchAnswered
    | LaunchRefused
    | LineSeen
    | CapacityExhausted
    | PlaceClosed
    | ApiFailed
    | LaunchReplayed
    | LaunchesPaced
    | JobHeld
    | JobBackInLine
    | WorkClaimed
    | ClaimTurnedAway
    | JobStarted
    | JobEnded
    | RunnerSwapped
    | ResultsDiffer
    | MachineReported
    | RunnerObtained
    | FleetSeen
    | MachineGone
    | MachineTerminated
    | BootFailed
    | ConfigurationHeld
    | ConfigurationFreed
    | InterruptionNoticed
    | JobInterrupted
    | RerunStarted
    | RerunDeclined
    | CommitTold
    | MessageRejected
    | MessageDelayed
    | DeliverySentAgain
    | JobFound
    | JobSentHome
    | JobRehomed
    | RegionLost
    | LookFailed
    | HeadroomSeen
    | JobsArchived
    | GhostRemoved
    | LetterSentBack
    | LetterParked
    | MachinesAudited
    | MachinesDiffer
    | RunnerReleased
    | RunnerBehind
    | DayCosted
    | SpareReady
    | SpareTaken
    | SpareRetired
    | PoolShort
    | ChoreDone
)
