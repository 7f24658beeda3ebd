"""Machines that ended without their runner having ended its job: what GitHub still has of them is removed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from controller.domain.deliveries import MessageDelayed
from controller.domain.events import GhostRemoved
from controller.domain.ghosts import Deregister, Settle, doubtful, ghosts
from controller.domain.job import Job
from controller.domain.job_key import JobKey
from controller.domain.runner import Runner
from controller.errors import Rejected, Unavailable
from controller.ports import Configs, GitHub, Jobs, Ledger, Registration, Runners, Tell

_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class LayGhosts:
    """A housekeeping task: one list of GitHub's for each place where such a machine had registered."""

    patience_s: float
    most_calls: int
    """To GitHub, in one look."""
    jobs: Jobs
    runners: Runners
    ledger: Ledger
    configs: Configs
    github: GitHub
    tell: Tell
    clock: Callable[[], float]

    def __call__(self, dry_run: bool) -> tuple[int, list[str]]:  # noqa: FBT001 - all tasks are called alike
        """Ask about the machines that ended in doubt, longest first, as far as the calls reach."""
        now = self.clock()
        ended = self.runners.doubted(_AT_ONCE)
        jobs = self.jobs.get(key for runner in ended for key in (runner.job, runner.ran) if key)
        asked, settled = doubtful(ended, jobs, now, self.patience_s)
        done = [self._settle(each, dry_run=dry_run) for each in settled]
        calls = self.most_calls
        for place, machines in self._places(asked, jobs).items():
            if calls <= 0:
                break
            lines, used = self._lay(place, machines, calls, dry_run=dry_run)
            calls -= used
            done += lines
        return len(ended), done

    def _places(self, asked: Sequence[Runner], jobs: dict[JobKey, Job]) -> dict[Registration, list[Runner]]:
        places: dict[Registration, list[Runner]] = defaultdict(list)
        for runner in asked:
            config = self.configs.find(runner.config, self.clock())
            places[_place(jobs[runner.job], organization=bool(config and config.organization))].append(runner)
        return dict(places)

    def _lay(
        self, place: Registration, machines: Sequence[Runner], calls: int, *, dry_run: bool
    ) -> tuple[list[str], int]:
        """What was done, and how many calls it took; where GitHub does not answer, nothing is settled."""
        used = 1
        done: list[str] = []
        try:
            listed = self.github.listed(place, self.clock())
            found, settled = ghosts(machines, ((each.runner_id, each.name) for each in listed), self.clock())
            for ghost in found:
                if used >= calls:
                    return done, used
                used += 1
                done.append(self._remove(place, ghost, dry_run=dry_run))
            done += [self._settle(each, dry_run=dry_run) for each in settled]
        except (Rejected, Unavailable) as later:
            self.tell(MessageDelayed("ghost-runners", place.repository, str(later)))
        return done, used

    def _remove(self, place: Registration, ghost: Deregister, *, dry_run: bool) -> str:
        if not dry_run:
            self.github.remove(place, ghost.runner_id, self.clock())
            self.tell(GhostRemoved(ghost.runner.instance_id, ghost.name, place.repository, ghost.reason))
        return f"remove runner {ghost.name} from {place.repository}: {ghost.reason}"

    def _settle(self, settle: Settle, *, dry_run: bool) -> str:
        if not dry_run:
            # A record that has moved on meanwhile is looked at again the next time.
            self.ledger.save([replace(settle.runner, delisted=True)])
        return f"ask no more about {settle.runner.instance_id}: {settle.reason}"


def _place(job: Job, *, organization: bool) -> Registration:
    repository = f"{job.repository.partition('/')[0]}/" if organization else job.repository
    return Registration(
        server=job.server,
        installation_id=job.installation_id,
        repository=repository,
        organization=organization,
        name="",
        labels=(),
        group_id=1,
    )
