"""Runs in local mode, each with faults in it, and what was measured meanwhile."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from controller import wiring
from controller.local.aws.boots import Boot
from controller.local.aws.cloud import LocalCloud
from controller.local.stage import DEMO, DEMO_SPEED, QUICK, Stage, wait_until_settled
from controller.local.two_regions import LEASE_S, REGIONS, TwoRegions
from infra.alarms import too_old_s
from infra.log_filters import WEBHOOK_ERRORS, namespace
from tests.controller.local.aws.rig import eventually
from tests.watching.meter import Meter
from tests.watching.metrics import Metrics

EXAMPLES = Path(__file__).resolve().parents[2] / "examples" / "workflows"
PATIENCE_S = 180.0
FAST = 60.0
"""A minute is a second: for runs without machines, whose processes can not be hurried."""
_SERVER_FAULT = 500
_ALL = 1_000
"""More machines than any run launches."""


@dataclass(frozen=True, slots=True)
class Fault:
    """What went wrong, and the alarm that must tell."""

    alarm: str
    """Without the stack's name in front."""
    text: str
    at: float
    """Seconds since the epoch."""
    metrics: Metrics
    stack: str = "demo-local"


@dataclass(slots=True)
class Run:
    """One run: its faults, and everything that was measured."""

    faults: list[Fault] = field(default_factory=list)
    metrics: list[tuple[str, Metrics, float]] = field(default_factory=list)
    """Stack, what was measured, and when the run ended."""


def calm(folder: Path) -> Run:
    """The example workflows, and nothing goes wrong."""
    run = Run()
    with Stage(folder, DEMO, speed=DEMO_SPEED) as stage, _measured(run, stage.cloud) as meter:
        for file in sorted(EXAMPLES.glob("*.yml")):
            stage.github.submit(file)
        settled = wait_until_settled(stage, PATIENCE_S)
        assert settled
        _minutes(meter, 6)
    return run


def broken_upgrade(folder: Path) -> Run:
    """Every function crashes at every call, until the messages lie in the dead-letter queues."""
    run = Run()
    crashing = "tests.watching.crashing"
    with Stage(folder, QUICK, speed=FAST, handlers=crashing) as stage, _measured(run, stage.cloud) as meter:
        began = time.time()

        def all_dead() -> bool:
            depths = stage.cloud.queue_depths()
            return all(depths[f"{queue.name}-dead"].ready for queue in wiring.QUEUES)

        until = time.time() + PATIENCE_S
        while not all_dead():
            assert time.time() < until, "the messages did not die"
            stage.github.send_forged()
            for queue in (wiring.REPORTS, wiring.EVENTS):
                _send(stage.cloud, queue)
            _minutes(meter, 1)
        _minutes(meter, 4)
        for delivery in stage.github.deliveries:
            if delivery.status_code >= _SERVER_FAULT:
                at = delivery.delivered_at.timestamp()
                meter.metrics.put(namespace("demo-local"), WEBHOOK_ERRORS, {}, 1, at)
    metrics = meter.metrics
    for function in wiring.FUNCTIONS:
        if function is not wiring.CLAIM:
            run.faults.append(Fault(f"{function.name}-errors", "an upgrade breaks the function", began, metrics))
    run.faults.append(Fault("webhook-5xx", "an upgrade breaks the webhook function", began, metrics))
    for queue in wiring.QUEUES:
        old = _first(metrics, "ApproximateAgeOfOldestMessage", queue.name, too_old_s(queue))
        text = f"nobody takes messages: one is {too_old_s(queue) // 60} minutes old"
        run.faults.append(Fault(f"{queue.name}-age", text, old, metrics))
        dead = _first(metrics, "ApproximateNumberOfMessagesVisible", f"{queue.name}-dead", 0)
        run.faults.append(Fault(f"{queue.name}-dead-letters", "a message dies", dead, metrics))
    return run


def broken_claims(folder: Path) -> Run:
    """The claim function crashes at every call."""
    run = Run()
    broken = "tests.watching.no_claims"
    with Stage(folder, DEMO, speed=DEMO_SPEED, handlers=broken) as stage, _measured(run, stage.cloud) as meter:
        stage.github.submit(_workflow(folder, "claims", 1, "spotrunner/linux-2cpu"))
        eventually(lambda: stage.cloud.functions()["claim"].errors, PATIENCE_S)
        began = time.time()
        _minutes(meter, 7)
    run.faults.append(Fault("claim-errors", "an upgrade breaks the function", began, meter.metrics))
    return run


def bad_machines(folder: Path) -> Run:
    """Machines are taken away, do not come up or stand still; somebody sends nonsense; GitHub is down."""
    run = Run()
    with Stage(folder, DEMO, speed=DEMO_SPEED) as stage, _measured(run, stage.cloud) as meter:
        cloud, metrics = stage.cloud, meter.metrics

        stage.github.submit(_workflow(folder, "storm", 6, "spotrunner/linux-2cpu", "sleep 60"))
        eventually(lambda: sum(job.status == "in_progress" for job in stage.jobs()) == 6, PATIENCE_S)
        _minutes(meter, 2)
        run.faults.append(Fault("interruption-rate", "all six spot machines are taken away", time.time(), metrics))
        # An agent's own time to end a job cleanly can not be hurried: it needs a notice that leaves it some.
        cloud.interrupt_pool(notice_s=30.0)

        run.faults.append(
            Fault("MessagesRejected", "somebody puts nonsense on the reports queue", time.time(), metrics)
        )
        _send(cloud, wiring.REPORTS)

        before = len(cloud.instances())
        cloud.next_boot(Boot.SILENT)
        stage.github.submit(_workflow(folder, "silent", 1, "spotrunner/linux-arm"))
        eventually(lambda: len(cloud.instances()) > before, PATIENCE_S)
        overdue = time.time() + float(DEMO["claim_deadline_s"])
        eventually(lambda: _told(cloud, "housekeeping", "MachineTerminated"), PATIENCE_S)
        text = "a machine stands still, and its time to ask for work is over"
        run.faults.append(Fault("MachinesTerminated", text, overdue, metrics))

        run.faults.append(Fault("github-errors", "GitHub answers every call with 502", time.time(), metrics))
        stage.github.fail_requests("*", 502, 40)
        _minutes(meter, 7)
    return run


def bad_capacity(folder: Path) -> Run:
    """Everything is sold out; then every machine dies in boot; then the right to launch is lost."""
    run = Run()
    # These two are part of how long an alarm takes, and are hurried exactly like the clock.
    hurried = {**DEMO, "refusal_ttl_s": 180 / DEMO_SPEED, "last_word_s": 20 / DEMO_SPEED}
    with Stage(folder, hurried, speed=DEMO_SPEED) as stage, _measured(run, stage.cloud) as meter:
        cloud, metrics = stage.cloud, meter.metrics

        cloud.pools.sell_out()
        submitted = time.time()
        stage.github.submit(_workflow(folder, "sold", 1, "spotrunner/linux-4cpu"))
        run.faults.append(Fault("no-capacity", "every pool is sold out", submitted, metrics))
        old = submitted + 300 / DEMO_SPEED
        run.faults.append(Fault("line-age", "a job has waited for five minutes", old, metrics))
        _minutes(meter, 11)
        cloud.pools.restock()
        eventually(lambda: all(job.status == "completed" for job in stage.jobs()), PATIENCE_S)

        before = {instance.id for instance in cloud.instances()}
        # A broken image is broken for every machine: a single one that came up would prove the deaths bad luck.
        cloud.next_boot(Boot.FAILS, _ALL)
        stage.github.submit(_workflow(folder, "boots", 6, "spotrunner/linux-arm"))

        def dead() -> list[float]:
            return sorted(each.ended_at for each in cloud.instances() if each.id not in before and each.ended_at)

        eventually(lambda: len(dead()) >= 5, PATIENCE_S)
        text = "the fifth machine of a configuration dies in boot"
        run.faults.append(Fault("ConfigurationsHeld", text, dead()[4], metrics))
        eventually(lambda: _told(cloud, "housekeeping", "ConfigurationHeld"), PATIENCE_S)
        _minutes(meter, 4)

        text = "EC2 refuses two launches for want of a right"
        run.faults.append(Fault("ec2-errors", text, time.time(), metrics))
        cloud.fail_next("CreateFleet", "UnauthorizedOperation", 8)
        stage.github.submit(_workflow(folder, "right", 1, "spotrunner/linux-2cpu"))
        stage.github.submit(_workflow(folder, "rights", 1, "spotrunner/linux-4cpu"))
        _minutes(meter, 7)
    return run


def lost_region(folder: Path) -> Run:
    """One of two regions dies."""
    run = Run()
    with (
        TwoRegions(folder, speed=DEMO_SPEED, settings={"region_lease_s": 300 / DEMO_SPEED}) as stage,
        _measured(run, stage.clouds[REGIONS[0]]) as dying,
        _measured(run, stage.clouds[REGIONS[1]]) as living,
    ):
        eventually(lambda: _told(stage.clouds[REGIONS[1]], "housekeeping", "FleetSeen"), PATIENCE_S)
        _minutes(dying, 8)
        dark = time.time()
        stage.clouds[REGIONS[0]].go_dark()
        eventually(lambda: _told(living.cloud, "housekeeping", "RegionLost"), PATIENCE_S)
        _minutes(living, 4)
    first, second = (f"demo-{region}" for region in REGIONS)
    run.faults.append(Fault("silent", "a region's functions are dead", dark, dying.metrics, first))
    text = "another region's functions are dead, and its lease of five minutes is over"
    run.faults.append(Fault("RegionsLost", text, dark + LEASE_S, living.metrics, second))
    return run


RUNS: dict[str, Callable[[Path], Run]] = {
    "broken upgrade": broken_upgrade,
    "broken claims": broken_claims,
    "bad machines": bad_machines,
    "bad capacity": bad_capacity,
    "lost region": lost_region,
}
"""All with faults in them."""


@contextmanager
def _measured(run: Run, cloud: LocalCloud) -> Iterator[Meter]:
    with Meter(cloud) as meter:
        yield meter
    run.metrics.append((cloud.options.stack, meter.metrics, time.time()))


def _minutes(meter: Meter, count: int) -> None:
    """Let so many minutes of real time go by."""
    time.sleep(60 * count / meter.cloud.options.speed)


def _send(cloud: LocalCloud, queue: wiring.Queue) -> None:
    sqs: Any = cloud.client("sqs")
    url = sqs.get_queue_url(QueueName=f"{cloud.options.stack}-{queue.name}")["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody="nonsense")


def _told(cloud: LocalCloud, function: str, event: str) -> bool:
    return f'"type":"{event}"' in cloud.function_log(function)


def _first(metrics: Metrics, metric: str, queue: str, above: float) -> float:
    """When a queue's metric was first above a value."""
    points = metrics.points["AWS/SQS", metric, frozenset({("QueueName", f"demo-local-{queue}")})]
    return next(metrics.began + point.at / metrics.speed for point in points if point.value > above)


def _workflow(folder: Path, name: str, jobs: int, label: str, command: str = "echo done") -> Path:
    """A workflow of equal jobs with one step."""
    lines = [f"name: {name}", "on: push", "jobs:"]
    for number in range(jobs):
        lines += [f"  {name}{number}:", f"    runs-on: {label}", "    steps:", f"      - run: {command}"]
    path = folder / f"{name}.yml"
    path.write_text("\n".join(lines) + "\n")
    return path
