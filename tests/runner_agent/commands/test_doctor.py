from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from runner_agent.__main__ import main
from runner_agent.aws import Imds
from runner_agent.commands.doctor import CHECKS, Finding, Place, examine
from runner_agent.contract import wire
from runner_agent.contract.bundle import UserData
from tests.runner_agent import runners
from tests.runner_agent.stage import INSTANCE, ROLE_SECRET, ROLE_TOKEN, Stage

NOWHERE = "http://127.0.0.1:9"


def unified(folder: Path) -> tuple[Path, Path]:
    """A machine with version 2 control groups."""
    proc, cgroups = folder / "proc", folder / "cgroup"
    (proc / "self").mkdir(parents=True)
    (proc / "self" / "cgroup").write_text("0::/system.slice/spotrunner-agent.service\n")
    cgroups.mkdir()
    (cgroups / "cgroup.controllers").touch()
    return proc, cgroups


def place(stage: Stage, folder: Path, user: str = "") -> Place:
    proc, cgroups = unified(folder)
    home = folder / "home"
    runners.install(home, [])
    return Place(home, user, Imds(stage.url, timeout=10.0), cgroups, proc)


def findings(at: Place) -> dict[str, Finding]:
    return {finding.name: finding for finding in examine(at)}


def wrong(at: Place) -> dict[str, str]:
    return {name: finding.seen for name, finding in findings(at).items() if not finding.ok}


def test_a_machine_with_everything_is_healthy(stage: Stage, tmp_path: Path) -> None:
    found = findings(place(stage, tmp_path))

    # The disk is the one that the tests happen to run on.
    assert [name for name, finding in found.items() if not finding.ok and name != "disk"] == []
    assert list(found) == list(CHECKS)
    assert found["metadata"].seen.startswith(f"{INSTANCE}, m7i.large")
    assert found["runner"].seen.startswith("2.336.0 in ")


def test_every_complaint_comes_with_a_cure_and_is_about_one_thing(tmp_path: Path) -> None:
    at = Place(tmp_path, "nobody-at-all", Imds(NOWHERE, timeout=1.0), tmp_path, tmp_path)

    found = findings(at)

    complaints = [finding for finding in found.values() if not finding.ok]
    assert {"metadata", "role", "user-data", "claim", "clock", "user", "cgroup"} <= {each.name for each in complaints}
    assert [each.name for each in complaints if not each.cure] == []
    assert [each.name for each in found.values() if each.ok and each.cure] == []


def test_user_data_of_somebody_else_is_told_from_none(stage: Stage, tmp_path: Path) -> None:
    stage.metadata.user_data = "#cloud-config"

    found = wrong(place(stage, tmp_path))

    assert found["user-data"].startswith("the user data is not the agent's")


def test_a_controller_out_of_reach_is_said_so_and_nothing_is_claimed(stage: Stage, tmp_path: Path) -> None:
    stage.metadata.user_data = wire.dumps(UserData(f"{NOWHERE}/claim", "test"))

    found = findings(place(stage, tmp_path))

    assert "cannot be reached" in found["claim"].seen
    assert "NAT gateway" in found["claim"].cure
    assert stage.claims == []


class _Late(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(403)
        self.end_headers()

    def date_time_string(self, timestamp: float | None = None) -> str:  # noqa: ARG002 - http.server's own
        return "Wed, 21 Oct 2015 07:28:00 GMT"

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def another_time() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), _Late) as server:
        thread = threading.Thread(target=lambda: server.serve_forever(poll_interval=0.02))
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}/claim"
        server.shutdown()
        thread.join()


def test_a_clock_out_of_step_is_found_by_the_controllers_date(stage: Stage, tmp_path: Path, another_time: str) -> None:
    stage.metadata.user_data = wire.dumps(UserData(another_time, "test"))

    found = findings(place(stage, tmp_path))

    assert found["claim"].ok
    assert not found["clock"].ok
    assert "s off" in found["clock"].seen


def test_a_baked_in_registration_is_found(stage: Stage, tmp_path: Path) -> None:
    at = place(stage, tmp_path)
    (at.home / "runner" / runners.VERSION / ".credentials").touch()

    assert ".credentials of a former runner" in wrong(at)["runner"]


def test_a_runner_without_its_program_is_found(stage: Stage, tmp_path: Path) -> None:
    at = place(stage, tmp_path)
    (at.home / "runner" / runners.VERSION / "bin" / "Runner.Listener").unlink()

    assert "missing" in wrong(at)["runner"]


def test_jobs_must_not_run_as_root(stage: Stage, tmp_path: Path) -> None:
    assert wrong(place(stage, tmp_path, "root"))["user"] == "root is root"


def test_the_exit_code_and_the_document_say_whether_something_is_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", NOWHERE)
    monkeypatch.setenv("SPOTRUNNER_HOME", str(tmp_path))

    code = main(["doctor", "--json"])

    document = json.loads(capsys.readouterr().out)
    assert (code, document["healthy"]) == (1, False)
    assert [each["name"] for each in document["findings"]] == list(CHECKS)


def test_no_credential_is_shown(
    stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", stage.url)
    monkeypatch.setenv("SPOTRUNNER_HOME", str(tmp_path))

    main(["doctor"])

    shown = capsys.readouterr().out
    assert "ok    role" in shown
    assert ROLE_SECRET not in shown
    assert ROLE_TOKEN not in shown
