"""What the use cases need from the outside, in our words; adapters implement these, fakes too."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from controller.domain.catalogue import InstanceType
from controller.domain.dead_letters import DeadLetter
from controller.domain.events import Event
from controller.domain.fleet_config import Arch, Os, RunnerConfig
from controller.domain.interruption import RunJob, RunState
from controller.domain.job import Job
from controller.domain.job_key import JobKey
from controller.domain.launch import Launch, LaunchAnswer, LaunchPlan
from controller.domain.lost_webhooks import Repository, Sent
from controller.domain.quotas import Running
from controller.domain.rules import Rules
from controller.domain.runner import Runner
from controller.messages import Chore, Delivery, JobMoved, JobQueued, Wake
from runner_agent.contract.bundle import Offer

Tell = Callable[[Event], None]
"""A use case's only voice."""

Record = Job | Runner | Launch


class Jobs(Protocol):
    """The job records, which are also the line."""

    def add(self, jobs: Sequence[Job]) -> frozenset[JobKey]:
        """Write down the jobs that are not known yet; the keys of those that were new."""

    def get(self, keys: Iterable[JobKey]) -> dict[JobKey, Job]:
        """The known ones among these jobs, as last written."""

    def waiting(self, limit: int) -> list[Job]:
        """Jobs in line, longest queued first; may be a moment behind the latest writes."""

    def under_way(self, limit: int) -> list[Job]:
        """Jobs with a machine launching, booting or at work, longest queued first; may be a moment behind."""

    def owed(self, limit: int) -> list[Job]:
        """Jobs about which something is still to be said or done at GitHub; may be a moment behind."""

    def ended(self, queued_from: float, queued_before: float, limit: int) -> list[Job]:
        """Jobs of which nothing is left to do, longest queued first; may be a moment behind."""


class Runners(Protocol):
    """The machines' records."""

    def get(self, instance_ids: Iterable[str]) -> dict[str, Runner]:
        """The known ones among these machines, as last written."""

    def expired(self, before: float, limit: int) -> list[Runner]:
        """Machines not known to have ended whose lease ran out before a time; may be a moment behind."""

    def doubted(self, limit: int) -> list[Runner]:
        """Machines that have ended, and whose runner GitHub may still have; may be a moment behind."""

    def spares(self, limit: int) -> list[Runner]:
        """Machines that no job has taken yet, the one whose lease ends first in front; may be a moment behind."""


class Launches(Protocol):
    """The launch records."""

    def get(self, launch_id: str) -> Launch | None:
        """The launch, as last written."""

    def pending(self, before: float, limit: int) -> list[Launch]:
        """Launches written before a time and not settled yet."""


class Ledger(Protocol):
    """The one way records are changed."""

    def save(self, records: Sequence[Record]) -> frozenset[str]:
        """Write all of the records, or none where one is not at the version it was read at.

        Up to 100 records are one atomic step; more are several. A record is stored under its
        version plus one. Returns the ids of the records that somebody else has changed meanwhile;
        empty means that everything is written.
        """

    def forget(self, jobs: Sequence[Job]) -> frozenset[str]:
        """Delete the jobs that are still at the version they were read at; the ids of the others.

        What is gone already does no harm.
        """


class Offers(Protocol):
    """Lets a machine put a runner's archive into the cache."""

    def offer(self, address: str, sha256: str, now: float) -> Offer:
        """The request that stores what has this SHA-256 at an address, if nothing is there."""


class Memory(Protocol):
    """Small facts with an expiry, shared between invocations."""

    def recall(self, name: str, now: float) -> str | None:
        """The fact, unless it is unknown or has expired."""

    def remember(self, name: str, value: str, expires: float) -> None:
        """Keep the fact until a time; the last writer wins."""

    def swap(self, name: str, old: str | None, new: str, expires: float) -> str:
        """Keep the new fact, if the old one still stands or none does; the fact that stands now.

        No two callers may ever bring the same new fact: it is how each knows that he was first.
        """


class Backlog(Protocol):
    """The jobs queue as the dispatcher sees it, beside what its event source hands over."""

    def take(self, limit: int) -> list[Delivery]:
        """More wake-ups that are ready now, up to a limit; unanswered ones come back by themselves."""

    def done(self, deliveries: Sequence[Delivery]) -> None:
        """These are dealt with and never come again."""


class DeadLetters(Protocol):
    """The queues in which messages end that no door could handle, each by the name of its own queue."""

    def take(self, queue: str, limit: int) -> list[DeadLetter]:
        """Some that nobody else is looking at; each comes again after a while unless it is dealt with."""

    def send_back(self, letter: DeadLetter) -> None:
        """Put it on its own queue once more, with who sent it first and how often it has come back."""

    def discard(self, letter: DeadLetter) -> None:
        """It never comes again."""


class Archive(Protocol):
    """Where things are kept that nothing works on any more."""

    def keep(self, name: str, lines: Sequence[str]) -> None:
        """Store the lines, compressed, under a name; what was there of that name is replaced."""


class Outbox(Protocol):
    """Where a door hands work to another door."""

    def send(self, message: JobQueued | JobMoved | Wake | Chore, after_s: float = 0.0) -> None:
        """Put the message on its queue, to be seen after a while; raises `Unavailable` where it is not taken."""


@dataclass(frozen=True, slots=True)
class CloudMachine:
    """A machine as the cloud itself lists it."""

    instance_id: str
    launch_id: str
    launched_at: float
    instance_type: str
    zone: str
    spot: bool
    running: bool
    """Pending or running; a machine on its way down is not."""


class Fleet(Protocol):
    """The cloud's machines."""

    def request(self, plan: LaunchPlan) -> str:
        """The frozen request for a plan: the same text always asks for the same machines."""

    def launch(self, request: str) -> LaunchAnswer:
        """Ask for the machines; asking again with the same request gives the same machines.

        Raises `Unavailable` where the outcome is not known or the service is throttling.
        """

    def machines(self) -> list[CloudMachine]:
        """All machines of this stack that the cloud has not forgotten, ended ones included."""

    def machine(self, instance_id: str) -> CloudMachine | None:
        """One machine of this stack."""

    def terminate(self, instance_ids: Sequence[str]) -> None:
        """End the machines; those already gone do no harm."""

    def console(self, instance_id: str) -> str:
        """What a machine has last written on its console, as it wrote it; empty where nothing is kept."""


class Offerings(Protocol):
    """What the cloud sells in this region; each raises `Unavailable` for limits and faults, `Rejected` for a refusal.

    None of it is ever asked while a job waits for the answer.
    """

    def types(self) -> list[InstanceType]:
        """Every machine type that there is as a spot machine, without its price."""

    def zones(self) -> dict[str, tuple[str, ...]]:
        """Type to the stack's zones that have it; a type that none of them has is not in it."""

    def prices(self) -> dict[str, float]:
        """Type to on-demand dollars an hour, with Linux."""

    def spot_prices(self) -> dict[str, dict[str, float]]:
        """Type to zone to spot dollars an hour now, with Linux."""


class Allowance(Protocol):
    """The account's own limits in this region; each raises `Unavailable` or `Rejected` as above."""

    def limits(self) -> dict[str, float]:
        """Every limit of EC2 that the account has, by its code."""

    def running(self) -> Running:
        """How many machines the account has in this region, ours and all others."""


class Configs(Protocol):
    """The runner configurations of the stack."""

    def find(self, name: str, now: float) -> RunnerConfig | None:
        """The configuration of this name; raises `Rejected` naming the field where it is unusable."""

    def rules(self, now: float) -> Rules:
        """What the stack says about labels; raises `Unavailable` where it can not be known."""


class Origins(Protocol):
    """Where the runs of jobs come from."""

    def is_fork(self, message: JobQueued, now: float) -> bool:
        """Whether a job's run comes from another repository than it runs in; costs a request to GitHub.

        What GitHub does not say counts as a fork; raises `Unavailable` where it did not answer.
        """


class AllConfigs(Configs, Protocol):
    """The same for who needs to know all of them."""

    def every(self) -> dict[str, RunnerConfig | None]:
        """Every configuration by its name, as it stands now; None for one that is unusable."""


@dataclass(frozen=True, slots=True)
class Registration:
    """A runner to be registered at GitHub for one job."""

    server: str
    installation_id: int
    repository: str
    organization: bool
    name: str
    labels: tuple[str, ...]
    group_id: int
    group: str = ""
    """The runner group by its name; counts before its number."""


@dataclass(frozen=True, slots=True)
class Registered:
    """A registered runner, with what its machine needs to be that runner."""

    runner_id: int
    jit_config: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class NameTaken:
    """GitHub already has a runner of this name."""

    name: str


@dataclass(frozen=True, slots=True)
class Listed:
    """A runner that GitHub has."""

    runner_id: int
    name: str


@dataclass(frozen=True, slots=True)
class Release:
    """The runner release that GitHub offers for a platform."""

    version: str
    sha256: str
    url: str


class GitHub(Protocol):
    """GitHub's runner interface, for one App on one or more servers."""

    def register(self, wanted: Registration, now: float) -> Registered | NameTaken:
        """Mint a JIT configuration; raises `Unavailable` for limits and faults, `Rejected` for a refusal."""

    def is_registered(self, wanted: Registration, runner_id: int, now: float) -> bool:
        """Whether GitHub still has the runner; raises `Unavailable` where it can not be known."""

    def listed(self, wanted: Registration, now: float) -> list[Listed]:
        """Every runner registered where this one would be: in its repository, or its organisation."""

    def remove(self, wanted: Registration, runner_id: int, now: float) -> None:
        """Remove the runner; one that is gone already does no harm."""

    def release(self, wanted: Registration, os: Os, arch: Arch, now: float) -> Release:
        """The release that GitHub offers now; raises `Rejected` for one without a SHA-256."""


@dataclass(frozen=True, slots=True)
class RunRef:
    """A workflow run, and as whom to speak of it."""

    server: str
    installation_id: int
    repository: str
    run_id: int


class Runs(Protocol):
    """GitHub's workflow runs; each raises `Unavailable` for limits and faults, `Rejected` for a refusal."""

    def state(self, run: RunRef, now: float) -> RunState:
        """How the run stands."""

    def jobs(self, run: RunRef, now: float) -> list[RunJob]:
        """The jobs of the run's latest attempt."""

    def rerun_failed(self, run: RunRef, now: float) -> bool:
        """Run the run's failed jobs again; False where GitHub refuses because the run is active."""

    def rerun_job(self, run: RunRef, job_id: int, now: float) -> bool:
        """Run this job again, and those that need it; False where GitHub refuses because the run is active."""


@dataclass(frozen=True, slots=True)
class CheckRun:
    """A few words of ours on a commit."""

    server: str
    installation_id: int
    repository: str
    head_sha: str
    name: str
    title: str
    summary: str
    conclusion: str
    external_id: str
    """What it is about, in our words; a later one of the same name takes its place."""


class Census(Protocol):
    """What GitHub itself has; each raises `Unavailable` for limits and faults, `Rejected` for a refusal."""

    def repositories(self, server: str, now: float) -> list[Repository]:
        """Every repository the App is installed on; may be some minutes old."""

    def active_runs(self, repository: Repository, now: float) -> list[RunRef]:
        """The repository's runs in which a job may be waiting."""

    def jobs(self, run: RunRef, is_ours: Callable[[tuple[str, ...]], bool], now: float) -> list[JobQueued | JobMoved]:
        """How our jobs in the run's latest attempt stand, as a webhook would say it."""


class DeliveryLog(Protocol):
    """The App's log of webhook deliveries."""

    def since(self, server: str, since: float, now: float) -> list[Sent]:
        """The deliveries since a time, redeliveries among them."""

    def send_again(self, server: str, delivery_id: int, now: float) -> None:
        """Have GitHub send a delivery of its log once more."""


class Checks(Protocol):
    """Where commits are told what became of their jobs."""

    def post(self, check: CheckRun, now: float) -> None:
        """Show it on the commit; raises `Unavailable` for limits and faults, `Rejected` for a refusal."""


class Secrets(Protocol):
    """The stack's secrets, read when needed and kept in memory for a while."""

    def read(self, secret_id: str, now: float) -> str:
        """The secret's text; raises `Unavailable` where it can not be read."""
