"""The whole story, from webhook to power-off, with every process real; and what the verdict sees when it goes wrong."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from controller.local.stage import Stage, wait_until_settled
from controller.local.truth import Summary, judge
from runner_agent.contract.trace import TraceContext

pytestmark = pytest.mark.local_cloud

PATIENCE_S = 90.0


def verdict(stage: Stage) -> Summary:
    return judge(stage.jobs(), list(stage.machines().values()), stage.calls(), stage.processes())


def until(what: Callable[[], object], seconds: float = PATIENCE_S) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, "it did not come in time"
        time.sleep(0.05)


def spans_of(stage: Stage) -> dict[str, list[dict[str, Any]]]:
    """Finished spans by trace id."""
    found = defaultdict(list)
    for line in stage.cloud.traces.read_text().splitlines():
        for resource in json.loads(line)["resourceSpans"]:
            for scope in resource["scopeSpans"]:
                for span in scope["spans"]:
                    found[span["traceId"]].append(span)
    return found


def test_a_job_goes_from_webhook_to_power_off_in_one_trace_and_leaves_nothing(stage: Stage, one_job: Path) -> None:
    stage.github.submit(one_job)

    assert wait_until_settled(stage, PATIENCE_S)
    summary = verdict(stage)
    assert summary.line() == "1 jobs, 0 lost, 0 double launches, 0 machines leaked, 0 processes left"
    assert summary.outcomes == {"success": 1}
    (job,) = stage.jobs()
    context = TraceContext.of_job(job.job_id, 1)
    until(lambda: {"job", "shutdown"} <= {span["name"] for span in spans_of(stage).get(context.trace_id, [])})
    spans = spans_of(stage)
    assert set(spans) == {context.trace_id}
    names = {span["name"] for span in spans[context.trace_id]}
    assert {"intake", "launch", "claim", "download", "listener", "session", "assignment", "shutdown"} <= names
    known = {span["spanId"] for span in spans[context.trace_id]}
    assert context.span_id in known
    assert {span["parentSpanId"] for span in spans[context.trace_id] if span.get("parentSpanId")} <= known


def test_a_delivery_that_comes_three_times_and_a_forged_one_launch_one_machine(stage: Stage, one_job: Path) -> None:
    stage.github.repeat_next(3)
    stage.github.submit(one_job)
    forged = stage.github.send_forged()

    assert wait_until_settled(stage, PATIENCE_S)
    queued = [each for each in stage.github.deliveries if each.action == "queued" and not each.forged]
    assert forged.status_code == 401
    assert [each.status_code for each in queued] == [202, 202, 202]
    assert len(stage.machines()) == 1
    assert verdict(stage).is_good


def test_a_planted_double_launch_is_counted(stage: Stage, one_job: Path) -> None:
    stage.github.submit(one_job)
    until(stage.machines)
    launched = next(iter(stage.cloud.instances()))
    template = stage.cloud.settings.launch_templates.split(",")[0].partition("=")[2]
    stage.cloud.client("ec2").create_fleet(
        Type="instant",
        TargetCapacitySpecification={"TotalTargetCapacity": 1, "DefaultTargetCapacityType": "spot"},
        LaunchTemplateConfigs=[
            {
                "LaunchTemplateSpecification": {"LaunchTemplateId": template, "Version": "$Default"},
                "Overrides": [{"InstanceType": launched.type, "SubnetId": launched.subnet}],
            }
        ],
    )

    assert wait_until_settled(stage, PATIENCE_S)
    summary = verdict(stage)
    assert len(summary.double) == 1
    assert not summary.is_good


def test_a_planted_lost_job_and_a_planted_leak_are_counted(stage: Stage, one_job: Path) -> None:
    """The job's machine is frozen: it neither runs its job nor goes."""
    stage.github.submit(one_job)
    until(stage.cloud.processes)
    for process in stage.cloud.processes():
        subprocess.run(["kill", "-STOP", str(process.pid)], check=False)  # noqa: S607

    summary = verdict(stage)

    assert len(summary.lost) == 1
    assert len(summary.leaked) == 1
    assert summary.processes
    assert not summary.is_good


def test_a_refused_job_says_why_and_launches_nothing(stage: Stage, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.yml"
    wrong.write_text(
        "on: push\njobs:\n  a:\n    runs-on: spotrunner/linux-2cpu/cup=4\n    steps:\n      - run: 'true'\n"
    )
    stage.github.submit(wrong)

    until(lambda: "did you mean 'cpu'?" in stage.cloud.function_log("dispatch"))
    assert stage.machines() == {}


def test_the_secrets_of_the_stack_are_in_nothing_that_was_written(stage: Stage, one_job: Path) -> None:
    stage.github.submit(one_job)
    assert wait_until_settled(stage, PATIENCE_S)

    key = stage.github.private_key_pem.splitlines()[1]
    written = [path for path in stage.run_dir.rglob("*") if path.is_file()]
    texts = {path: path.read_bytes() for path in written}
    assert len(texts) > 5
    for secret in (stage.github.webhook_secret, key):
        assert [path for path, text in texts.items() if secret.encode() in text] == []


def test_the_webhook_function_has_loaded_no_aws_sdk() -> None:
    program = (
        "import sys\n"
        "from controller import lambdas\n"
        "from controller.adapters import telemetry\n"
        "from controller.adapters.aws import signed\n"
        "from controller.adapters.github import webhook\n"
        "from controller.domain import labels\n"
        "print([name for name in ('boto3', 'botocore', 'requests', 'opentelemetry') if name in sys.modules])\n"
    )

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"
