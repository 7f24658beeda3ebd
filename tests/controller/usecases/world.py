"""The whole platform over fakes: each door as it is assembled in production, a clock to turn, a queue to pump."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from itertools import count
from typing import Any, TypeVar, cast

from controller.adapters.fences import Fence, FencedFleet, FencedJobs, FencedLedger
from controller.domain import market
from controller.domain.breaker import BreakerPolicy
from controller.domain.capacity import Terms as CapacityTerms
from controller.domain.fleet_config import RunnerConfig, Span
from controller.domain.housekeeping import Patience
from controller.domain.interruption import Advised, Ended, Notice, Warned
from controller.domain.job import Job, JobState
from controller.domain.job_key import JobKey
from controller.domain.launch import Launch, LaunchState
from controller.domain.own_roles import OwnRoles
from controller.domain.quotas import Quotas
from controller.domain.runner import Runner
from controller.errors import Rejected
from controller.messages import Chore, Chores, Delivery, JobMoved, JobQueued, Step, Wake
from controller.ports import DeadLetters, GitHub, Launches, Memory, Outbox, Runners
from controller.usecases.accept_job import AcceptJob
from controller.usecases.boot_book import BootBook
from controller.usecases.capacity_book import CapacityBook
from controller.usecases.claim_runner import ClaimRunner, Terms
from controller.usecases.dispatch import Dispatch
from controller.usecases.fill_pools import FillPools
from controller.usecases.give_spares import GiveSpares
from controller.usecases.handle_interruption import HandleInterruption
from controller.usecases.hear_reports import HearReports
from controller.usecases.hold_jobs import HoldJobs
from controller.usecases.keep_house import Errand, KeepHouse
from controller.usecases.launch_machines import Ground, LaunchMachines
from controller.usecases.launch_spares import LaunchSpares
from controller.usecases.move_jobs import MoveJobs
from controller.usecases.pick_jobs import PickJobs
from controller.usecases.recover_jobs import RecoverDeliveries, RecoverJobs
from controller.usecases.region_watch import RegionWatch
from controller.usecases.rerun_jobs import RerunJobs
from controller.usecases.take_over import Peer, TakeOver
from controller.usecases.tell_commits import TellCommits
from controller.usecases.watch_boots import WatchBoots
from runner_agent.contract import wire
from runner_agent.contract.bundle import Bundle, Claim, Targets, Wait
from runner_agent.contract.reports import Report, ReportKind, Result
from tests.controller.usecases.upkeep import Outside, Records, upkeep
from tests.fakes import samples
from tests.fakes.archive import FakeArchive
from tests.fakes.census import FakeCensus, FakeDeliveryLog
from tests.fakes.dead_letters import FakeDeadLetters
from tests.fakes.fleet import FakeFleet
from tests.fakes.github import FakeGitHub
from tests.fakes.memory import FakeMemory
from tests.fakes.queue import FakeBacklog, FakeOutbox
from tests.fakes.records import FakeJobs, FakeLaunches, FakeLedger, FakeRunners, Shelf
from tests.fakes.reruns import FakeChecks, FakeRuns
from tests.fakes.stack import FakeConfigs
from tests.fakes.telling import Told

REGION = "us-east-1"
SUBNETS = {"us-east-1a": "subnet-a", "us-east-1b": "subnet-b"}
TEMPLATES = {"linux/x64": "lt-x64", "linux/arm64": "lt-arm64"}
JOB_LIMIT_S = 21_600.0
SET_UP_S = 120.0
IDLE_LIMIT_S = 90.0
GRACE_S = 120.0
REPLAY_S = 90.0
LAST_WORD_S = 20.0
LEASE_S = 300.0
SCAN_GRACE_S = 120.0
SPARE_POLL_S = 5.0
SPARE_LIFE_S = 3_600.0
SETTLING_S = 30.0
"""How long a machine that is up too early waits for its launch to be written down."""

P = TypeVar("P")
Around = Callable[[str, Callable[[], object]], object]
"""Called with the name of an outside call and the call itself; decides when, and whether, it happens."""


def through(_name: str, call: Callable[[], object]) -> object:
    """The usual case: the call just happens."""
    return call()


class _Watched:
    def __init__(self, port: object, around: Around) -> None:
        self._port, self._around = port, around

    def __getattr__(self, name: str) -> Callable[..., object]:
        method, around = getattr(self._port, name), self._around
        call = f"{type(self._port).__name__.removeprefix('Fake').lower()}.{name}"
        through = self.__dict__[name] = lambda *args, **named: around(call, lambda: method(*args, **named))
        return through


def watched(port: P, around: Around) -> P:
    """The same port, with every call of it going through `around`."""
    return cast("P", _Watched(port, around))


class Clock:
    """A clock that moves when told to, and a little at each look."""

    def __init__(self) -> None:
        self.now = samples.NOW + 100.0

    def __call__(self) -> float:
        self.now += 0.001
        return self.now

    def turn(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds


@dataclass(frozen=True, slots=True)
class _Ports:
    """The outside as one set of doors reaches it."""

    jobs: FencedJobs
    runners: Runners
    launches: Launches
    ledger: FencedLedger
    giving: FencedLedger
    """The same for who may give jobs to another region."""
    fleet: FencedFleet
    memory: Memory
    own_memory: Memory
    """Facts about this region alone."""
    github: GitHub
    outbox: Outbox
    around: Around


class World:
    """Everything that the doors share; `doors()` makes one more set of them, as a second invocation would have."""

    def __init__(self, *configs: RunnerConfig, region: str = REGION) -> None:
        self.region = region
        self.regions: tuple[str, ...] = (region,)
        self.peers: dict[str, Outbox] = {}
        self.others: dict[str, Peer] = {}
        self.clock = Clock()
        self.shelf = Shelf()
        self.jobs, self.runners = FakeJobs(self.shelf, region), FakeRunners(self.shelf, region)
        self.launches, self.ledger = FakeLaunches(self.shelf, region), FakeLedger(self.shelf)
        self.fleet, self.github, self.memory = FakeFleet(self.clock.now), FakeGitHub(), FakeMemory()
        self.configs = FakeConfigs(*(configs or (samples.config(cpu=Span(4.0, 4.0)),)))
        self.runs, self.checks = FakeRuns(), FakeChecks()
        self.census, self.deliveries = FakeCensus(), FakeDeliveryLog()
        self.archive: FakeArchive = FakeArchive()
        self.letters: DeadLetters = FakeDeadLetters()
        self.backlog, self.outbox, self.told = FakeBacklog(), FakeOutbox(), Told()
        self.market, self.quotas = market.shipped(), Quotas()
        self.own_roles = OwnRoles()
        self.artifacts: dict[str, str] = {}
        self._ids, self._sequence, self._stamps = count(1), count(1), count(1)
        self.doors()

    def doors(self, around: Around = through) -> World:
        """From now on the doors reach the outside through `around`."""
        self.watch = RegionWatch(self.region, self.regions, LEASE_S, watched(self.memory, around), self.clock)
        ports = self._ports(around)
        # Doors that stand still at a call while others go on are processes of their own: no lock is between those.
        self.book = CapacityBook(ports.own_memory, CapacityTerms(), self.clock, self._stamp, nullcontext())
        self.boots = BootBook(ports.memory, BreakerPolicy(), self.clock, self._stamp, nullcontext())
        self.launch = self._launcher(ports)
        self._open_dispatch(ports)
        self.claim_door = self._claims(ports)
        self.hear = HearReports(
            self.watch,
            IDLE_LIMIT_S,
            JOB_LIMIT_S,
            ports.jobs,
            ports.runners,
            ports.ledger,
            ports.outbox,
            self.told,
            self.clock,
            self.peers,
        )
        self.events = HandleInterruption(
            last_word_s=LAST_WORD_S,
            read=lambda text: [notice(text)],
            jobs=ports.jobs,
            runners=ports.runners,
            ledger=ports.ledger,
            outbox=ports.outbox,
            book=self.book,
            boots=self.boots,
            tell=self.told,
            clock=self.clock,
        )
        self._open_house(ports)
        return self

    def _ports(self, around: Around) -> _Ports:
        fence = Fence(self.region, self.watch.may_write)
        ledger = watched(self.ledger, around)
        # Regions share the table, and what each knows of its own cloud has its own name there.
        own = self.memory.only(self.region) if len(self.regions) > 1 else self.memory
        return _Ports(
            jobs=FencedJobs(watched(self.jobs, around), fence),
            runners=watched(self.runners, around),
            launches=watched(self.launches, around),
            ledger=FencedLedger(ledger, fence),
            giving=FencedLedger(ledger, fence, gives_away=True),
            fleet=FencedFleet(watched(self.fleet, around), fence),
            memory=watched(self.memory, around),
            own_memory=watched(own, around),
            github=watched(self.github, around),
            outbox=watched(self.outbox, around),
            around=around,
        )

    def _stamp(self) -> str:
        return f"stamp-{next(self._stamps)}"

    def _launcher(self, ports: _Ports) -> LaunchMachines:
        return LaunchMachines(
            ground=Ground(
                f"dev-{self.region}", self.region, TEMPLATES, SUBNETS, claim_deadline_s=180.0, own_roles=self.own_roles
            ),
            jobs=ports.jobs,
            runners=ports.runners,
            launches=ports.launches,
            ledger=ports.ledger,
            fleet=ports.fleet,
            configs=self.configs,
            book=self.book,
            tell=self.told,
            clock=self.clock,
            new_id=lambda: f"launch-{'' if self.region == REGION else self.region}{next(self._ids)}",
            market=lambda: self.market,
            quotas=lambda: self.quotas,
            elsewhere=MoveJobs(self.watch, ports.giving, self.peers, self.told, self.clock),
        )

    def _open_dispatch(self, ports: _Ports) -> None:
        self.accept = AcceptJob(
            environment="dev",
            watch=self.watch,
            jobs=ports.jobs,
            configs=self.configs,
            memory=ports.memory,
            tell=self.told,
            clock=self.clock,
            peers=self.peers,
            market=lambda: self.market,
        )
        backlog = watched(self.backlog, ports.around)
        hold = HoldJobs(self.boots, ports.ledger, self.told)
        pick = PickJobs(ports.jobs, self.configs, self.book, ports.outbox, self.told, self.clock)
        spares = GiveSpares(ports.jobs, ports.runners, ports.ledger, self.configs, ports.outbox, self.told, self.clock)
        self.dispatch = Dispatch(self.accept, self.launch, spares, hold, pick, backlog, self.told, drain_limit=200)

    def _claims(self, ports: _Ports) -> ClaimRunner:
        return ClaimRunner(
            terms=Terms(
                targets=Targets(REGION, "https://sqs/reports"),
                cache_bucket="runner-cache",
                job_limit_s=JOB_LIMIT_S,
                idle_limit_s=IDLE_LIMIT_S,
                notice_poll_s=2.0,
                set_up_limit_s=SET_UP_S,
                release_ttl_s=3_600.0,
                spare_poll_s=SPARE_POLL_S,
                spare_life_s=SPARE_LIFE_S,
                artifacts=self.artifacts,
            ),
            jobs=ports.jobs,
            runners=ports.runners,
            launches=ports.launches,
            ledger=ports.ledger,
            fleet=ports.fleet,
            configs=self.configs,
            github=ports.github,
            memory=ports.memory,
            tell=self.told,
            clock=self.clock,
        )

    def _open_house(self, ports: _Ports) -> None:
        self._open_recovery(ports)
        self.fill_pools = FillPools(
            watch=self.watch,
            runners=ports.runners,
            launches=ports.launches,
            ledger=ports.ledger,
            configs=self.configs,
            memory=ports.memory,
            boots=self.boots,
            launch=LaunchSpares(self.launch),
            tell=self.told,
            clock=self.clock,
        )
        self.house = KeepHouse(
            patience=Patience(600.0, GRACE_S),
            launch_replay_s=REPLAY_S,
            jobs=ports.jobs,
            runners=ports.runners,
            launches=ports.launches,
            ledger=ports.ledger,
            fleet=ports.fleet,
            outbox=ports.outbox,
            launch=self.launch,
            boots=self.boots,
            errands=self._errands(ports),
            tell=self.told,
            clock=self.clock,
        )

    def _open_recovery(self, ports: _Ports) -> None:
        """What becomes of interrupted jobs, of jobs unheard of, and of those of a lost region."""
        census = watched(self.census, ports.around)
        self.tell_commits = TellCommits(
            ports.jobs, ports.ledger, watched(self.checks, ports.around), self.told, self.clock
        )
        self.rerun_jobs = RerunJobs(
            jobs=ports.jobs,
            runners=ports.runners,
            ledger=ports.ledger,
            memory=ports.memory,
            runs=watched(self.runs, ports.around),
            configs=self.configs,
            outbox=ports.outbox,
            tell_commits=self.tell_commits,
            tell=self.told,
            clock=self.clock,
        )
        self.recover_deliveries = RecoverDeliveries(
            samples.SERVER, watched(self.deliveries, ports.around), ports.memory, self.told, self.clock
        )
        self.recover_jobs = RecoverJobs(
            server=samples.SERVER,
            grace_s=SCAN_GRACE_S,
            most_calls=30,
            jobs=ports.jobs,
            configs=self.configs,
            census=census,
            memory=ports.memory,
            outbox=ports.outbox,
            tell=self.told,
            clock=self.clock,
        )
        self.take_over = TakeOver(
            watch=self.watch,
            peers=self.others,
            patience=Patience(600.0, GRACE_S),
            jobs=ports.jobs,
            runners=ports.runners,
            ledger=ports.giving,
            census=census,
            github=ports.github,
            configs=self.configs,
            outbox=ports.outbox,
            tell=self.told,
            clock=self.clock,
        )

    def _errands(self, ports: _Ports) -> dict[Chores, Errand]:
        watch_boots = WatchBoots(
            book=self.boots,
            jobs=ports.jobs,
            runners=ports.runners,
            ledger=ports.ledger,
            fleet=ports.fleet,
            outbox=ports.outbox,
            tell=self.told,
            clock=self.clock,
        )
        outside = Outside(
            fleet=ports.fleet,
            configs=self.configs,
            github=ports.github,
            outbox=ports.outbox,
            archive=watched(self.archive, ports.around),
            letters=watched(self.letters, ports.around),
        )
        records = Records(ports.jobs, ports.runners, ports.ledger, ports.memory)
        return {
            Chores.INTERRUPTED_JOBS: self.rerun_jobs,
            Chores.CHECK_RUNS: self.tell_commits,
            Chores.RECOVER_DELIVERIES: self.recover_deliveries,
            Chores.RECOVER_JOBS: self.recover_jobs,
            Chores.REGIONS: self.take_over,
            Chores.FILL_POOLS: self.fill_pools,
            Chores.BOOTS: watch_boots,
            **upkeep(records, outside, self.told, self.clock),
        }

    def noted(self) -> list[str]:
        """From now on every outside call of the doors is written into this list."""
        calls: list[str] = []

        def note(name: str, call: Callable[[], object]) -> object:
            calls.append(name)
            return call()

        self.doors(note)
        return calls

    def arrive(self, *job_ids: int, **changes: Any) -> list[str]:  # noqa: ANN401 - fields of the message
        """GitHub queues these jobs, and the dispatcher handles whatever is on its queue."""
        self.backlog.put(*(samples.queued(job_id, **changes) for job_id in job_ids))
        return self.pump()

    def wake(self) -> list[str]:
        """The dispatcher is woken by the schedule."""
        self.backlog.put(Wake())
        return self.pump()

    def pump(self) -> list[str]:
        """The queue hands batches to the dispatcher until it is empty; the ids of what must come again."""
        failed: list[str] = []
        while batch := self.backlog.take(10):
            again = self.dispatch(batch)
            self.backlog.done([delivery for delivery in batch if delivery.id not in again])
            failed += again
        return failed

    def pump_sent(self) -> None:
        """What was sent to the dispatcher and to housekeeping arrives, in turn, with all that follows from it."""
        heard = 0
        while heard < len(self.outbox.sent):
            message = self.outbox.sent[heard]
            heard += 1
            if isinstance(message, Chore):
                self.clock.turn(self.outbox.delays[heard - 1])
                self.house(message)
            elif not isinstance(message, JobMoved):
                self.backlog.put(message)
                self.pump()

    def claim(self, instance_id: str, **changes: Any) -> Bundle:  # noqa: ANN401 - fields of the message
        """A machine asks for work, sending the launch id from its own tags, and gets some."""
        answer = self.ask(instance_id, **changes)
        assert isinstance(answer, Bundle), f"{instance_id} is told to wait"
        return answer

    def ask(self, instance_id: str, **changes: Any) -> Bundle | Wait:  # noqa: ANN401 - fields of the message
        """A machine asks for work."""
        machine = self.fleet.owned.get(instance_id)
        known = {"agent_version": "0.1.0", "launch_id": machine.launch_id if machine else ""}
        return self.claim_door(instance_id, Claim(**(known | changes)))

    def moved(self, kind: Step, job_id: int, **changes: Any) -> list[str]:  # noqa: ANN401 - fields of the message
        """GitHub's word on a job is heard at once."""
        return self.hear([self.word(kind, job_id, **changes)])

    def word(self, kind: Step, job_id: int, **changes: Any) -> Delivery:  # noqa: ANN401 - fields of the message
        """GitHub's word on a job, as the webhook puts it on the queue."""
        return delivery(samples.moved(kind, job_id, **changes))

    def reported(self, kind: ReportKind, instance_id: str, **changes: Any) -> list[str]:  # noqa: ANN401 - fields of the message
        """A machine's own word is heard at once."""
        return self.hear([self.report(kind, instance_id, **changes)])

    def report(self, kind: ReportKind, instance_id: str, **changes: Any) -> Delivery:  # noqa: ANN401 - fields of the message
        """A machine's own word, as it puts it on the queue."""
        known = {"sequence": next(self._sequence), "at": self.clock.now, "runner_name": f"spotrunner-{instance_id}-1"}
        message = Report(kind, instance_id, **(known | changes))  # type: ignore[arg-type]  # fields of Report
        return delivery(message, f"AROAMACHINE:{instance_id}")

    def finished(self, instance_id: str, result: Result = Result.SUCCESS, **changes: Any) -> list[str]:  # noqa: ANN401 - fields of the message
        """A machine says its last word and powers off."""
        failed = self.reported(ReportKind.FINISHED, instance_id, result=result, **changes)
        self.fleet.power_off(instance_id)
        return failed

    def sweep(self, task: Chores, *, dry_run: bool = False) -> list[str]:
        """One housekeeping task."""
        return self.house(Chore(task, dry_run))

    def noticed(self, *notices: Notice) -> list[str]:
        """EC2's events are heard at once; the ids of those that come again, numbered as they are given."""
        texts = (wire.dumps(notice) for notice in notices)
        return self.events([Delivery(f"event-{n}", text) for n, text in enumerate(texts)])

    def job(self, job_id: int, attempt: int = 1) -> Job:
        """A job as it is stored."""
        record = self.shelf.get(Job, str(JobKey(job_id, attempt)))
        assert record is not None, f"job {job_id} is not known"
        return record

    def runner(self, instance_id: str) -> Runner:
        """A machine as it is stored."""
        record = self.shelf.get(Runner, instance_id)
        assert record is not None, f"{instance_id} is not known"
        return record

    def states(self) -> dict[int, JobState]:
        """Where every job stands."""
        return {r.key.job_id: r.state for r in self.shelf.records.values() if isinstance(r, Job)}

    @property
    def machines(self) -> list[str]:
        """The machines that run, by the cloud's own count."""
        return [machine.instance_id for machine in self.fleet.running]

    @property
    def pending(self) -> list[Launch]:
        """The launches not settled yet."""
        every = [record for record in self.shelf.records.values() if isinstance(record, Launch)]
        return [launch for launch in every if launch.state is LaunchState.PENDING]

    def machine_of(self, job_id: int) -> str:
        """The one machine that a job counts on: stored on both sides, and running by the cloud's own count."""
        name = self.job(job_id).instance_id
        assert name in self.machines, f"job {job_id} counts on {name or 'no machine'}, which does not run"
        assert self.runner(name).job == JobKey(job_id, 1)
        return name


def delivery(message: JobQueued | JobMoved | Wake | Report | Chore, sender: str = "AROAWEBHOOK:webhook") -> Delivery:
    """A message as it comes off a queue."""
    text = wire.dumps(message)
    return Delivery(f"message-{abs(hash(text))}", text, sender)


_NOTICES: tuple[type[Notice], ...] = (Warned, Ended, Advised)


def notice(text: str) -> Notice:
    """A notice as `World.noticed` puts it on the queue; the real documents are the adapter's matter."""
    for kind in _NOTICES:
        with suppress(wire.Malformed, ValueError):
            return wire.loads(kind, text)
    raise Rejected(f"event: {text[:80]!r} is none of ours")


def keys(*job_ids: int) -> Sequence[JobKey]:
    """First attempts of these jobs."""
    return [JobKey(job_id, 1) for job_id in job_ids]
