"""Housekeeping keeps every pool at its size: what is missing is launched, what is not wanted is told to go."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from controller.domain import routing, warm_pools
from controller.domain import runner as runners_of
from controller.domain.deliveries import MessageDelayed
from controller.domain.events import PoolShort, SpareRetired
from controller.domain.fleet_config import RunnerConfig
from controller.domain.labels import Wanted
from controller.domain.launch import Launch, LaunchState
from controller.domain.policy import Rule
from controller.domain.routing import Route
from controller.domain.runner import Runner, RunnerState
from controller.domain.warm_pools import Fill, Plan, Pool
from controller.errors import Rejected, Unavailable
from controller.ports import AllConfigs, Launches, Ledger, Memory, Runners, Tell
from controller.usecases.boot_book import BootBook
from controller.usecases.launch_spares import LaunchSpares
from controller.usecases.pool_book import PoolBook
from controller.usecases.region_watch import RegionWatch

_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Standing:
    """The spares there are, read from the table itself, and what is on its way."""

    spares: Sequence[Runner]
    coming: Mapping[str, int]
    """By configuration, machines of launches whose outcome is not written down yet."""
    pending: Collection[str]
    """These launches."""
    book: PoolBook


@dataclass(frozen=True, slots=True)
class FillPools:
    """A housekeeping task; overlapping runs are harmless."""

    watch: RegionWatch
    runners: Runners
    launches: Launches
    ledger: Ledger
    configs: AllConfigs
    memory: Memory
    boots: BootBook
    launch: LaunchSpares
    tell: Tell
    clock: Callable[[], float]

    def __call__(self, dry_run: bool) -> tuple[int, list[str]]:  # noqa: FBT001 - all tasks are called alike
        """Bring every pool to its size."""
        every = self.configs.every()
        shown = self.runners.spares(_AT_ONCE)
        kept = {spare.config for spare in shown}
        pools = [config for config in every.values() if config and (config.pool or config.name in kept)]
        if not pools and not shown:
            return 0, []
        standing = self._standing(shown)
        done = self._retire(warm_pools.strays(standing.spares, every), dry_run=dry_run)
        for config in pools:
            done += self._tend(config, every, standing, dry_run=dry_run)
        return len(standing.spares), done

    def _standing(self, shown: Sequence[Runner]) -> Standing:
        """An index lags behind: what was launched of late is looked at by name, and each spare as it is stored."""
        now = self.clock()
        book = PoolBook.read(self.memory, now)
        fills = warm_pools.to_look_at(book.fills, now)
        known = {name: found for name in fills if (found := self.launches.get(name))}
        pending = {name for name, found in known.items() if found.state is LaunchState.PENDING}
        names = {spare.instance_id for spare in shown} | {name for one in known.values() for name in one.instances}
        stored = self.runners.get(sorted(names)).values()
        spares = [runner for runner in stored if runner.state is RunnerState.SPARE]
        return Standing(spares, warm_pools.coming(fills, pending, known, now), pending, book)

    def _tend(
        self, config: RunnerConfig, every: Mapping[str, RunnerConfig | None], standing: Standing, *, dry_run: bool
    ) -> list[str]:
        try:
            route = routing.resolve(Wanted(config.name), every.get, self._rules())
        except Rejected as refusal:
            # Its spares stay: what is wrong now may be mended before their time ends.
            self.tell(PoolShort(config.name, config.pool, config.pool, str(refusal)))
            return []
        pool = self._pool(config, route)
        lead_s = config.claim_deadline_s or self.launch.machines.ground.claim_deadline_s
        plan = warm_pools.plan(pool, standing.spares, standing.coming.get(config.name, 0), self.clock(), lead_s)
        done = self._retire(plan, dry_run=dry_run)
        if plan.start and not dry_run:
            self._start(pool, route, plan.start, standing)
        return done + ([f"start {plan.start} spares of {config.name}"] if plan.start else [])

    def _pool(self, config: RunnerConfig, route: Route) -> Pool:
        drains = self.watch.is_draining()
        size, why = (0, "the region drains") if drains else (config.pool, "")
        return Pool(config.name, routing.shape("", route), size, why)

    def _rules(self) -> Sequence[Rule]:
        return self.configs.rules(self.clock()).policy.rules_for_all

    def _start(self, pool: Pool, route: Route, count: int, standing: Standing) -> None:
        self.boots.look()
        held = self.boots.holds(pool.config)
        if held:
            self.tell(PoolShort(pool.config, pool.size, count, held))
            return
        try:
            short = self.launch(route, pool.shape, count, lambda record: self._note(record, standing))
        except Unavailable as later:
            # The launch record stands, and the sweep of pending launches goes on from it.
            self.tell(MessageDelayed("pools", pool.config, str(later)))
            return
        if short.missing:
            self.tell(PoolShort(pool.config, pool.size, short.missing, short.why))

    def _note(self, record: Launch, standing: Standing) -> bool:
        fill = Fill(record.config, record.spares, record.created_at)
        return standing.book.note(record.launch_id, fill, standing.pending)

    def _retire(self, plan: Plan, *, dry_run: bool) -> list[str]:
        """At its next question the machine is told to go; one that never asks is swept away."""
        for spare, reason in () if dry_run else plan.stop:
            gone = runners_of.move(spare, RunnerState.FINISHED, self.clock(), reason)
            # One that a job has just taken has moved on, and stays.
            if not self.ledger.save([gone]):
                self.tell(SpareRetired(spare.instance_id, spare.config, reason))
        return [f"retire {spare.instance_id} of {spare.config}: {reason}" for spare, reason in plan.stop]
