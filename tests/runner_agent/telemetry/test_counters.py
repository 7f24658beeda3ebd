from __future__ import annotations

import os
from pathlib import Path

from runner_agent.telemetry.counters import clear, read
from tests.runner_agent.world import RUN, World, done


def test_counters_are_read_without_their_ids(tmp_path: Path) -> None:
    (tmp_path / "Runner.perf").write_text(
        "\ufeffRunnerProcessStarted:2026-11-20T10:00:00.1234567Z\nMessageReceived_RunnerJobRequest:2026-11-20T10:00:01Z\n",
        "utf-8",
    )
    (tmp_path / "Worker.perf").write_text("WorkerProcessStarted:2026-11-20T10:00:02Z\nnonsense\n:\n", "utf-8")

    found = read(tmp_path)

    assert found == {
        "RunnerProcessStarted": 1_795_168_800.123456,
        "MessageReceived": 1_795_168_801.0,
        "WorkerProcessStarted": 1_795_168_802.0,
    }


def test_what_a_job_puts_in_their_place_is_left_alone(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "Runner.perf")
    (tmp_path / "Worker.perf").symlink_to("/etc/passwd")

    assert read(tmp_path) == {}


def test_a_former_runners_are_forgotten(tmp_path: Path) -> None:
    (tmp_path / "Runner.perf").write_text("SessionCreated:2026-11-20T10:00:00Z\n", "utf-8")

    clear(tmp_path)

    assert read(tmp_path) == {}


def test_the_runners_own_moments_become_spans(world: World) -> None:
    moments = [
        ("Runner.perf", "RunnerProcessStarted", "10:00:00.1000000Z"),
        ("Runner.perf", "SessionCreated", "10:00:01.0000000Z"),
        ("Runner.perf", "StartingWorkerProcess", "10:00:02.0000000Z"),
        ("Worker.perf", "WorkerProcessStarted", "10:00:02.5000000Z"),
        ("Worker.perf", "WorkerJobMessageReceived_1", "10:00:02.7000000Z"),
        ("Worker.perf", "WorkerJobInitialized_1", "10:00:03.0000000Z"),
        ("Worker.perf", "WorkerJobServerQueueAppendFirstConsoleOutput_1", "10:00:02.0000000Z"),
    ]
    world.bake([*({"count": [file, name, f"2026-11-20T{at}"]} for file, name, at in moments), *RUN, *done()])
    world.grant()

    world.live()

    spans = world.stage.spans
    assert {"session.create", "session.message", "worker", "worker.start"} <= spans.keys()
    assert spans["worker"]["startTimeUnixNano"] == str(1_795_168_802 * 10**9)
    assert "worker.output" not in spans
