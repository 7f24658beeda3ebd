"""The whole platform in virtual time: the real doors, queues that redeliver, machines that live, and GitHub."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial

from controller import messages, wiring
from controller.domain import catalogue
from controller.domain.deliveries import MessageDelayed, MessageRejected
from controller.domain.fleet_config import RunnerConfig, Span
from controller.domain.interruption import Ended, Warned
from controller.domain.job import OPEN, Job, JobState, Rerun
from controller.domain.job_key import NOBODY
from controller.domain.launch import Launch, LaunchState
from controller.domain.market import Market
from controller.domain.runner import ALIVE, Runner, RunnerState
from controller.errors import Rejected, SpotRunnerError, Unavailable
from controller.messages import Chore, Chores, Delivery, JobMoved, JobQueued
from controller.ports import Record
from controller.usecases import keep_house
from runner_agent.contract import wire
from runner_agent.contract.bundle import Bundle, Claim, Wait
from runner_agent.contract.reports import Report
from tests.controller.usecases.world import World, watched
from tests.fakes import samples
from tests.reliability.calls import PowerCut, Watch, at_door
from tests.reliability.hub import Hub, HubJob, Postman, Status
from tests.reliability.intakes import Census, DeliveryLog
from tests.reliability.machines import CLAIM_DEADLINE_S, NOTICE_S, Boot, Machine, Phase
from tests.reliability.queues import Graves, Line, Post, SimQueue
from tests.reliability.timeline import Timeline

JOB_LIMIT_S = 600.0
MACHINE_TYPE = "c7a.xlarge"
HORIZON_S = 3 * 3_600.0
SEEN_TO_S = 300.0
"""So long after a fault a job that waits runs, or it is known why not."""
LOOK_EVERY_S = 61.0
"""Every schedule has had its turn."""
ROUNDS = 2
OFTEN_S = 60.0
_BUS_S = 1.0
_OF_QUEUE = {
    function.trigger.queue.name: function for function in wiring.FUNCTIONS if isinstance(function.trigger, wiring.Poll)
}


def a_market() -> Market:
    """One family is for sale: what else is refused for a job is the same in every story, and looked at elsewhere."""
    known = catalogue.shipped()
    family = MACHINE_TYPE.partition(".")[0]
    return Market(replace(known, types=tuple(offered for offered in known.types if offered.family == family)))


def a_config() -> RunnerConfig:
    """What every job of the stories asks for."""
    return samples.config(cpu=Span(4.0, 4.0), families=(MACHINE_TYPE,), job_limit_s=JOB_LIMIT_S)


_MARKET = a_market()


@dataclass(slots=True)
class Findings:
    """What an onlooker sees from the outside."""

    violations: list[str] = field(default_factory=list)
    raised: Counter[str] = field(default_factory=Counter)
    """Doors that ended with something else than an answer."""


@dataclass(frozen=True, slots=True)
class Round:
    """What a schedule sends again and again."""

    every_s: float
    queue: SimQueue
    text: str


class Universe(World):
    """Assembled as production is; `watch` sees every outside call."""

    def __init__(self, watch: Callable[[Timeline], Watch] = Watch) -> None:
        super().__init__(a_config())
        self.timeline = Timeline()
        self.clock = self.timeline
        self.market = _MARKET
        self.eye = watch(self.timeline)
        self.findings = Findings()
        self.eye.on_strike = lambda: self.timeline.after(SEEN_TO_S, self.see_to_jobs, background=True)
        self.queues = {queue.name: self._queue(queue) for queue in wiring.QUEUES}
        self.outbox, self.backlog = Post(self.queues), Line(self.queues[wiring.JOBS.name])
        self.letters = Graves(self.queues, self.timeline)
        self.promises: list[Callable[[], list[str]]] = []
        """What a story wants to be true in the end, beside what must be in every story; each says what is not."""
        self.deliveries = self.log = DeliveryLog(self.timeline, self._deliver)
        self.postman = Postman(self.log.bring)
        self.hub = Hub(self.timeline, self.github, self.runs, self.postman)
        self.census = Census(self.hub)
        self.fates: dict[str, Machine] = {}
        self.coming: list[Boot] = []
        """How the coming machines boot; those after them boot well."""
        self.pool = 0
        """The most spares that were ever wanted."""
        self.acknowledge_first = False
        self.keep: Callable[[Chore], object] = lambda chore: self.house(chore)  # noqa: PLW0108 - another one after each restart
        """How housekeeping is done."""
        self._calm = 0
        self._plain_configs = self.configs
        self.restart()
        known = {*keep_house._TASKS, *self.house.errands}
        schedules = [one for one in wiring.SCHEDULES if one.body.get("task", Chores.CHECK_RUNS) in known]
        for place, schedule in enumerate(schedules):
            # Most begin in turn; what comes seldom first comes when it would come again.
            first_s = 7.0 * (1 + place) if schedule.every_s <= OFTEN_S else schedule.every_s
            round_of = Round(schedule.every_s, self.queues[schedule.queue.name], json.dumps(schedule.body))
            self.timeline.after(first_s, partial(self._tick, round_of), background=True)

    def restart(self) -> None:
        """New processes behind every door."""
        self.configs = watched(self._plain_configs, self._around)
        self.doors(self._around)

    def run(self, until_s: float = HORIZON_S, at_least_s: float = 0.0) -> None:
        """Let things happen until two looks in a row find everything at rest, or until a time."""
        while self.timeline.elapsed < until_s and (self.timeline.elapsed < at_least_s or not self._is_over()):
            look_at = self.timeline.now + LOOK_EVERY_S
            while self.timeline.now < look_at:
                self.timeline.step()
            self._calm = self._calm + 1 if self.timeline.foreground == 0 and self.at_rest() else 0

    def at_rest(self) -> bool:
        """Whether nobody waits for anything but messages that will come again."""
        alive = any(machine.phase is not Phase.OFF for machine in self.fates.values())
        return not (alive or any(self.restless()) or any(not self.explained(job) for job in self.hub.open))

    def _is_over(self) -> bool:
        return self._calm >= ROUNDS and not any(queue.messages for queue in self.queues.values())

    def restless(self) -> list[str]:
        """Records that have not come to their end."""
        return [one.id for one in self.shelf.records.values() if _is_open(one) and not self._waits_for_its_run(one)]

    def _waits_for_its_run(self, record: Record) -> bool:
        """Whether a lost job can not be run again yet: GitHub still has one of its run that nobody will ever take."""
        if not isinstance(record, Job) or record.rerun is not Rerun.WANTED:
            return False
        return any(job.run_id == record.run_id and self.explained(job) for job in self.hub.open)

    def explained(self, job: HubJob) -> bool:
        """Whether a job that waits at GitHub is shown as failed, with a reason."""
        record = self.shelf.get(Job, str(job.key))
        return job.status is Status.QUEUED and record is not None and record.state is JobState.REFUSED and record.told

    def state(self) -> str:
        """Where everything stands, in a line."""
        records = Counter(f"{type(record).__name__} {record.state}" for record in self.shelf.records.values())
        lives = Counter(f"machine {machine.phase}" for machine in self.fates.values())
        hub = Counter(f"github {job.status}" for job in self.hub.jobs.values())
        queues = Counter(
            {f"queue {name}": len(queue.messages) for name, queue in self.queues.items() if queue.messages}
        )
        every = records + lives + hub + queues
        return ", ".join(f"{count} {what}" for what, count in sorted(every.items()))

    # What machines reach.

    def claim_for(self, instance_id: str, claim: Claim) -> Bundle | Wait:
        """POST /claim, through the gateway."""
        bundle: list[Bundle | Wait] = []
        with at_door("claim"):
            try:
                self._around("gateway.claim", lambda: bundle.append(self.claim_door(instance_id, claim)))
            except SpotRunnerError:
                raise
            except PowerCut:
                self.restart()
                raise
            except Exception as bug:
                self._raised("claim", bug)
                raise Unavailable("502") from bug
        return bundle[0]

    def report_from(self, report: Report) -> None:
        """A report on its way to the queue."""
        text = wire.dumps(report)
        with at_door("machine"):
            queue = self.queues[wiring.REPORTS.name]
            self._around("queue.report", lambda: queue.send(text, f"AROAMACHINE:{report.instance_id}"))

    def power_off(self, instance_id: str) -> None:
        """The cloud sees that the machine is off."""
        self.fleet.power_off(instance_id)
        self._on_the_bus(Ended(instance_id, "terminated", self.timeline.now))

    # What befalls machines.

    def interrupt(self, machine: Machine) -> None:
        """The cloud wants a machine back."""
        machine.notice()
        self._on_the_bus(Warned(machine.name, "terminate", self.timeline.now))
        self.timeline.after(NOTICE_S, lambda: self.take_away(machine))

    def take_away(self, machine: Machine) -> None:
        """The cloud ends a machine without asking anybody."""
        if machine.phase is not Phase.OFF:
            machine.kill()
            self.power_off(machine.name)

    def first(self, phase: Phase, befall: Callable[[Machine], None]) -> None:
        """Let something befall the first machine in this phase, where there is one."""
        for machine in [machine for machine in self.fates.values() if machine.phase is phase][:1]:
            befall(machine)

    def remove_runner(self, machine: Machine) -> None:
        """GitHub removes the runner of a machine."""
        self.hub.remove(machine.runner_name)
        machine.rearm()

    def terminate(self, names: Sequence[str]) -> None:
        """Somebody ends these machines."""
        self._around("fleet.terminate", lambda: self.fleet.terminate(names))

    # The other side of every call.

    def _around(self, name: str, call: Callable[[], object]) -> object:
        return self.eye(name, lambda: self._effect(name, call))

    def _effect(self, name: str, call: Callable[[], object]) -> object:
        match name:
            case "fleet.launch":
                self.fleet.now = self.timeline.now
                try:
                    return call()
                finally:
                    self._see_machines()
            case "fleet.terminate":
                try:
                    return call()
                finally:
                    self._see_terminations()
            case "runs.rerun_job" | "runs.rerun_failed":
                answer = call()
                self.hub.look_at_runs()
                return answer
            case _:
                return call()

    def _see_machines(self) -> None:
        standing = [machine for machine in self.fates.values() if machine.useful]
        new = [self._born(name) for name in self.fleet.owned if name not in self.fates]
        for surplus in unplaced([*standing, *new], self._stands_for):
            if surplus in new:
                attempts = ", ".join(sorted(self._stands_for(surplus)))
                self._violated(f"double launch: {surplus.name} for {attempts}, where others stand already")

    def _born(self, name: str) -> Machine:
        seen = self.fleet.owned[name]
        self.fates[name] = Machine(name, seen.launch_id, self, self.coming.pop(0) if self.coming else Boot.WELL)
        self.fates[name].start()
        return self.fates[name]

    def _stands_for(self, machine: Machine) -> frozenset[str]:
        """The attempts that a machine may be meant for: what it was told, or else what its launch was for."""
        launch = self.shelf.get(Launch, machine.launch_id)
        if machine.intended:
            return frozenset({machine.intended})
        if launch and launch.spares:
            return self._stands_in_pool(machine)
        return frozenset(str(key) for key in launch.jobs) if launch else frozenset()

    def _stands_in_pool(self, machine: Machine) -> frozenset[str]:
        """The job that took the spare, or else any of the pool's places; one that is to go takes up none."""
        record = self.shelf.get(Runner, machine.name)
        if record is not None and record.job != NOBODY:
            return frozenset({str(record.job)})
        # The successor of one whose time is about to end is started before it goes.
        lead_s = CLAIM_DEADLINE_S if record and record.ready_at else 0.0
        counts_until = record.lease_until - lead_s if record and record.state is RunnerState.SPARE else 0.0
        wanted = record is None or counts_until > self.timeline.now
        return frozenset(f"place {n}" for n in range(self.pool)) if wanted else frozenset({machine.name})

    def keep_warm(self, size: int) -> None:
        """The operator changes the pool's size."""
        self.pool = max(size, self.pool)
        self._plain_configs.known = {"linux-4cpu": replace(a_config(), pool=size)}

    def see_to_jobs(self) -> None:
        """A while after a fault: does anybody wait whom nobody knows of?"""
        for job in self.hub.open:
            record = self.shelf.get(Job, str(job.key))
            overdue = job.status is Status.QUEUED and self.timeline.now - job.queued_at > SEEN_TO_S
            if overdue and (record is None or (record.state is JobState.WAITING and not record.reason)):
                self._violated(f"job {job.key} has been waiting for {SEEN_TO_S:.0f} s and nobody knows why")

    def _see_terminations(self) -> None:
        for name, machine in self.fates.items():
            if machine.phase is Phase.OFF or self.fleet.owned[name].running:
                continue
            late = machine.ran and self.timeline.now - (machine.ran[-1].started_at or 0.0) > JOB_LIMIT_S
            if machine.phase is Phase.BUSY and not machine.frozen and not late:
                self._violated(f"{name} was terminated while it ran job {machine.ran[-1].key}")
            machine.kill()
            self._on_the_bus(Ended(name, "shutting-down", self.timeline.now))

    def _violated(self, what: str) -> None:
        self.findings.violations.append(f"after {self.timeline.elapsed:.0f} s: {what}")

    def _raised(self, door: str, bug: BaseException) -> None:
        self.findings.raised[f"{door}: {type(bug).__name__}: {bug}"] += 1

    # Queues, schedules and deliveries.

    def _on_the_bus(self, notice: Ended | Warned) -> None:
        text = wire.dumps(notice)
        self.timeline.after(_BUS_S, lambda: self.queues[wiring.EVENTS.name].send(text, "events.amazonaws.com"))

    def _tick(self, schedule: Round) -> None:
        self.timeline.after(schedule.every_s, partial(self._tick, schedule), background=True)
        # A round over a world at rest says nothing that the one before has not said.
        if self._calm < ROUNDS:
            schedule.queue.send(schedule.text, "AROASCHEDULER:schedule")

    def _deliver(self, message: JobQueued | JobMoved) -> int:
        """The webhook's answer to a delivery, as GitHub logs it."""
        with at_door("webhook"):
            try:
                self._around("post.send", lambda: self.outbox.send(message))
            except (PowerCut, SpotRunnerError):
                return 503
        return 202

    def _queue(self, spec: wiring.Queue) -> SimQueue:
        poll = _OF_QUEUE[spec.name].trigger
        assert isinstance(poll, wiring.Poll)
        return SimQueue(spec, self.timeline, lambda: self._poll(spec.name), poll.window_s)

    def _poll(self, name: str) -> None:
        """The event source: a batch to its function, and what the function does not give back is deleted."""
        poll = _OF_QUEUE[name].trigger
        assert isinstance(poll, wiring.Poll)
        batch = self.queues[name].take(poll.batch)
        if not batch:
            return
        if self.acknowledge_first:
            self.queues[name].delete([delivery.id for delivery in batch])
        handed = self._invoke(name, batch)
        if handed is not None:
            done = [delivery.id for delivery in batch if delivery.id not in handed]
            self.queues[name].answered(done)
            with at_door(_OF_QUEUE[name].name), suppress(PowerCut, SpotRunnerError):
                self._around("queue.delete", lambda: self.queues[name].delete(done))

    def _invoke(self, name: str, batch: Sequence[Delivery]) -> list[str] | None:
        """What comes again; None where the function did not answer."""
        function = _OF_QUEUE[name].name
        try:
            with at_door(function):
                return self._doors_by_function()[function](batch)
        except PowerCut:
            self.restart()
        except Exception as bug:  # noqa: BLE001 - whatever it is, the queue hands the batch out again
            self._raised(function, bug)
        return None

    def _doors_by_function(self) -> dict[str, Callable[[Sequence[Delivery]], list[str]]]:
        return {
            "dispatch": self.dispatch,
            "reports": self.hear,
            "events": self.events,
            "housekeeping": lambda batch: [one.id for one in batch if not self._kept_house(one)],
        }

    def _kept_house(self, delivery: Delivery) -> bool:
        """As the handler of the housekeeping queue does it."""
        try:
            chore = messages.read(delivery.text)
            assert isinstance(chore, Chore)
            with at_door(str(chore.task)):
                self.keep(chore)
        except Rejected as bad:
            self.told(MessageRejected("housekeeping", delivery.id, str(bad)))
            return False
        except Unavailable as later:
            self.told(MessageDelayed("housekeeping", delivery.id, str(later)))
            return False
        return True


def unplaced(machines: Sequence[Machine], wishes: Callable[[Machine], frozenset[str]]) -> list[Machine]:
    """Those that find no attempt of their own among what they are meant for, when the earlier ones choose first.

    One that runs what it was not meant for stands for nobody else's attempt: GitHub has decided so.
    """
    holder: dict[str, Machine] = {}

    def place(machine: Machine, seen: set[str]) -> bool:
        for attempt in sorted(wishes(machine) - seen):
            seen.add(attempt)
            if attempt not in holder or place(holder[attempt], seen):
                holder[attempt] = machine
                return True
        return False

    return [machine for machine in machines if not machine.strayed and not place(machine, set())]


def _is_open(record: Job | Runner | Launch) -> bool:
    match record:
        case Job():
            return record.state is JobState.WAITING or record.state in OPEN or record.owes
        case Runner():
            return record.state in ALIVE
        case Launch():
            return record.state is LaunchState.PENDING
