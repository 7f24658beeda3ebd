"""A job that arrives takes a machine that runs already, where its configuration keeps some."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from controller.domain import job as jobs_of
from controller.domain import launch, routing, warm_pools
from controller.domain import runner as runners_of
from controller.domain.events import SpareTaken
from controller.domain.job import Job, JobState
from controller.domain.routing import Route
from controller.domain.runner import Runner, RunnerState
from controller.domain.warm_pools import Wish
from controller.errors import Rejected, Unavailable
from controller.messages import Chore, Chores
from controller.ports import Configs, Jobs, Ledger, Outbox, Runners, Tell

_AT_ONCE = 500
_TRIES = 3


@dataclass(frozen=True, slots=True)
class GiveSpares:
    """Asked by the dispatch door before it launches; a configuration without a pool costs no call."""

    jobs: Jobs
    runners: Runners
    ledger: Ledger
    configs: Configs
    outbox: Outbox
    tell: Tell
    clock: Callable[[], float]

    def __call__(self, group: Sequence[Job]) -> Sequence[Job]:
        """Those of a group of equal jobs that took none."""
        route = self._route(group[0])
        if route is None:
            return group
        left = [job for job in group if routing.wish(job).pool is False]
        willing = [job for job in group if routing.wish(job).pool is not False]
        for why, jobs in launch.starts(willing, route.config.on_demand_after):
            types = {kind.name for kind in (*route.types, *route.wider)}
            left += self._serve(jobs, Wish(routing.shape("", route), types, on_demand=bool(why)))
        return left

    def refill(self) -> None:
        """What was taken is replaced now rather than at the next round."""
        with suppress(Unavailable, Rejected):
            self.outbox.send(Chore(Chores.FILL_POOLS))

    def _route(self, job: Job) -> Route | None:
        """None where there is no pool; what is refused is refused by the launch, with its reason."""
        now = self.clock()
        try:
            wanted = routing.wish(job)
            config = self.configs.find(wanted.config, now)
            if config is None or not config.pool:
                return None
            rules = self.configs.rules(now).policy.rules_for(job.repository, job.key.server)
            return routing.resolve(wanted, lambda name: self.configs.find(name, now), rules)
        except (Unavailable, Rejected):
            return None

    def _serve(self, jobs: Sequence[Job], wish: Wish) -> Sequence[Job]:
        """A spare for as many as there are spares."""
        left = list(jobs)
        # Where this fails a machine of its own serves the job as well; should the spare be written down
        # for it after all, then its reservation sees that it does not wait any more.
        with suppress(Unavailable, Rejected):
            spares = self.runners.spares(_AT_ONCE)
            for _ in range(_TRIES):
                found = warm_pools.pairs(left, spares, wish, self.clock())
                if not found:
                    break
                if self._take(found):
                    served = {job.key for job, _ in found}
                    return [job for job in left if job.key not in served]
                known = self.jobs.get(job.key for job in left)
                left = [job for job in known.values() if job.state is JobState.WAITING]
                spares = list(self.runners.get(spare.instance_id for spare in spares).values())
        return left

    def _take(self, found: Sequence[tuple[Job, Runner]]) -> bool:
        """Each job and its spare in one step; False where somebody else was faster with one of them."""
        now = self.clock()
        changed = [record for job, spare in found for record in _taken(job, spare, now)]
        if self.ledger.save(changed):
            return False
        for job, spare in found:
            self.tell(
                SpareTaken(
                    job=job.id,
                    repository=job.repository,
                    instance=spare.instance_id,
                    instance_type=spare.instance_type,
                    zone=spare.zone,
                    lifecycle=spare.lifecycle,
                    config=spare.config,
                    spare_for_s=now - (spare.ready_at or spare.launched_at),
                )
            )
        return True


def _taken(job: Job, spare: Runner, now: float) -> tuple[Job, Runner]:
    """From here on the spare is a machine launched for the job."""
    ready = spare.ready_at is not None
    lease_until = now + warm_pools.HAND_OVER_S
    return (
        jobs_of.move(
            job,
            JobState.LAUNCHED,
            now,
            instance_id=spare.instance_id,
            launch_id=spare.launch_id,
            rung=warm_pools.WARM,
            rung_reason="",
        ),
        runners_of.move(
            spare,
            RunnerState.LAUNCHED,
            now,
            job=job.key,
            repository=job.repository,
            shape=job.shape,
            lease_until=lease_until if ready else max(lease_until, spare.lease_until),
        ),
    )
