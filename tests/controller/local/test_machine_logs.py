"""Each machine's log is in the stream of its own name, written in the role that it took under that name."""

from __future__ import annotations

from pathlib import Path

import boto3
import pytest
from botocore.exceptions import ClientError

from controller import wiring
from controller.local.aws.principals import PrincipalKind
from controller.local.stage import Stage, wait_until_settled

pytestmark = pytest.mark.local_cloud

PATIENCE_S = 120.0

TWO_JOBS = """\
name: Two
on: push
jobs:
  two:
    runs-on: spotrunner/linux-2cpu
    strategy:
      matrix:
        number: [1, 2]
    steps:
      - run: echo a line of the job
"""


def test_every_machine_ships_its_own_log_and_it_can_be_read_where_it_lies(stage: Stage, tmp_path: Path) -> None:
    workflow = tmp_path / "two.yml"
    workflow.write_text(TWO_JOBS)
    stage.github.submit(workflow)

    assert wait_until_settled(stage, PATIENCE_S)

    machines = set(stage.machines())
    logs = stage.cloud.client("logs")
    group = wiring.runner_log(stage.cloud.options.stack)
    streams = {found["logStreamName"] for found in logs.describe_log_streams(logGroupName=group)["logStreams"]}
    assert streams == machines
    assert len(machines) == 2
    for machine in machines:
        shipped = stage.cloud.machine_log(machine)
        events = logs.get_log_events(logGroupName=group, logStreamName=machine)["events"]
        assert f"spotrunner-{machine}" in shipped
        assert not any(other in shipped for other in machines - {machine})
        assert '"event":"runner_ended"' in shipped
        assert shipped.split("\n")[0] == events[0]["message"].split("\n")[0]
    writers = {
        (call.kind, call.principal, call.resource) for call in stage.cloud.calls if call.action == "PutLogEvents"
    }
    assert writers == {(PrincipalKind.SESSION, machine, group) for machine in machines}


def test_a_machine_that_says_to_be_another_gets_no_session(stage: Stage, one_job: Path) -> None:
    stage.github.submit(one_job)
    assert wait_until_settled(stage, PATIENCE_S)
    (machine,) = stage.cloud.instances()
    keys = next(
        issued.keys
        for issued in stage.cloud._credentials._issued.values()
        if (issued.principal.kind, issued.principal.name) == (PrincipalKind.INSTANCE, machine.id)
    )
    session = boto3.Session(keys.access_key, keys.secret_key, keys.token, region_name="us-east-1")
    sts = session.client("sts", endpoint_url=stage.cloud.front_url)

    def name(instance_id: str) -> str:
        tags = [{"Key": "machine", "Value": instance_id}]
        role = stage.cloud.settings.log_role
        answer = sts.assume_role(RoleArn=role, RoleSessionName="whoever", Tags=tags)
        return str(answer["AssumedRoleUser"]["Arn"])

    try:
        own = name(machine.id)
        with pytest.raises(ClientError, match="not authorized to perform: sts:AssumeRole") as refused:
            name("i-00000000000000000")
    finally:
        sts.close()

    assert own.endswith("-machine-log/whoever")
    assert refused.value.response["Error"]["Code"] == "AccessDenied"
