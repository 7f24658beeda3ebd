from __future__ import annotations

import itertools
from datetime import UTC, datetime
from typing import Any

import yaml

from controller.local.github.job import Conclusion, RunnerRef
from controller.local.github.scheduler import Ending, Run
from controller.local.github.single_job import LABEL, OUTPUTS_STEP, rewrite, step_names
from controller.local.github.workflow import parse_workflow

NOW = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)
WORKFLOW = """
on: push
name: CI
env: {APP: shop, RUN: "${{ github.run_id }}"}
defaults: {run: {shell: sh}}
jobs:
  build:
    runs-on: big
    outputs: {version: "${{ steps.v.outputs.version }}", plain: fixed}
    steps: [{id: v, run: "echo version=1 >> $GITHUB_OUTPUT"}]
  test:
    needs: build
    runs-on: "${{ matrix.os }}"
    timeout-minutes: 7
    strategy: {matrix: {os: [x, y]}}
    env: {VERSION: "${{ needs.build.outputs.version }}"}
    steps:
      - uses: actions/checkout@v4
        with: {fetch-depth: 0}
      - name: On ${{ matrix.os }}
        if: matrix.os == 'y' && failure()
        run: echo "${{ needs.build.outputs.version }} ${{ env.APP }} ${{ runner.name }} ${{ runner.temp }}"
      - run: echo ${{ github.sha }} ${{ github.workspace }}
        if: false
        continue-on-error: ${{ matrix.os == 'x' }}
"""


def started() -> Run:
    ids = itertools.count(1)
    github = {"run_id": "17900000001", "sha": "abc", "ref": "refs/heads/main", "event_name": "push"}
    run = Run(parse_workflow(WORKFLOW, "ci.yml"), github, lambda: next(ids))
    run.start(NOW)
    return run


def at_test() -> Run:
    run = started()
    build = run.jobs[0].id
    run.begin(build, RunnerRef(1, "r", 1, "Default"), NOW)
    run.finish(build, Ending(Conclusion.SUCCESS, outputs={"version": "1.4 'rc'"}), NOW)
    return run


def rewritten(run: Run, position: int) -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load(rewrite(run, run.jobs[position].id, "runner-1"))
    return document


def test_the_job_stands_alone_on_a_plain_label() -> None:
    document = rewritten(at_test(), 2)

    job = document["jobs"]["test"]
    assert list(document["jobs"]) == ["test"]
    assert job["runs-on"] == LABEL
    assert not {"needs", "strategy", "if", "outputs"} & set(job)
    assert document["env"] == {"APP": "shop", "RUN": "17900000001"}
    assert document["defaults"] == {"run": {"shell": "sh"}}


def test_what_github_knows_is_put_in_and_the_rest_stays() -> None:
    steps = rewritten(at_test(), 2)["jobs"]["test"]["steps"]

    assert steps[1]["name"] == "On y"
    assert steps[1]["run"] == "echo \"1.4 'rc' ${{ env.APP }} runner-1 ${{ runner.temp }}\""
    assert steps[2]["run"] == "echo abc ${{ github.workspace }}"
    assert steps[2]["continue-on-error"] is False


def test_conditions_are_folded_but_still_ask_for_the_status() -> None:
    steps = rewritten(at_test(), 2)["jobs"]["test"]["steps"]

    assert steps[1]["if"] == "${{ true && failure() }}"
    assert steps[2]["if"] == "${{ success() && false }}"


def test_a_checkout_becomes_a_note() -> None:
    checkout = rewritten(at_test(), 1)["jobs"]["test"]["steps"][0]

    assert checkout["name"] == "Run actions/checkout@v4"
    assert not {"uses", "with"} & set(checkout)
    assert "repository contents" in checkout["run"]


def test_outputs_are_printed_by_a_last_step_whatever_happened() -> None:
    last = rewritten(started(), 0)["jobs"]["build"]["steps"][-1]

    assert last["id"] == OUTPUTS_STEP
    assert last["if"] == "${{ always() }}"
    assert last["env"] == {"OUT_0": "${{ steps.v.outputs.version }}", "OUT_1": "fixed"}


def test_steps_are_known_by_id_or_position() -> None:
    run = at_test()

    assert step_names(run, run.jobs[0].id, "r") == [{"id": "v", "name": "Run echo version=1 >> $GITHUB_OUTPUT"}]
    names = [dict(each) for each in step_names(run, run.jobs[2].id, "r") if isinstance(each, dict)]
    assert [(each["id"], each["name"]) for each in names[:2]] == [("0", "Run actions/checkout@v4"), ("1", "On y")]
