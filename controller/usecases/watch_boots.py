"""Machines that died in boot are looked into: consoles are kept, and a broken configuration is held back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from controller.domain import boot_health, breaker, console
from controller.domain.boot_health import NEVER_LISTENED, BootHealth, DeadBoot, Evidence, Outcome
from controller.domain.breaker import BreakerState
from controller.domain.events import BootFailed, ConfigurationFreed, ConfigurationHeld
from controller.domain.job import JobState
from controller.domain.job_key import JobKey
from controller.domain.runner import Runner
from controller.errors import Rejected, Unavailable
from controller.messages import Wake
from controller.ports import Fleet, Jobs, Ledger, Outbox, Runners, Tell
from controller.usecases.boot_book import BootBook

MOST_CONSOLES = 10
"""Read in one look: the machines of one configuration die of one cause."""
_AT_ONCE = 500
_FOR_EVER = float("inf")


@dataclass(frozen=True, slots=True)
class WatchBoots:
    """A housekeeping task."""

    book: BootBook
    jobs: Jobs
    runners: Runners
    ledger: Ledger
    fleet: Fleet
    outbox: Outbox
    tell: Tell
    clock: Callable[[], float]

    def __call__(self, dry_run: bool) -> tuple[int, list[str]]:  # noqa: FBT001 - all tasks are called alike
        """Judge what has died since the last look, and what has become of probes."""
        health = self.book.look()
        deaths = health.deaths
        if not dry_run and (deaths or health.breakers):
            self._keep_consoles(deaths)
            self._judge(health, deaths)
        return len(deaths) + len(health.breakers), [f"{death.instance_id} {death.cause}" for death in deaths]

    def _judge(self, before: BootHealth, deaths: Sequence[DeadBoot]) -> None:
        evidence = self._evidence(before)
        now, policy = self.clock(), self.book.policy

        def judge(known: BootHealth) -> tuple[BootHealth, BootHealth]:
            after = boot_health.judged(known, deaths, evidence, now, policy)
            return after, after

        self._tell_changes(before, self.book.change(judge))

    def _tell_changes(self, before: BootHealth, after: BootHealth) -> None:
        was, now_held = _held(before), _held(after)
        for config, opened_at in now_held.items():
            if was.get(config) != opened_at:
                self.tell(ConfigurationHeld(config, after.breakers[config].cause, after.breakers[config].trips))
        freed = was.keys() - now_held.keys()
        for config in sorted(freed):
            self.tell(ConfigurationFreed(config))
        if freed:
            self.outbox.send(Wake("machines come up again"))

    def _evidence(self, health: BootHealth) -> Evidence:
        """What the machines show that are alive."""
        alive = sorted(self.runners.expired(_FOR_EVER, _AT_ONCE), key=lambda each: each.launched_at)
        proven = {each.config: each.launched_at for each in alive if each.has_booted}
        listened = {each.config: each.launched_at for each in alive if each.has_listened}
        return Evidence(proven, listened, self._probes(health))

    def _probes(self, health: BootHealth) -> dict[str, Outcome]:
        now = self.clock()
        probes = {
            config: JobKey.parse(each.probe)
            for config, each in health.breakers.items()
            if each.probe and breaker.state(each, now, self.book.policy) is BreakerState.HALF_OPEN
        }
        jobs = self.jobs.get(probes.values()) if probes else {}
        machines = self.runners.get(job.instance_id for job in jobs.values() if job.instance_id)
        found: dict[str, Outcome] = {}
        for config, key in probes.items():
            job = jobs.get(key)
            machine = machines.get(job.instance_id) if job else None
            # A probe's own death is judged as one, and told apart from having met no machine at all.
            died = any(death.job == str(key) for death in health.deaths)
            mute = health.breakers[config].cause == NEVER_LISTENED
            if machine is not None and machine.config == config and _came_up(machine, mute=mute):
                found[config] = Outcome.PASSED
            elif died or (job is not None and job.state in (_COMING | {JobState.CLAIMED} if mute else _COMING)):
                found[config] = Outcome.UNDER_WAY
            elif now - health.breakers[config].probe_at >= _SETTLED_S:
                found[config] = Outcome.NOTHING
        return found

    def _keep_consoles(self, deaths: Sequence[DeadBoot]) -> None:
        records = self.runners.get(death.instance_id for death in deaths)
        for number, death in enumerate(deaths):
            text = self._console(death.instance_id) if number < MOST_CONSOLES else ""
            record = records.get(death.instance_id)
            if record is not None and text:
                self.ledger.save([replace(record, console=text)])
            self.tell(
                BootFailed(death.instance_id, death.job, death.config, death.cause, text or "nothing on its console")
            )

    def _console(self, instance_id: str) -> str:
        try:
            return console.readable(self.fleet.console(instance_id))
        except (Unavailable, Rejected) as unread:
            return f"its console can not be read: {unread}"


_COMING = frozenset({JobState.LAUNCHING, JobState.LAUNCHED})


def _came_up(machine: Runner, *, mute: bool) -> bool:
    """Whether a probe came to the stage that those before it did not come to."""
    return machine.has_listened if mute else machine.claimed_at is not None


_SETTLED_S = 30.0
"""A probe's launch takes a moment to be written down."""


def _held(health: BootHealth) -> dict[str, float]:
    return {config: each.opened_at for config, each in health.breakers.items() if each.opened_at is not None}
