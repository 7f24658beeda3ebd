from __future__ import annotations

from pathlib import Path

import pytest

from controller.local.github.workflow import WorkflowError, parse_workflow, read_workflow

EXAMPLES = Path(__file__).parents[4] / "examples" / "workflows"
JOB = "jobs:\n  build:\n    runs-on: linux\n    steps: [{run: make}]\n"


def test_on_is_a_name_and_not_a_truth() -> None:
    workflow = parse_workflow("on: [push, pull_request]\n" + JOB, "ci.yml")

    assert workflow.events == ("push", "pull_request")


def test_values_are_those_of_yaml_1_2() -> None:
    text = "on: push\nenv: {A: yes, B: on, C: 12:30, D: 010, E: true, F: 1.50, G: 2026-01-02, H: null}\n" + JOB

    env = parse_workflow(text, "ci.yml").env

    assert env == {"A": "yes", "B": "on", "C": "12:30", "D": 10, "E": True, "F": 1.5, "G": "2026-01-02", "H": None}


def test_a_job_keeps_what_is_written() -> None:
    text = """
on: push
name: CI
jobs:
  a:
    runs-on: [self-hosted, "${{ matrix.os }}"]
    steps: [{run: "make\\nmake test"}, {name: Named, run: x}, {uses: actions/checkout@v4}]
  b:
    needs: a
    if: always()
    name: Second
    continue-on-error: true
    timeout-minutes: 5
    outputs: {x: "${{ steps.y.outputs.z }}"}
    runs-on: linux
    steps: [{run: y}]
"""

    jobs = parse_workflow(text, "ci.yml").jobs

    assert [step.name for step in jobs["a"].steps] == ["Run make", "Named", "Run actions/checkout@v4"]
    assert jobs["a"].runs_on == ["self-hosted", "${{ matrix.os }}"]
    assert jobs["a"].condition == "success()"
    assert (jobs["b"].needs, jobs["b"].condition, jobs["b"].name) == (("a",), "always()", "Second")
    assert (jobs["b"].continue_on_error, jobs["b"].timeout_minutes) == (True, 5)


def test_inputs_of_a_dispatch_have_their_defaults() -> None:
    text = "on:\n  workflow_dispatch:\n    inputs:\n      depth: {default: '3'}\n      name:\n" + JOB

    assert parse_workflow(text, "ci.yml").inputs == {"depth": "3", "name": None}


@pytest.mark.parametrize(
    ("job", "reason"),
    [
        ("{runs-on: x, container: debian, steps: [{run: y}]}", "container"),
        ("{runs-on: x, services: {db: {image: postgres}}, steps: [{run: y}]}", "service"),
        ("{uses: ./.github/workflows/other.yml}", "reusable workflow"),
        ("{runs-on: x, steps: [{uses: actions/setup-python@v5}]}", "actions/setup-python@v5"),
        ("{runs-on: x, steps: [{uses: ./local}]}", "./local"),
    ],
)
def test_what_cannot_run_here_is_marked_and_the_rest_is_read(job: str, reason: str) -> None:
    workflow = parse_workflow(f"on: push\n{JOB}  odd: {job}\n", "ci.yml")

    assert reason in workflow.jobs["odd"].unsupported
    assert not workflow.jobs["build"].unsupported


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: [", ["not YAML", "line 1"]),
        ("[]", ["mapping"]),
        ("on: push", ["jobs"]),
        ("on: push\njobs: {}", ["jobs", "add one"]),
        (JOB, ["on", "on: push"]),
        ("on: push\njobs: {a: {steps: [{run: x}]}}", ["job a", "runs-on"]),
        ("on: push\njobs: {a: {runs-on: x}}", ["job a", "steps"]),
        ("on: push\njobs: {a: {runs-on: x, steps: [{name: y}]}}", ["job a, step 1", "run", "uses"]),
        ("on: push\njobs: {a: {runs-on: x, needs: bulid, steps: [{run: y}]}}", ["job a", "'bulid'", "there are a"]),
        (
            "on: push\njobs: {a: {runs-on: x, needs: b, steps: [{run: y}]}, b: {needs: a, uses: x.yml}}",
            ["a, b", "circle"],
        ),
        ("on: push\njobs: {a: {runs-on: x, if: 'a ==', steps: [{run: y}]}}", ["job a, if"]),
        ("on: push\njobs: {a: {runs-on: '${{ x', steps: [{run: y}]}}", ["job a, runs-on"]),
        ("on: push\njobs: {a: {runs-on: x, steps: [{run: '${{ 1 + 1 }}'}]}}", ["job a, step 1"]),
    ],
)
def test_a_mistake_is_told_in_one_line_with_its_place(text: str, words: list[str]) -> None:
    with pytest.raises(WorkflowError) as caught:
        parse_workflow(text, "ci.yml")

    message = str(caught.value)
    assert message.startswith("ci.yml: ")
    assert "\n" not in message
    assert all(word in message for word in words)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(WorkflowError, match=r"nowhere\.yml"):
        read_workflow(tmp_path / "nowhere.yml")


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.yml")), ids=lambda path: path.name)
def test_the_examples_can_be_run_whole(path: Path) -> None:
    workflow = read_workflow(path)

    assert not [job.key for job in workflow.jobs.values() if job.unsupported]
