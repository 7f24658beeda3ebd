"""What happens to a few jobs: each story begins on an empty platform, and says what the outside does and when."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from controller import wiring
from controller.domain.interruption import is_notice
from controller.domain.job import Job, JobState
from controller.domain.places import TAKEN_AWAY
from controller.domain.runner import Lifecycle, Runner, RunnerState
from controller.messages import Chore, Chores, Step
from controller.usecases.capacity_book import FACT, read
from runner_agent.contract import wire
from tests.controller.usecases.world import SUBNETS
from tests.fakes import samples
from tests.reliability.machines import NOTICE_S, Boot, Machine, Phase
from tests.reliability.universe import MACHINE_TYPE, Universe

Story = Callable[[Universe], None]

BOOTING_S = 15.0
CLAIMED_S = 38.0
WORKING_S = 60.0
"""When the machines of a story are in the middle of booting, of setting up, and of their jobs."""

POOL_FILLED_S = 140.0
"""When the first spare of a story is up."""


def one_job(world: Universe) -> None:
    """One job, from `queued` to power-off."""
    world.hub.queue(1)


def equal_jobs(world: Universe) -> None:
    """Three equal jobs share one launch."""
    for number in (1, 2, 3):
        world.hub.queue(number)


def swapped(world: Universe) -> None:
    """Two machines come up in the wrong order, and each runs the other's job."""
    world.coming = [Boot.LATE, Boot.WELL]
    world.hub.queue(1, seconds=20.0)
    world.hub.queue(2, seconds=40.0)


def interrupted_at_work(world: Universe) -> None:
    """A spot notice in the middle of a job, which does not end in time: run again on-demand."""
    world.hub.queue(1, seconds=300.0)
    world.timeline.after(WORKING_S, lambda: world.first(Phase.BUSY, world.interrupt))
    _counts_once(world, WORKING_S)


def interrupted_while_booting(world: Universe) -> None:
    """A spot notice before the machine has claimed: the job gets another at once."""
    world.hub.queue(1)
    world.timeline.after(BOOTING_S, lambda: world.first(Phase.BOOTING, world.interrupt))
    _counts_once(world, BOOTING_S)


def killed_at_work(world: Universe) -> None:
    """A machine is gone without a notice; GitHub gives its job up after ten minutes."""
    world.hub.queue(1, seconds=300.0)
    world.timeline.after(WORKING_S, lambda: world.first(Phase.BUSY, world.take_away))


def cancelled_in_line(world: Universe) -> None:
    """A job is cancelled while its machine boots."""
    job = world.hub.queue(1)
    world.timeline.after(BOOTING_S, lambda: world.hub.cancel(job))


def cancelled_and_handed_on(world: Universe) -> None:
    """A job is cancelled while its machine boots, and the next one waits already."""
    job = world.hub.queue(1)
    world.fleet.sell_out(Lifecycle.ON_DEMAND, _every_pool())
    world.timeline.after(5.0, lambda: world.fleet.sell_out(Lifecycle.SPOT, _every_pool()))
    world.timeline.after(BOOTING_S, lambda: world.hub.queue(2))
    world.timeline.after(BOOTING_S + 5.0, lambda: world.hub.cancel(job))
    world.timeline.after(200.0, world.fleet.capacity.clear)


def cancelled_at_work(world: Universe) -> None:
    """A job is cancelled while it runs."""
    job = world.hub.queue(1, seconds=300.0)
    world.timeline.after(WORKING_S, lambda: world.hub.cancel(job))


def partly_served(world: Universe) -> None:
    """Two spot machines are left for three jobs; the third goes on-demand."""
    world.fleet.sell_out(Lifecycle.SPOT, _every_pool())
    world.fleet.capacity[Lifecycle.SPOT, *_every_pool()[0]] = 2
    for number in (1, 2, 3):
        world.hub.queue(number)


def sold_out(world: Universe) -> None:
    """Nothing is left on any rung for some minutes."""
    for lifecycle in Lifecycle:
        world.fleet.sell_out(lifecycle, _every_pool())
    world.hub.queue(1)
    world.timeline.after(150.0, world.fleet.capacity.clear)


def silent_boot(world: Universe) -> None:
    """A machine runs for the cloud, and nobody ever hears of it."""
    world.coming = [Boot.SILENT]
    world.hub.queue(1)


def failing_boot(world: Universe) -> None:
    """A machine ends while it boots."""
    world.coming = [Boot.FAILS]
    world.hub.queue(1)


def armed_again(world: Universe) -> None:
    """GitHub removes a runner that idles; its machine asks for another registration."""
    world.hub.queue(1)
    world.hub.hold(80.0)
    world.timeline.after(WORKING_S, lambda: world.first(Phase.IDLE, world.remove_runner))


def repeated_and_late(world: Universe) -> None:
    """Every delivery comes twice, and `in_progress` after `completed`."""
    world.postman.twice = True
    world.postman.delay_s["in_progress"] = 150.0
    world.hub.queue(1)
    world.hub.queue(2)


def frozen_at_work(world: Universe) -> None:
    """A machine hangs in the middle of a job, for ever."""
    world.hub.queue(1, seconds=300.0)
    world.timeline.after(WORKING_S, lambda: world.first(Phase.BUSY, Machine.freeze))


def frozen_after_claim(world: Universe) -> None:
    """A machine hangs right after its claim, and nobody ever hears of its runner."""
    world.hub.queue(1)
    world.timeline.after(CLAIMED_S, lambda: world.first(Phase.SETTING_UP, Machine.freeze))


def spare_taken(world: Universe) -> None:
    """A job takes a spare, which is replaced; then the pool is given up."""
    world.keep_warm(1)
    world.timeline.after(POOL_FILLED_S, lambda: world.hub.queue(1))
    world.timeline.after(POOL_FILLED_S + WORKING_S, lambda: world.keep_warm(0))


def malformed(world: Universe) -> None:
    """Texts that mean nothing stand among good messages on every queue."""
    for queue in world.queues.values():
        queue.send("{", "AROASTRANGER:stranger")
    world.hub.queue(1)


def old_jobs(world: Universe) -> None:
    """Old jobs go into the archive beside one that is at work, and then out of the table."""
    old = {number: world.timeline.now - OLD_S + number for number in (501, 502, 503)}
    for number, at in old.items():
        ended = samples.job(number, state=JobState.COMPLETED, queued_at=at, received_at=at, since=at, told=True)
        world.shelf.put(ended)
    world.hub.queue(1)
    _have_done(world, Chores.OLD_JOBS)

    def kept() -> list[str]:
        lines = [line for lines in world.archive.kept.values() for line in lines]
        archived = {wire.loads(Job, line).key.job_id for line in lines}
        stored = {number for number in old if world.shelf.get(Job, f"{number}#1")}
        missing = [f"job {number} is nowhere" for number in old if number not in archived | stored]
        return missing + [f"job {number} is still in the table" for number in sorted(stored)]

    world.promises.append(kept)


def ghosts(world: Universe) -> None:
    """GitHub still has two runners of a machine that is gone, beside one that is at work."""
    gone_at = world.timeline.now - GONE_S
    ended = samples.job(501, state=JobState.COMPLETED, since=gone_at, received_at=gone_at)
    world.shelf.put(ended, samples.runner("i-gone", state=RunnerState.GONE, since=gone_at, job=ended.key))
    for name in (GHOST, "spotrunner-i-gone-2"):
        world.github.register(samples.registration(name), world.timeline.now)
    world.hub.queue(1)
    _have_done(world, Chores.GHOST_RUNNERS)
    world.promises.append(lambda: [f"{n} is still registered" for _, n in world.github.runners if "i-gone" in n])


def dead_letters(world: Universe) -> None:
    """GitHub's last word on a job lies among the dead letters, beside a text that means nothing."""
    began = world.timeline.now
    world.shelf.put(samples.job(501, state=JobState.RUNNING, since=began, installation_id=0))
    reports = world.queues[wiring.REPORTS.name]
    reports.bury(wire.dumps(samples.moved(Step.COMPLETED, 501, conclusion="success")), "AROAWEBHOOK:webhook")
    reports.bury("{", "AROASTRANGER:stranger")
    world.hub.queue(1)
    _have_done(world, Chores.DEAD_LETTERS)

    def dealt_with() -> list[str]:
        job = world.shelf.get(Job, "501#1")
        unheard = [] if job and job.state is JobState.COMPLETED else ["nobody has heard that job 501 has ended"]
        lost = [] if any(name.startswith("parked/reports/") for name in world.archive.kept) else ["a text is lost"]
        return unheard + lost + [f"{each.id} still lies there" for each in reports.dead]

    world.promises.append(dealt_with)


def _have_done(world: Universe, task: Chores) -> None:
    """An operator asks for a task, and asks again much later: a failed one is not waited for by its schedule."""
    text = wire.dumps(Chore(task))
    for wait_s in (SOON_S, AGAIN_S):
        world.timeline.after(wait_s, lambda: world.queues[wiring.HOUSEKEEPING.name].send(text, "AROAOPERATOR:operator"))


OLD_S = 8 * 86_400.0
GONE_S = 1_000.0
GHOST = "spotrunner-i-gone-1"
SOON_S, AGAIN_S = 5.0, 400.0


def _counts_once(world: Universe, taken_at_s: float) -> None:
    """Each machine that is taken away counts against its place; never twice, and always where that can be shared."""
    wrong: list[str] = []

    def look() -> None:
        breakers = read(world.memory.recall(FACT, world.timeline.peek())).breakers.values()
        counted = Counter(failure.of for each in breakers for failure in each.failures if failure.cause == TAKEN_AWAY)
        unshared = any(call.name == "memory.swap" for _, call, _ in world.eye.struck)
        for machine in (each for each in world.fates.values() if each.noticed):
            times, record = counted[machine.name], world.shelf.get(Runner, machine.name)
            # One that was not written down yet is nobody's when the cloud says so, and says nothing itself.
            unheard = record is None or not is_notice(record.interruption)
            if times != 1 and not ((unshared or unheard) and times == 0):
                wrong.append(f"{machine.name} was taken away once, and counts {times} times")

    world.timeline.after(taken_at_s + NOTICE_S + HEARD_S, look)
    world.promises.append(lambda: wrong)


HEARD_S = 100.0
"""A report or event whose function has died once is heard by then."""


def _every_pool() -> list[tuple[str, str]]:
    return [(MACHINE_TYPE, zone) for zone in SUBNETS]


STORIES: tuple[Story, ...] = (
    one_job,
    equal_jobs,
    swapped,
    partly_served,
    sold_out,
    repeated_and_late,
    malformed,
    spare_taken,
    cancelled_in_line,
    cancelled_and_handed_on,
    cancelled_at_work,
    silent_boot,
    failing_boot,
    armed_again,
    interrupted_while_booting,
    interrupted_at_work,
    killed_at_work,
    frozen_at_work,
    frozen_after_claim,
    old_jobs,
    ghosts,
    dead_letters,
)
