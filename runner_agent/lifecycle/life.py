"""The one life: boot, claim, prepare, listen, run, drain, tell, power off - whatever happens on the way."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from runner_agent import __version__, claim, download
from runner_agent.aws import Signer
from runner_agent.cloud import Metadata, MetadataUnavailable, Notice, Power, Process, ProcessTree
from runner_agent.contract import wire
from runner_agent.contract.bundle import Bundle, Claim, UserData
from runner_agent.contract.reports import ReportKind, Result
from runner_agent.lifecycle.inbox import Inbox, TakenAway
from runner_agent.lifecycle.lookout import Lookout
from runner_agent.lifecycle.session import Ended, Session
from runner_agent.lifecycle.states import State, move
from runner_agent.lifecycle.story import Story
from runner_agent.lifecycle.verdict import Relaunches, outcome_of
from runner_agent.lifecycle.witness import Telling
from runner_agent.limits import ending
from runner_agent.listener import jit
from runner_agent.listener.launch import Runner, command, prepare
from runner_agent.listener.outcome import Next, Outcome
from runner_agent.logs import Redactor, Tell

REARMS = 2
BOOT_S = 60.0
FIRST_LOOK_S = 0.1
SLOWEST_LOOK_S = 1.0
CRASH_FLUSH_S = 5.0
MOST_LINES = 40
LAUNCH_TAG = "spotrunner:launch"
UPDATE_MARKER = "update.finished"


@dataclass(frozen=True, slots=True)
class Pace:
    """How long the agent waits where no limit of the bundle says so."""

    race_s: float = 3.0
    relaunch_s: float = 5.0
    update_s: float = 60.0
    boot_s: float = BOOT_S


@dataclass(frozen=True, slots=True)
class Machine:
    """Everything around the agent."""

    metadata: Metadata
    tree: ProcessTree
    power: Power
    inbox: Inbox
    redactor: Redactor
    tell: Tell
    home: Path
    environment: Mapping[str, str] = field(repr=False)
    """The agent's own; the runner sees an extract of it."""
    aws_endpoint: str = ""
    born: Mapping[str, float] = field(default_factory=dict)
    """When the kernel and the agent started."""
    pace: Pace = Pace()


def live(machine: Machine) -> None:
    """Live once; the last thing that happens is the power-off, and nothing can prevent it."""
    life = _Life(machine)
    try:
        life.walk()
    except BaseException as crash:  # noqa: BLE001 - a machine whose agent has given up must still end
        life.crash(crash)
    finally:
        life.power_off()


class _Life:
    """Where the machine is, and what it holds."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._state = State.BOOT
        self._story: Story | None = None
        self._process: Process | None = None
        self._lookout: Lookout | None = None
        self._bundle: Bundle | None = None
        self._claimed_at = 0.0

    def walk(self) -> None:
        """The whole life but its last step."""
        try:
            outcome = self._serve()
        except TakenAway as taken:
            self._to(State.INTERRUPTED, action=taken.notice.action)
            if self._story:
                self._story.interruption = taken.notice.action
            outcome = Outcome(Result.INTERRUPTED, Next.FINISH, str(taken))
        self._to(State.DONE, result=outcome.result if outcome else None, reason=outcome.reason if outcome else "")
        self._finish(outcome)

    def crash(self, error: BaseException) -> None:
        """Whatever went wrong: no runner may stay, and somebody should hear of it."""
        with self._guarded():
            import traceback  # noqa: PLC0415 - a life that goes well never needs it

            trace = "".join(traceback.format_exception(error))
            self._machine.tell("agent_crash", state=self._state, error=error, trace=trace[-3000:])
        with self._guarded():
            self._to(State.CRASH)
        with self._guarded():
            if self._process:
                self._process.kill()
        with self._guarded():
            reason = f"{type(error).__name__}: {error}"[:500]
            self._finish(Outcome(Result.AGENT_CRASH, Next.FINISH, reason), CRASH_FLUSH_S)

    def power_off(self) -> None:
        """The one terminal action."""
        with self._guarded():
            self._to(State.POWEROFF)
        self._machine.power.off()

    def _serve(self) -> Outcome | None:
        """Claim and run until a job ran or there is no sense in another try; None where nothing was ever claimed."""
        user_data, signer = self._boot()
        last: Outcome | None = None
        ended_runner = ""
        for _ in range(1 + REARMS):
            answer = self._claim(user_data, signer, ended_runner)
            if isinstance(answer, claim.Refused):
                self._machine.tell("claim_refused", status=answer.status, reason=answer.reason)
                return last
            if last:
                self._told.between(last)
            last = self._arm(answer, signer)
            if last.next is not Next.REARM:
                break
            ended_runner = answer.runner_name
        return last

    def _boot(self) -> tuple[UserData, Signer]:
        machine = self._machine
        until = time.monotonic() + machine.pace.boot_s
        pause = FIRST_LOOK_S
        while True:
            try:
                identity = machine.metadata.identity()
                text = machine.metadata.user_data()
                break
            except MetadataUnavailable as early:
                if time.monotonic() + pause > until:
                    raise
                machine.tell("metadata_not_ready", error=early)
            machine.inbox.pause(pause)
            pause = min(SLOWEST_LOOK_S, pause * 2)
        self._story = Story(identity, machine.home / "spool", machine.redactor, machine.tell)
        # A kernel older than the launch is not this machine's own, and says nothing about its boot.
        launched = identity.launched_at
        for phase, at in machine.born.items():
            if phase != "kernel" or launched is None or at >= launched:
                self._story.reach(phase, at)
        if launched is not None:
            self._story.reach("launched", launched)
        return wire.loads(UserData, text), Signer(identity.region, machine.metadata.credentials, machine.aws_endpoint)

    def _claim(self, user_data: UserData, signer: Signer, ended_runner: str) -> Bundle | claim.Refused:
        machine = self._machine
        self._to(State.CLAIMING, ended_runner=ended_runner)
        self._told.reach("claiming")
        wish = Claim(
            agent_version=__version__,
            launch_id=self._launch_id(),
            baked_runners=download.baked(machine.home),
            ended_runner=ended_runner,
            nonce=os.urandom(16).hex(),
        )
        deadline = time.monotonic() + user_data.claim_deadline_s
        waiting = claim.Time(time.monotonic, machine.inbox.pause)
        return claim.ask(wish, user_data.claim_url, signer, waiting, deadline, machine.tell)

    def _arm(self, bundle: Bundle, signer: Signer) -> Outcome:
        """One registration, from its bundle to the end of its runner."""
        self._bundle, self._claimed_at = bundle, time.monotonic()
        self._machine.redactor.learn_jit(bundle.jit_config)
        self._to(State.PREPARING, runner=bundle.runner_name)
        self._told.begin(bundle, signer)
        self._told.reach("claimed")
        if self._lookout is None:
            limits = bundle.limits
            self._lookout = Lookout(self._machine.metadata, self._machine.inbox, limits.poll_s, self._machine.tell)
        outcome = self._ready(bundle, signer)
        self._told.end_runner(outcome)
        return outcome

    def _ready(self, bundle: Bundle, signer: Signer) -> Outcome:
        machine = self._machine
        try:
            jit.files(bundle.jit_config)
            config = bundle.jit_config
            if bundle.package.disable_update:
                config = jit.without_update(config)
                machine.redactor.learn_jit(config)
            store = download.Store(machine.home, signer, machine.tell, machine.inbox.check)
            folder, fresh = download.ensure(bundle.package, store)
        except jit.BadJit as bad:
            return Outcome(Result.REGISTRATION_FAILED, Next.REARM, str(bad))
        except download.RunnerUnavailable as lost:
            return Outcome(Result.RUNNER_UNAVAILABLE, Next.FINISH, str(lost))
        except download.NoRoom as full:
            return Outcome(Result.DISK_FULL, Next.FINISH, str(full))
        if fresh:
            machine.tree.give(folder)
        self._told.reach("downloaded")
        return self._launches(Runner(folder, config, machine.home / "work" / "perf", str(self._told.job or "")), bundle)

    def _launches(self, runner: Runner, bundle: Bundle) -> Outcome:
        """Start the same registration until its end is more than a hiccup."""
        relaunches = Relaunches()
        while True:
            self._machine.inbox.check()
            try:
                ended = self._session(runner, bundle)
            except OSError as broken:
                return Outcome(Result.RUNNER_UNAVAILABLE, Next.FINISH, f"the runner does not start: {broken}")
            outcome = relaunches.settle(outcome_of(ended), ended, time.monotonic() - self._claimed_at)
            self._told.keep(ended.tail)
            self._machine.tell(
                "runner_ended",
                result=outcome.result,
                next=outcome.next,
                reason=outcome.reason,
                exit_code=outcome.exit_code,
                strays=ended.strays,
                dropped_bytes=ended.dropped_bytes,
            )
            if outcome.next in {Next.FINISH, Next.REARM}:
                return outcome
            self._to(State.PREPARING, runner=bundle.runner_name)
            self._before_relaunch(outcome.next, runner)

    def _session(self, runner: Runner, bundle: Bundle) -> Ended:
        machine = self._machine
        prepare(runner, bundle, machine.tree)
        self._process = machine.tree.start(command(runner, machine.environment))
        self._told.reach("listener")
        self._to(State.LISTENING, runner=bundle.runner_name)
        witness = Telling(self._told, bundle.limits, machine.tell, self._to)
        ended = Session(self._process, bundle.limits, machine.inbox, witness).run(MOST_LINES)
        self._process = None
        if self._state is not State.DRAINING:
            self._to(State.DRAINING)
        if "started" in self._told.phases:
            self._told.phases.setdefault("finished", time.time())
        return ended

    def _before_relaunch(self, following: Next, runner: Runner) -> None:
        pace = self._machine.pace
        if following is Next.AFTER_UPDATE:
            until = time.monotonic() + pace.update_s
            marker = runner.folder / UPDATE_MARKER
            while not marker.exists() and time.monotonic() < until:
                self._machine.inbox.pause(min(0.25, pace.update_s))
            marker.unlink(missing_ok=True)
            return
        self._machine.inbox.pause(pace.race_s if following is Next.RACE else pace.relaunch_s)

    def _finish(self, outcome: Outcome | None, most_s: float | None = None) -> None:
        """The last report, and everything out before the power goes."""
        if self._lookout:
            self._lookout.stop()
        if outcome is None or self._story is None or self._bundle is None:
            return
        self._story.phases.setdefault("finished", time.time())
        self._story.report(ReportKind.FINISHED, outcome)
        limits = self._bundle.limits
        seconds = limits.flush_s if most_s is None else min(most_s, limits.flush_s)
        notice = self._machine.inbox.notice
        self._story.end(seconds if notice is None else min(seconds, _left(notice, self._bundle)))

    def _launch_id(self) -> str:
        try:
            return self._machine.metadata.tag(LAUNCH_TAG)
        except MetadataUnavailable as silent:
            self._machine.tell("launch_tag_unknown", error=silent)
            return ""

    @property
    def _told(self) -> Story:
        if self._story is None:
            raise RuntimeError("nothing can be told before the machine knows who it is")
        return self._story

    def _to(self, state: State, **facts: object) -> None:
        self._state = move(self._state, state)
        self._machine.tell("state", state=state, **facts)

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        """On the way down nothing may stop us, least of all a broken log or a second blow."""
        try:
            yield
        except BaseException as again:  # noqa: BLE001 - see above
            self._last_words(again)

    def _last_words(self, error: BaseException) -> None:
        with suppress(BaseException):
            self._machine.tell("failed_while_ending", error=error)


def _left(notice: Notice, bundle: Bundle) -> float:
    """What is left for telling before the machine should be off."""
    now = time.time()
    return max(1.0, ending(notice.at, bundle.limits, now).off_at - now)
