"""Rows 36-45 of the table of failures: crashes, the queue, secrets, floods."""

from __future__ import annotations

from typing import NoReturn

import pytest

from runner_agent.aws import Imds
from runner_agent.cloud import Command, MetadataUnavailable
from runner_agent.contract.record import replace
from runner_agent.contract.reports import ReportKind, Result
from runner_agent.contract.sigv4 import Credentials
from runner_agent.posix import PosixProcess, PosixTree
from tests.runner_agent.runners import JIT_SECRET, alive, jit_config, starts
from tests.runner_agent.stage import ROLE_SECRET, ROLE_TOKEN, until
from tests.runner_agent.world import RUN, World, done


class Blow(Exception):
    """Something that nobody has foreseen."""


def blow(*_: object, **__: object) -> NoReturn:
    raise Blow("unforeseen")


@pytest.mark.parametrize("method", ["identity", "user_data", "tag"])
def test_row_36_whatever_fails_before_the_claim_the_machine_powers_off(
    world: World, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    monkeypatch.setattr(Imds, method, blow)

    world.live()

    assert world.states[-2:] == ["crash", "poweroff"]
    assert world.told("agent_crash")[0]["error"] == "Blow: unforeseen"


@pytest.mark.parametrize(
    "place",
    [
        "runner_agent.lifecycle.registration.prepare",
        "runner_agent.lifecycle.registration.command",
        "runner_agent.lifecycle.registration.outcome_of",
        "runner_agent.lifecycle.session.decide",
        "runner_agent.lifecycle.session.drain",
        "runner_agent.lifecycle.witness.Telling.heard",
        "runner_agent.download.ensure",
        "runner_agent.posix.PosixTree.start",
        "runner_agent.posix.PosixProcess.wait",
        "runner_agent.posix.PosixProcess.ask_to_stop",
        "runner_agent.aws.Imds.interruption",
    ],
)
def test_row_36_whatever_fails_after_the_claim_is_reported_and_no_runner_stays(
    world: World, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    folder = world.bake([*RUN, {"wait": 600}])
    world.grant(world.limits(job_s=0.2))
    monkeypatch.setattr(place, blow)

    world.live()

    if place.endswith("outcome_of"):
        assert world.kinds == [ReportKind.STARTED, ReportKind.FINISHED]
    assert (world.last.kind, world.last.result) == (ReportKind.FINISHED, Result.AGENT_CRASH)
    assert world.last.reason == "Blow: unforeseen"
    assert not any(alive(start["pid"]) for start in starts(folder))


@pytest.mark.parametrize("place", ["runner_agent.lifecycle.story.Story.report", "runner_agent.logs.Log.__call__"])
def test_row_36_even_when_nothing_can_be_told_the_machine_powers_off(
    world: World, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    folder = world.bake([*RUN, {"wait": 600}])
    world.grant()
    monkeypatch.setattr(place, blow)

    world.live()

    assert world.switch.used == 1
    assert not any(alive(start["pid"]) for start in starts(folder))


def test_row_36_a_runner_that_cannot_be_killed_does_not_keep_the_machine_on(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = world.bake([*RUN, *done()])
    world.grant()
    monkeypatch.setattr(PosixProcess, "kill", blow)

    world.live()

    assert world.last.result is Result.AGENT_CRASH
    assert starts(folder)


def test_row_40_reports_survive_a_queue_that_is_down_for_a_while(world: World) -> None:
    folder = world.bake([*RUN, {"until": "go"}, *done()])
    world.grant()
    world.stage.queue_down = True

    world.start()
    until(lambda: list((world.home / "spool").glob("*-started.json")))
    world.stage.queue_down = False
    (folder / "go").touch()
    world.end()

    assert world.kinds == [ReportKind.STARTED, ReportKind.FINISHED]
    assert not list((world.home / "spool").iterdir())


def test_row_40_a_queue_that_stays_down_delays_the_power_off_by_the_flush_limit_only(world: World) -> None:
    world.bake([*RUN, *done()])
    world.grant(world.limits(flush_s=0.5))
    world.stage.queue_down = True

    world.live()

    assert world.told("reports_lost")
    assert len(list((world.home / "spool").glob("*.json"))) == 2


def test_row_44_no_secret_shows_up_anywhere(world: World) -> None:
    leaks = [ROLE_SECRET, ROLE_TOKEN, JIT_SECRET, jit_config(), "canary-client-id-1234", "ghs_" + "a1B2" * 10]
    told = [{"say": f"[RUNNER 2026-11-20 10:00:05Z ERR Runner] {leak}"} for leak in leaks]
    job = {"say": f"2026-11-20 10:00:03Z: Running job: {' '.join(leaks)}"}
    folder = world.bake([*told, job, *told, *done("Failed", 102)])
    world.grant()

    world.live()

    everything = "\n".join([world.log.getvalue(), *world.stage.messages, str(world.stage.traces)])
    assert world.last.last_lines
    assert not [leak for leak in leaks if leak in everything]
    assert "canary" not in everything
    assert "canary" not in " ".join(starts(folder)[0]["argv"])


def test_row_45_a_flood_without_newlines_neither_blocks_the_runner_nor_fills_the_memory(world: World) -> None:
    folder = world.bake([*RUN, {"flood": 40_000_000}, *done()])
    world.grant()

    world.live()

    assert world.last.result is Result.SUCCESS
    assert world.told("runner_ended")[0]["dropped_bytes"] > 30_000_000
    assert len(starts(folder)) == 1


class Blocked(PosixTree):
    """A machine on which nothing can be started."""

    def start(self, command: Command) -> NoReturn:
        raise PermissionError(f"{command.argv[0]}: not permitted")


def test_a_runner_that_may_not_be_started_is_unavailable(world: World) -> None:
    world.bake([])
    world.grant()

    world.live(tree=Blocked())

    assert world.last.result is Result.RUNNER_UNAVAILABLE


class Unsure(Imds):
    """Metadata without role credentials for a while."""

    failures = 2

    def credentials(self) -> Credentials:
        if self.failures:
            self.failures -= 1
            raise MetadataUnavailable("role: not there")
        return super().credentials()


def test_credentials_that_come_late_are_waited_for(world: World) -> None:
    world.bake([*RUN, *done()])
    world.grant()

    world.live(metadata=Unsure(world.stage.url))

    assert world.last.result is Result.SUCCESS


def test_without_a_queue_or_a_collector_the_job_runs_all_the_same(world: World) -> None:
    folder = world.bake([*RUN, *done()])
    targets = replace(world.bundle().targets, reports_queue_url="", otlp_endpoint="")
    world.grant(world.bundle(targets=targets, traceparent=""))

    world.live()

    assert not world.stage.messages
    assert not world.stage.traces
    assert world.states[-2:] == ["done", "poweroff"]
    assert starts(folder)[0]["environment"]["TRACEPARENT"] == ""
