from __future__ import annotations

import json

import pytest

from runner_agent.aws import Signer
from runner_agent.contract.bundle import Targets
from runner_agent.contract.record import replace
from runner_agent.contract.reports import Result
from runner_agent.contract.sigv4 import Credentials
from runner_agent.logs import Redactor
from runner_agent.telemetry.cloudwatch import stream
from tests.runner_agent.stage import INSTANCE, LOG_SECRET, LOG_TOKEN, Stage
from tests.runner_agent.world import RUN, World, done

ROLE = "arn:aws:iam::000000000000:role/runner-logs"


def targets(**changes: str) -> Targets:
    return replace(Targets("eu-west-1", "", log_group="/spotrunner/runners"), **changes)


def signer(stage: Stage) -> Signer:
    return Signer("eu-west-1", lambda: Credentials("ASIAMACHINE", "b", "c"), stage.url)


def test_the_machines_stream_is_made_once_and_written_in_order_of_time(stage: Stage) -> None:
    send = stream(signer(stage), targets(), "i-1", Redactor())

    send([(2.0, "second"), (1.0, "first")], 5.0)
    send([(3.0, "")], 5.0)

    assert [action for action, _, _ in stage.log_calls] == ["CreateLogStream", "PutLogEvents", "PutLogEvents"]
    assert stage.log_calls[1][1] == {
        "logGroupName": "/spotrunner/runners",
        "logStreamName": "i-1",
        "logEvents": [{"timestamp": 1000, "message": "first"}, {"timestamp": 2000, "message": "second"}],
    }
    assert stage.logged == ["first", "second", " "]


def test_with_a_role_for_logs_the_machine_writes_under_its_own_name(stage: Stage) -> None:
    redactor = Redactor()
    send = stream(signer(stage), targets(log_role=ROLE), "i-1", redactor)

    send([(1.0, "one")], 5.0)
    send([(2.0, "two")], 5.0)

    (asked,) = stage.assumed
    assert (asked["RoleArn"], asked["RoleSessionName"]) == ([ROLE], ["i-1"])
    assert (asked["Tags.member.1.Key"], asked["Tags.member.1.Value"]) == (["machine"], ["i-1"])
    assert {credential for _, _, credential in stage.log_calls} == {"ASIALOGS"}
    assert LOG_SECRET not in redactor.text(f"{LOG_SECRET} {LOG_TOKEN}")


def test_a_stream_that_refuses_is_an_error(stage: Stage) -> None:
    stage.logs_down = True

    with pytest.raises(OSError, match="status 503"):
        stream(signer(stage), targets(), "i-1", Redactor())([(1.0, "one")], 5.0)


def test_a_life_ships_its_own_log_and_what_the_runner_wrote(world: World) -> None:
    world.bake([*RUN, {"say": "[WORKER 2026-11-20 10:00:05Z INFO JobRunner] a step"}, *done()])
    where = replace(world.bundle().targets, log_group="/spotrunner/runners", log_role=ROLE)
    world.grant(world.bundle(targets=where))

    world.live()

    text = "\n".join(world.stage.logged)
    assert "Running job: build" in text
    assert "JobRunner] a step" in text
    assert '"event":"runner_ended"' in text
    assert {body["logStreamName"] for _, body, _ in world.stage.log_calls} == {INSTANCE}
    assert "canary" not in json.dumps([body for _, body, _ in world.stage.log_calls])


def test_row_40_logs_that_cannot_be_shipped_neither_change_nor_hold_up_a_life(world: World) -> None:
    world.bake([*RUN, *done()])
    where = replace(world.bundle().targets, log_group="/spotrunner/runners")
    limits = replace(world.bundle().limits, flush_s=0.5)
    world.grant(world.bundle(targets=where, limits=limits))
    world.stage.logs_down = True

    world.live()

    assert world.last.result is Result.SUCCESS
