from __future__ import annotations

import json
import sys
from itertools import pairwise
from pathlib import Path
from subprocess import run

import pytest

from runner_agent.contract.bundle import SetupGroup
from runner_agent.contract.reports import ReportKind, Result
from runner_agent.lifecycle.states import MOVES, IllegalMove, State, move
from runner_agent.listener.launch import ARTIFACTS, MARK
from tests.runner_agent.runners import jit_config, starts
from tests.runner_agent.stage import INSTANCE, LAUNCHED, until
from tests.runner_agent.world import CONNECT, RUN, World, done

ROOT = Path(__file__).parents[3]


def test_a_normal_life_tells_started_and_finished_and_powers_off(world: World) -> None:
    folder = world.bake([*RUN, *done()])
    world.grant()

    world.live()

    assert world.kinds == [ReportKind.STARTED, ReportKind.FINISHED]
    assert [report.sequence for report in world.stage.reports] == [1, 2]
    assert world.last.result is Result.SUCCESS
    assert world.last.job_name == "build (linux, 3.12)"
    assert len(starts(folder)) == 1
    assert world.states == ["claiming", "preparing", "listening", "running", "draining", "done", "poweroff"]


def test_both_reports_carry_the_phases_reached(world: World) -> None:
    world.bake([*RUN, *done()])
    world.grant()

    world.live()

    started, finished = world.stage.reports
    order = (
        "launched",
        "claiming",
        "claimed",
        "downloaded",
        "listener",
        "connected",
        "listening",
        "assigned",
        "started",
    )
    assert set(order) == started.phases.keys()
    assert {*order, "finished"} <= finished.phases.keys()
    assert all(finished.phases[one] <= finished.phases[next_] for one, next_ in pairwise(order))


def test_spans_continue_the_controllers_trace_with_real_boundaries(world: World) -> None:
    folder = world.bake([*RUN, *done()])
    world.grant()

    world.live()

    spans = world.stage.spans
    assert {"claim", "download", "listener", "session", "assignment", "job", "shutdown"} <= spans.keys()
    assert {(span["traceId"], span["parentSpanId"]) for span in spans.values()} == {("a" * 32, "b" * 16)}
    assert all(int(span["startTimeUnixNano"]) <= int(span["endTimeUnixNano"]) for span in spans.values())
    assert spans["session"]["endTimeUnixNano"] == spans["assignment"]["startTimeUnixNano"]
    handed_in = starts(folder)[0]["environment"]["TRACEPARENT"]
    assert handed_in == f"00-{'a' * 32}-{spans['job']['spanId']}-01" == world.last.traceparent


def test_the_listener_sees_an_extract_of_the_environment(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = world.bake([*RUN, *done()])
    world.grant()
    for name in ("AWS_SECRET_ACCESS_KEY", "NOTIFY_SOCKET", "INVOCATION_ID", "SPOTRUNNER_HOME", "LISTEN_FDS"):
        monkeypatch.setenv(name, "not for jobs")
    monkeypatch.setenv("LC_ALL", "C.UTF-8")

    world.live()

    start = starts(folder)[0]
    environment = start["environment"]
    assert start["argv"] == ["run"]
    assert "not for jobs" not in environment.values()
    assert environment["ACTIONS_RUNNER_INPUT_JITCONFIG"] == jit_config()
    assert environment["ACTIONS_RUNNER_RETURN_JOB_RESULT_FOR_HOSTED"] == "1"
    assert environment["ACTIONS_RUNNER_RETURN_VERSION_DEPRECATED_EXIT_CODE"] == "1"
    assert environment["ACTIONS_RUNNER_PRINT_LOG_TO_STDOUT"] == "1"
    assert environment["LC_ALL"] == "C.UTF-8"
    assert MARK in environment
    assert ARTIFACTS not in environment


def test_a_job_finds_the_place_for_its_artifacts_in_its_environment(world: World) -> None:
    folder = world.bake([*RUN, *done()])
    world.grant(world.bundle(artifacts="s3://kept/deploy/"))

    world.live()

    assert starts(folder)[0]["environment"][ARTIFACTS] == "s3://kept/deploy/"


def test_the_set_up_card_lies_beside_the_runner(world: World) -> None:
    folder = world.bake([*RUN, *done()])
    world.grant(world.bundle(setup=(SetupGroup("SpotRunner", "m7i.large, spot"),)))

    world.live()

    theirs, ours = json.loads(starts(folder)[0]["files"][".setup_info"])
    assert theirs == {"group": "SpotRunner", "detail": "m7i.large, spot"}
    assert ours["group"] == "SpotRunner machine"
    assert f"{INSTANCE} m7i.large" in ours["detail"]
    assert f"Trace: {'a' * 32}" in ours["detail"]
    assert (folder / ".credentials_rsaparams").stat().st_mode & 0o777 == 0o600


def test_the_claim_says_what_the_machine_knows_of_itself(world: World) -> None:
    world.bake([*RUN, *done()])
    world.grant()

    world.live()

    claim = world.stage.claims[0]
    assert (claim.launch_id, claim.baked_runners, claim.ended_runner) == ("launch-1", ("2.336.0",), "")
    headers = world.stage.claim_headers[0]
    assert "/eu-west-1/execute-api/aws4_request" in headers["Authorization"]
    assert "X-Amz-Security-Token" in headers


def test_a_machine_without_tags_in_its_metadata_claims_all_the_same(world: World) -> None:
    world.bake([*RUN, *done()])
    world.grant()
    world.stage.metadata.tags.clear()

    world.live()

    assert world.stage.claims[0].launch_id == ""
    assert world.last.result is Result.SUCCESS


@pytest.mark.parametrize(
    ("told", "code", "result"),
    [
        ("SucceededWithIssues", 101, Result.SUCCESS),
        ("Failed", 102, Result.FAILED),
        ("Canceled", 103, Result.CANCELLED),
        ("Abandoned", 105, Result.ORPHANED),
    ],
)
def test_the_result_is_what_the_listener_says(world: World, told: str, code: int, result: Result) -> None:
    world.bake([*RUN, *done(told, code)])
    world.grant()

    world.live()

    assert (world.last.result, world.last.exit_code) == (result, code)


def test_a_job_that_did_not_succeed_leaves_the_listeners_last_lines(world: World) -> None:
    world.bake([*RUN, {"say": "[WORKER 2026-11-20 10:00:05Z INFO JobRunner] step output"}, *done("Failed", 102)])
    world.grant()

    world.live()

    lines = world.last.last_lines
    assert any("completed with result: Failed" in line for line in lines)
    assert not any("step output" in line for line in lines)


def test_a_runner_that_waits_long_for_its_job_is_reported_as_registered(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runner_agent.lifecycle.witness.REGISTERED_AFTER_S", 0.05)
    world.bake([*CONNECT, {"until": "go"}, *RUN, *done()])
    folder = world.home / "runner" / "2.336.0"
    world.grant()

    world.start()
    until(lambda: ReportKind.REGISTERED in world.kinds)
    (folder / "go").touch()
    world.end()

    assert world.kinds == [ReportKind.REGISTERED, ReportKind.STARTED, ReportKind.FINISHED]


def test_a_long_job_sends_heartbeats(world: World) -> None:
    folder = world.bake([*RUN, {"until": "go"}, *done()])
    world.grant(world.limits(heartbeat_after_s=0.05, heartbeat_every_s=0.05))

    world.start()
    until(lambda: world.kinds.count(ReportKind.HEARTBEAT) >= 2)
    (folder / "go").touch()
    world.end()

    assert world.kinds[0] is ReportKind.STARTED
    assert world.kinds[-1] is ReportKind.FINISHED


def test_the_launch_time_of_the_cloud_begins_the_boot(world: World) -> None:
    world.bake([*RUN, *done()])
    world.grant()

    world.live(born={"agent": 1_795_168_830.0})

    boot = world.stage.spans["boot"]
    assert LAUNCHED == "2026-11-20T10:00:00Z"
    assert boot["startTimeUnixNano"] == str(1_795_168_800 * 10**9)
    assert boot["endTimeUnixNano"] == str(1_795_168_830 * 10**9)


def test_what_only_a_machine_with_work_needs_is_not_waited_for_before_the_claim() -> None:
    code = (
        "import sys, runner_agent.__main__\n"
        "late = ('attendants', 'registration', 'session', 'witness')\n"
        "print([name for name in late if 'runner_agent.lifecycle.' + name in sys.modules])"
    )

    answer = run([sys.executable, "-S", "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)

    assert answer.stdout == "[]\n"


def test_stage_zero_loads_the_standard_library_only() -> None:
    code = (
        "import sys, runner_agent.__main__ as m\n"
        "from runner_agent.lifecycle.life import _load\n"
        "_load()\n"
        "names = {name.partition('.')[0] for name in sys.modules}\n"
        "print(' '.join(sorted(names - set(sys.stdlib_module_names) - {'runner_agent', '__main__'})))\n"
        "heavy = {'dataclasses', 'inspect', 'argparse', 'asyncio', 'tarfile', 'zipfile', 'logging', 'ctypes'}\n"
        "print(' '.join(sorted(names & heavy)))"
    )

    answer = run([sys.executable, "-S", "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)

    assert answer.stdout == "\n\n"


@pytest.mark.parametrize("state", list(State))
def test_from_every_state_the_machine_can_come_to_its_power_off(state: State) -> None:
    reached, frontier = {state}, {state}
    while frontier:
        frontier = {to for here in frontier for to in MOVES[here]} - reached
        reached |= frontier

    assert State.POWEROFF in reached
    assert state in {State.CRASH, State.DONE, State.POWEROFF} or State.CRASH in MOVES[state]


def test_nothing_follows_the_power_off() -> None:
    with pytest.raises(IllegalMove, match="poweroff -> boot"):
        move(State.POWEROFF, State.BOOT)
