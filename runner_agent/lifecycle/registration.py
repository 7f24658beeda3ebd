"""One registration of a runner at GitHub: from its bundle to the end of its last process."""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path

from runner_agent import download
from runner_agent.aws import Signer
from runner_agent.cloud import Process
from runner_agent.contract.bundle import Bundle, Offer
from runner_agent.contract.record import Record, field
from runner_agent.contract.reports import Result
from runner_agent.lifecycle.card import card
from runner_agent.lifecycle.machine import Machine
from runner_agent.lifecycle.session import Ended, Session
from runner_agent.lifecycle.states import Position, State
from runner_agent.lifecycle.story import LONGEST_LINE, Story
from runner_agent.lifecycle.verdict import Relaunches, of_starved, outcome_of
from runner_agent.lifecycle.witness import Aids, Telling
from runner_agent.listener import jit
from runner_agent.listener.launch import Runner, clean, command, prepare
from runner_agent.listener.outcome import Next, Outcome
from runner_agent.telemetry import counters

MOST_LINES = 40
MOST_SHOWN = 200
UPDATE_MARKER = "update.finished"


class Registration(Record, frozen=False):
    """Runs one bundle's runner; started again, it stays the same registration."""

    machine: Machine
    story: Story
    position: Position
    aids: Aids
    bundle: Bundle
    signer: Signer
    first: bool
    """Nothing can have been started on this machine before."""
    claimed_at: float = field(default_factory=time.monotonic)
    _process: Process | None = None

    def run(self) -> Outcome:
        """Get the runner, start it, see it end."""
        machine, bundle = self.machine, self.bundle
        try:
            config = self._config()
            store = download.Store(machine.home, self.signer, machine.tell, machine.inbox.check)
            got = download.ensure(bundle.package, store)
        except jit.BadJit as bad:
            return Outcome(Result.REGISTRATION_FAILED, Next.REARM, str(bad))
        except download.RunnerUnavailable as lost:
            return Outcome(Result.RUNNER_UNAVAILABLE, Next.FINISH, str(lost))
        except download.NoRoom as full:
            return Outcome(Result.DISK_FULL, Next.FINISH, str(full))
        if got.fresh:
            machine.tree.give(got.folder)
        self.story.reach("downloaded")
        self.story.runner_source = got.source
        if got.spare and bundle.package.offer:
            self._offer(got.spare, bundle.package.offer)
        shown = (*bundle.setup, *card(self.story.identity, self.story.phases, bundle.traceparent))
        runner = Runner(
            folder=got.folder,
            jit_config=config,
            performance=machine.home / "work" / "perf",
            traceparent=str(self.story.job or ""),
            interruption_file=machine.interruption_file,
            card=shown,
            artifacts=bundle.artifacts,
        )
        return self._launches(runner)

    def kill(self) -> None:
        """Leave nothing of it, whatever state it is in."""
        if self._process:
            self._process.kill()

    def _offer(self, archive: Path, offer: Offer) -> None:
        from runner_agent.cache import SECRET, put  # noqa: PLC0415 - a machine with its runner on board never needs it

        self.machine.redactor.learn([offer.headers[name] for name in SECRET if name in offer.headers])
        self.machine.inbox.thread(partial(put, archive, offer, self.machine.tell), "cache-offer")

    def _config(self) -> str:
        """The JIT configuration as the runner gets it; raises `BadJit`."""
        jit.files(self.bundle.jit_config)
        if not self.bundle.package.disable_update:
            return self.bundle.jit_config
        config = jit.without_update(self.bundle.jit_config)
        self.machine.redactor.learn_jit(config)
        return config

    def _launches(self, runner: Runner) -> Outcome:
        """Start the same registration until its end is more than a hiccup."""
        relaunches = Relaunches()
        if self.first:
            self._make_ready(runner)
        while True:
            self.machine.inbox.check()
            try:
                ended = self._session(runner)
            except OSError as broken:
                return Outcome(Result.RUNNER_UNAVAILABLE, Next.FINISH, f"the runner does not start: {broken}")
            outcome = relaunches.settle(outcome_of(ended), ended, time.monotonic() - self.claimed_at)
            outcome = self._told(outcome, ended, runner)
            if outcome.next in {Next.FINISH, Next.REARM}:
                return outcome
            self.position.to(State.PREPARING, runner=self.bundle.runner_name)
            self._before_relaunch(outcome.next, runner)

    def _make_ready(self, runner: Runner) -> None:
        machine = self.machine
        found = clean(runner)
        if found:
            machine.tell("image_was_used_before", found=found)
        if machine.docker and not machine.docker.wait(machine.pace.docker_s, machine.inbox.pause):
            machine.tell("docker_not_ready", waited_s=machine.pace.docker_s)
        self.aids.ballast.load()

    def _session(self, runner: Runner) -> Ended:
        machine = self.machine
        prepare(runner, machine.tree)
        self._process = machine.tree.start(command(runner, machine.environment))
        self.story.reach("listener")
        self.position.to(State.LISTENING, runner=self.bundle.runner_name)
        witness = Telling(self.story, self.aids, self.bundle.limits, machine.tell, self.position.to)
        ended = Session(self._process, self.bundle.limits, machine.inbox, witness).run(MOST_SHOWN)
        self._process = None
        if self.position.state is not State.DRAINING:
            self.position.to(State.DRAINING)
        if "started" in self.story.phases:
            self.story.phases.setdefault("finished", time.time())
        return ended

    def _told(self, outcome: Outcome, ended: Ended, runner: Runner) -> Outcome:
        """What came of it, with all that is known of why; told, and kept for the report."""
        peaks = self.aids.meter.end()
        outcome = of_starved(outcome, self.aids.meter.starved())
        self.story.keep(ended.tail[-MOST_LINES:], peaks)
        self.story.counted(counters.read(runner.performance))
        self.machine.tell(
            "runner_ended",
            result=outcome.result,
            next=outcome.next,
            reason=outcome.reason,
            exit_code=outcome.exit_code,
            strays=ended.strays,
            dropped_bytes=ended.dropped_bytes,
        )
        if outcome.result is not Result.SUCCESS:
            self.machine.tell("post_mortem", peaks=peaks, lines=[line[:LONGEST_LINE] for line in ended.tail])
        return outcome

    def _before_relaunch(self, following: Next, runner: Runner) -> None:
        machine, pace = self.machine, self.machine.pace
        if following is Next.AFTER_UPDATE:
            until = time.monotonic() + pace.update_s
            marker = runner.folder / UPDATE_MARKER
            while not marker.exists() and time.monotonic() < until:
                machine.inbox.pause(min(0.25, pace.update_s))
            marker.unlink(missing_ok=True)
            return
        if following is Next.CLOCK:
            machine.step_clock(machine.tell)
        machine.inbox.pause(pace.race_s if following is Next.RACE else pace.relaunch_s)
