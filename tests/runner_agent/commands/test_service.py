from __future__ import annotations

from pathlib import PureWindowsPath

import pytest

from runner_agent.__main__ import main
from runner_agent.commands import service
from runner_agent.commands.steps import Run, carry_out
from runner_agent.commands.units import Layout

HOME = PureWindowsPath(r"C:\spotrunner")
LAYOUT = Layout(HOME, "runner", HOME / "agent/Scripts/spotrunner-agent.exe", 6)


def test_the_service_starts_at_boot_and_its_only_recovery_is_to_shut_down() -> None:
    tried: list[tuple[str, ...]] = []

    def accept(argv: tuple[str, ...]) -> int:
        tried.append(argv)
        return 0

    carry_out(service.installed(LAYOUT), accept)

    create, failure, flag, preshutdown, environment, deadman = tried
    assert create[:3] == ("sc.exe", "create", service.SERVICE)
    assert create[-2:] == ("start=", "auto")
    assert '"C:\\spotrunner\\agent\\Scripts\\spotrunner-agent.exe" run --service' in create
    assert failure[3:] == ("reset=", "0", "command=", service.OFF, "actions=", "run/0")
    assert flag == ("sc.exe", "failureflag", service.SERVICE, "1")
    assert "PreshutdownTimeout" in preshutdown
    assert environment[environment.index("/d") + 1].split("\\0") == [
        "SPOTRUNNER_HOME=C:\\spotrunner",
        "SPOTRUNNER_RUNNER_USER=runner",
        f"SPOTRUNNER_POWER_OFF={service.OFF}",
    ]
    assert deadman[0] == "schtasks.exe"


def test_the_dead_mans_task_waits_longer_than_the_longest_job_from_boot_on() -> None:
    deadman = service.installed(LAYOUT)[-1]

    assert isinstance(deadman, Run)
    words = dict(zip(deadman.argv, deadman.argv[1:], strict=False))
    assert (words["/sc"], words["/ru"], words["/tr"]) == ("onstart", "SYSTEM", service.OFF)
    minutes, _, _ = words["/delay"].partition(":")
    assert int(minutes) == (4 + 6 + 2) * 60
    assert len(minutes) == 4


def test_taking_it_away_is_no_error_where_there_is_nothing() -> None:
    tried: list[tuple[str, ...]] = []

    def refuse(argv: tuple[str, ...]) -> int:
        tried.append(argv)
        return 1_060

    carry_out(service.removed(), refuse)

    assert [argv[0] for argv in tried] == ["schtasks.exe", "sc.exe"]


def test_another_systems_steps_are_shown_but_not_done(capsys: pytest.CaptureFixture[str]) -> None:
    shown = main(["install", "--system", "windows", "--dry-run"])
    done = main(["install", "--system", "windows"])

    assert (shown, done) == (0, 2)
    said = capsys.readouterr()
    assert "run sc.exe create SpotRunnerAgent" in said.out
    assert "this is not a windows machine" in said.err
