"""Rows 1-5 and 47 of the table of failures: the machine before it has a runner."""

from __future__ import annotations

import socket
import threading
from contextlib import ExitStack
from pathlib import Path

import pytest

from runner_agent.aws import Imds
from runner_agent.contract.reports import Result
from runner_agent.lifecycle.machine import Pace
from tests.runner_agent.stage import Stage, raised, until
from tests.runner_agent.world import RUN, World, done


def test_row_01_metadata_that_comes_up_late_is_waited_for(tmp_path: Path) -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        port = held.getsockname()[1]
    early = World(Stage(url=f"http://127.0.0.1:{port}"), tmp_path)
    early.bake([*RUN, *done()])

    early.start()
    until(lambda: early.told("metadata_not_ready"))
    with raised(port) as stage:
        early.stage = stage
        early.grant()
        early.end()

    assert early.last.result is Result.SUCCESS


def test_row_01_a_machine_without_metadata_powers_off(tmp_path: Path) -> None:
    world = World(Stage(url="http://127.0.0.1:9"), tmp_path, pace=Pace(boot_s=0.3))

    world.live()

    assert world.states == ["crash", "poweroff"]


def test_row_02_an_expired_token_is_renewed_once(world: World) -> None:
    folder = world.bake([*RUN, {"until": "go"}, *done()])
    world.grant()

    world.start()
    world.running()
    world.stage.metadata.expire_tokens()
    until(lambda: world.stage.metadata.issued == 2)
    (folder / "go").touch()
    world.end()

    assert world.last.result is Result.SUCCESS
    assert world.stage.metadata.issued == 2


def test_row_03_metadata_that_hangs_never_holds_up_a_job(world: World) -> None:
    folder = world.bake([*RUN, {"until": "go"}, *done()])
    world.grant()
    metadata = Imds(world.stage.url, timeout=0.1)

    world.start(metadata=metadata)
    world.running()
    metadata.credentials()
    world.stage.metadata.hanging = True
    until(lambda: world.told("metadata_unavailable"))
    (folder / "go").touch()
    world.end()

    assert world.last.result is Result.SUCCESS


def test_row_04_a_controller_that_is_down_is_asked_again(world: World) -> None:
    world.bake([*RUN, *done()])
    world.stage.answers += [(503, ""), (429, '{"error":"slow down"}'), (500, "oops")]
    world.grant()

    world.live()

    assert len(world.stage.claims) == 4
    assert world.last.result is Result.SUCCESS


def test_row_04_after_the_claim_deadline_the_machine_powers_off(world: World) -> None:
    world.stage.metadata.user_data = f'{{"claim_url":"{world.stage.url}/claim","stack":"test","claim_deadline_s":0.5}}'
    world.stage.answers.append((503, ""))

    world.live()

    assert world.states == ["claiming", "done", "poweroff"]
    assert "no answer to the claim in time" in world.told("claim_refused")[0]["reason"]
    assert not world.stage.messages


@pytest.mark.parametrize("status", [400, 403, 409, 410])
def test_row_05_a_refused_claim_is_not_repeated(world: World, status: int) -> None:
    world.stage.answers.append((status, '{"error":"not wanted"}'))

    world.live()

    assert len(world.stage.claims) == 1
    assert world.states == ["claiming", "done", "poweroff"]
    assert world.told("claim_refused")[0]["reason"] == f"the claim was refused with {status}: not wanted"


def test_a_bundle_that_cannot_be_read_ends_the_machine(world: World) -> None:
    world.stage.answers.append((200, '{"instance_id": 1}'))

    world.live()

    assert "instance_id: expected str, got int" in world.told("claim_refused")[0]["reason"]


def test_user_data_that_cannot_be_read_ends_the_machine(world: World) -> None:
    world.stage.metadata.user_data = "#!/bin/sh"

    world.live()

    assert world.states == ["crash", "poweroff"]


def test_a_hanging_controller_does_not_hold_the_machine_for_ever(tmp_path: Path) -> None:
    with ExitStack() as stack:
        silent = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        stage = stack.enter_context(raised())
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/claim"
        stage.metadata.user_data = f'{{"claim_url":"{url}","stack":"test","claim_deadline_s":0.2}}'
        stack.enter_context(pytest.MonkeyPatch.context()).setattr("runner_agent.claim.ATTEMPT_S", 0.1)
        world = World(stage, tmp_path)

        world.live()

    assert world.states == ["claiming", "done", "poweroff"]
    assert threading.active_count() < 50
