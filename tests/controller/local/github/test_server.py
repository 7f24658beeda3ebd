from __future__ import annotations

import ast
import socket
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

import controller.local.github
from controller.local.github.config import Config
from controller.local.github.job import Conclusion
from controller.local.github.server import GitHub
from controller.local.github.workflow import WorkflowError
from tests.controller.local.github.stage import QUICK, App, Machine, Receiver, workflow

EXAMPLES = Path(__file__).parents[4] / "examples" / "workflows"
PACKAGE = Path(controller.local.github.__file__).parent


def drive(github: GitHub, app: App, machine: Callable[[str], Machine]) -> list[Machine]:
    """Start a machine for every job that is queued, until every run has ended."""
    machines: dict[int, Machine] = {}

    def fresh() -> list[int]:
        return [job.id for job in github.jobs if job.conclusion is None and job.id not in machines]

    while github.wait_for(lambda: github.finished or bool(fresh()), 20) and not github.finished:
        for job in [job for job in github.jobs if job.id in fresh()]:
            name = f"r-{job.id}"
            machines[job.id] = machine(name).start(app.register(name, *job.labels))
    for each in machines.values():
        each.ends()
    return list(machines.values())


def test_the_example_runs_as_github_would_run_it(
    github: GitHub, app: App, receiver: Receiver, machine: Callable[[str], Machine]
) -> None:
    github.submit(EXAMPLES / "ci.yml")

    drive(github, app, machine)

    conclusions = {job.name: job.conclusion for job in github.jobs}
    assert github.runs[0].conclusion is Conclusion.SUCCESS
    assert conclusions.pop("Next shell (may fail)") is Conclusion.FAILURE
    assert conclusions.pop("Deploy a preview") is Conclusion.SKIPPED
    assert set(conclusions.values()) == {Conclusion.SUCCESS}
    assert len(github.runs) == 1
    report = next(job for job in github.jobs if job.name == "Report")
    assert "package: success (shop:1.4.1-stable-" in github.log_of(report.id)
    ran = len(conclusions) + 1
    actions = Counter(each.payload["action"] for each in receiver.wait_for(3 * ran + 1))
    assert actions == {"queued": ran, "in_progress": ran, "completed": ran + 1}


def test_a_matrix_decided_by_a_job_runs_two_at_a_time(
    github: GitHub, app: App, machine: Callable[[str], Machine]
) -> None:
    github.submit(EXAMPLES / "nightly.yml")

    drive(github, app, machine)

    assert [job.name for job in github.jobs] == ["Plan", "Soak catalogue", "Soak orders", "Soak search"]
    assert {job.conclusion for job in github.jobs} == {Conclusion.SUCCESS}
    first, second, third = github.jobs[1:]
    assert first.completed_at is not None
    assert second.completed_at is not None
    assert third.queued_at >= min(first.completed_at, second.completed_at)


def test_stopping_leaves_no_thread_no_port_and_no_process(tmp_path: Path) -> None:
    before = set(threading.enumerate())
    github = GitHub(Config())
    github.start()
    runner = Machine(github, tmp_path / "m1").start(App(github).register("r1", "box"))
    runner.prints("Listening for Jobs")
    port = int(github.base_url.rpartition(":")[2])

    github.stop()

    assert set(threading.enumerate()) == before
    with socket.socket() as free:
        assert free.connect_ex(("127.0.0.1", port)) != 0
    runner.destroy()
    assert not psutil.pid_exists(runner.pid)


def test_nothing_secret_shows_when_it_is_printed() -> None:
    with GitHub(Config(webhook_secret="canary-of-the-webhook", patience=QUICK)) as github:
        app = App(github)
        encoded = app.register("r1", "box")
        printed = repr((github._config, github._keys, github.runners, github._registry.runners, github.requests))

    for secret in ("canary-of-the-webhook", "PRIVATE KEY", app.token, encoded):
        assert secret not in printed


def test_a_workflow_with_a_mistake_starts_nothing(github: GitHub, tmp_path: Path) -> None:
    with pytest.raises(WorkflowError):
        github.submit(workflow(tmp_path, "jobs: {}"))

    assert github.runs == ()
    assert github.finished


def test_runs_and_repositories_have_names_that_must_exist(github: GitHub, tmp_path: Path) -> None:
    path = workflow(tmp_path, "jobs: {a: {runs-on: x, steps: [{run: x}]}}")

    with pytest.raises(KeyError, match="acme/shop"):
        github.submit(path, "acme/other")
    with pytest.raises(KeyError):
        github.cancel(1)
    assert github.submit(path, "acme/shop").repository == "acme/shop"


def test_the_stub_is_an_outside_system_and_imports_nothing_of_the_platform() -> None:
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            names = [each.name for each in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) and not node.level else []
            ours = [name for name in names if name.split(".")[0] in ("controller", "runner_agent")]
            assert all(name.startswith("controller.local.github") for name in ours), path
            assert not ours or path.parent.name != "stand_in", path
