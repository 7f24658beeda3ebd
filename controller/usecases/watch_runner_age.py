"""The release that GitHub offers is dated when it is first seen, and images that lag behind it are told of."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from controller.domain.events import RunnerBehind, RunnerReleased
from controller.domain.runner_age import Current, behind
from controller.ports import Memory, Release, Runners, Tell
from controller.usecases.claim_runner import release_fact
from runner_agent.contract import wire

_FOR_EVER = float("inf")
_AT_ONCE = 500
_KEPT_S = 180 * 86_400.0


@dataclass(frozen=True, slots=True)
class WatchRunnerAge:
    """A housekeeping task: what machines say to have on board is held against what GitHub offers."""

    server: str
    platforms: Sequence[str]
    warn_s: float
    runners: Runners
    memory: Memory
    tell: Tell
    clock: Callable[[], float]

    def __call__(self, dry_run: bool) -> tuple[int, list[str]]:  # noqa: FBT001 - all tasks are called alike
        """A platform of which no claim has asked lately has no known release, and nothing is said of it."""
        now = self.clock()
        current = {name: found for name in self.platforms if (found := self._current(name, now, dry_run=dry_run))}
        machines = self.runners.expired(_FOR_EVER, _AT_ONCE)
        lagging = behind(machines, current, now, self.warn_s)
        for each in lagging:
            self.tell(RunnerBehind(each.config, each.baked, each.current, each.for_s, each.is_refused))
        return len(machines), [
            f"rebuild the image of {each.config}: it has {each.baked}, GitHub offers {each.current} "
            f"for {each.for_s / 86_400:.0f} days or more"
            for each in lagging
        ]

    def _current(self, platform: str, now: float, *, dry_run: bool) -> Current | None:
        text = self.memory.recall(release_fact(self.server, platform), now)
        if text is None:
            return None
        version = wire.loads(Release, text).version
        fact = f"released {self.server} {platform}"
        known = self.memory.recall(fact, now)
        seen = wire.loads(Current, known) if known else None
        if seen is None or seen.version != version:
            seen = Current(version, now)
            if not dry_run:
                self.tell(RunnerReleased(platform, version))
        if not dry_run:
            self.memory.remember(fact, wire.dumps(seen), now + _KEPT_S)
        return seen
