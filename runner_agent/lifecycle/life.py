"""The one life: boot, claim, serve, tell, power off - whatever happens on the way."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING

from runner_agent import __version__, claim, download
from runner_agent.cloud import Notice
from runner_agent.contract.bundle import Bundle, Claim, Limits, Wait
from runner_agent.contract.reports import ReportKind, Result
from runner_agent.lifecycle.boot import Booted, boot, launch_id
from runner_agent.lifecycle.inbox import TakenAway
from runner_agent.lifecycle.machine import Machine
from runner_agent.lifecycle.states import Position, State
from runner_agent.limits import ending
from runner_agent.listener.outcome import Next, Outcome

if TYPE_CHECKING:
    from runner_agent.lifecycle.attendants import Attendants
    from runner_agent.lifecycle.lookout import Lookout
    from runner_agent.lifecycle.registration import Registration

REARMS = 2
CRASH_FLUSH_S = 5.0
REBALANCE = "rebalance"


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
    """What the machine holds on its way."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._position = Position(machine.tell)
        self._booted: Booted | None = None
        self._bundle: Bundle | None = None
        self._lookout: Lookout | None = None
        """Of a machine that waits for work; later one of the attendants."""
        self._attendants: Attendants | None = None
        self._registration: Registration | None = None

    def walk(self) -> None:
        """The whole life but its last step."""
        self._machine.tell("life", version=__version__, pid=os.getpid())
        try:
            outcome = self._serve()
        except TakenAway as taken:
            self._position.to(State.INTERRUPTED, action=taken.notice.action)
            if self._booted:
                self._booted.story.interruption = taken.notice.action
            outcome = Outcome(Result.INTERRUPTED, Next.FINISH, str(taken))
        result, reason = (outcome.result, outcome.reason) if outcome else (None, "")
        self._position.to(State.DONE, result=result, reason=reason)
        self._finish(outcome)

    def crash(self, error: BaseException) -> None:
        """Whatever went wrong: no runner may stay, and somebody should hear of it."""
        with self._guarded():
            import traceback  # noqa: PLC0415 - a life that goes well never needs it

            trace = "".join(traceback.format_exception(error))
            self._machine.tell("agent_crash", state=self._position.state, error=error, trace=trace[-3000:])
        with self._guarded():
            self._position.to(State.CRASH)
        with self._guarded():
            if self._registration:
                self._registration.kill()
        with self._guarded():
            reason = f"{type(error).__name__}: {error}"[:500]
            self._finish(Outcome(Result.AGENT_CRASH, Next.FINISH, reason), CRASH_FLUSH_S)

    def power_off(self) -> None:
        """The one terminal action."""
        with self._guarded():
            self._position.to(State.POWEROFF)
        self._machine.power.off()

    def _serve(self) -> Outcome | None:
        """Claim and run until a job ran or there is no sense in another try; None where nothing was ever claimed."""
        self._booted = booted = boot(self._machine)
        last: Outcome | None = None
        ended_runner = ""
        for _ in range(1 + REARMS):
            answer = self._claim(booted, ended_runner)
            if isinstance(answer, claim.Refused):
                self._machine.tell("claim_refused", status=answer.status, reason=answer.reason)
                return last or self._unanswered(answer)
            if last:
                booted.story.between(last)
            last = self._arm(answer, booted, first=last is None)
            if last.next is not Next.REARM:
                break
            ended_runner = answer.runner_name
        return last

    def _claim(self, booted: Booted, ended_runner: str) -> Bundle | claim.Refused:
        machine, user_data = self._machine, booted.user_data
        self._position.to(State.CLAIMING, ended_runner=ended_runner)
        booted.story.reach("claiming")
        wish = Claim(
            agent_version=__version__,
            launch_id=launch_id(machine),
            baked_runners=download.baked(machine.home),
            ended_runner=ended_runner,
            nonce=os.urandom(16).hex(),
        )
        machine.redactor.learn([wish.nonce])
        deadline = time.monotonic() + user_data.claim_deadline_s
        during = partial(machine.inbox.during, meanwhile=_load)
        waiting = claim.Time(time.monotonic, machine.inbox.pause, during, partial(self._idle, booted))
        return claim.ask(wish, user_data.claim_url, booted.signer, waiting, deadline, machine.tell)

    def _idle(self, booted: Booted, wait: Wait) -> None:
        """No work yet: from the first time on, the announced end of the machine is looked for, and told."""
        from runner_agent.lifecycle.lookout import Lookout  # noqa: PLC0415 - see `_load`

        machine = self._machine
        booted.story.idle(wait.targets, booted.signer)
        if self._lookout is None:
            machine.tell("waiting_for_work", again_s=wait.again_s, most_s=wait.most_s)
            self._lookout = Lookout(machine.metadata, machine.inbox, wait.notice_poll_s, machine.tell)
        if machine.inbox.rebalanced:
            raise TakenAway(Notice(REBALANCE, time.time()))

    def _unanswered(self, answer: claim.Refused) -> Outcome | None:
        """A spare whose controller has fallen silent says that it goes; one that was told to go need not."""
        silent = self._lookout is not None and answer.status is None
        return Outcome(Result.NO_JOB, Next.FINISH, answer.reason) if silent else None

    def _arm(self, bundle: Bundle, booted: Booted, *, first: bool) -> Outcome:
        """One registration, from its bundle to the end of its runner."""
        from runner_agent.lifecycle.attendants import attend  # noqa: PLC0415 - see `_load`
        from runner_agent.lifecycle.registration import Registration  # noqa: PLC0415 - as above

        machine, story, signer = self._machine, booted.story, booted.signer
        self._bundle = bundle
        machine.redactor.learn_jit(bundle.jit_config)
        self._position.to(State.PREPARING, runner=bundle.runner_name)
        story.begin(bundle, signer)
        story.reach("claimed")
        self._attendants = self._attendants or attend(machine, bundle, signer, self._lookout)
        aids = self._attendants.aids
        self._registration = Registration(machine, story, self._position, aids, bundle, signer, first)
        outcome = self._registration.run()
        story.end_runner(outcome)
        return outcome

    def _finish(self, outcome: Outcome | None, most_s: float | None = None) -> None:
        """The last report, and everything out before the power goes."""
        if self._attendants:
            with self._guarded():
                self._attendants.stop()
        elif self._lookout:
            self._lookout.stop()
        if outcome is None or self._booted is None or (self._bundle is None and self._lookout is None):
            return
        story, limits = self._booted.story, self._bundle.limits if self._bundle else Limits()
        story.phases.setdefault("finished", time.time())
        story.report(ReportKind.FINISHED, outcome)
        seconds = limits.flush_s if most_s is None else min(most_s, limits.flush_s)
        notice = self._machine.inbox.notice
        until = time.monotonic() + (seconds if notice is None else min(seconds, _left(notice, limits)))
        story.end(until - time.monotonic())
        if self._attendants:
            self._attendants.flush(max(0.1, until - time.monotonic()))

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


def _load() -> None:
    """What only a machine with work needs: loaded while its claim is on the way, which so goes out the sooner."""
    import runner_agent.lifecycle.attendants  # noqa: PLC0415 - see above
    import runner_agent.lifecycle.registration  # noqa: F401, PLC0415 - as above


def _left(notice: Notice, limits: Limits) -> float:
    """What is left for telling before the machine should be off."""
    now = time.time()
    return max(1.0, ending(notice.at, limits, now).off_at - now)
