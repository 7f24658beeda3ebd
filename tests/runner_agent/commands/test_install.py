from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path, PurePosixPath

import pytest

from runner_agent.__main__ import main
from runner_agent.commands.install import off_linux, on_linux
from runner_agent.commands.steps import Remove, Run, StepFailed, Write, carry_out
from runner_agent.commands.units import AGENT, DEADMAN, TIMER, Layout, units

LAYOUT = Layout(PurePosixPath("/opt/spotrunner"), "runner", PurePosixPath("/opt/spotrunner/bin/agent"), 6)


def values(unit: str, layout: Layout = LAYOUT) -> dict[str, str]:
    lines = (line.partition("=") for line in units(layout)[unit].splitlines() if re.match(r"\w+=", line))
    return {key: value for key, _, value in lines}


def hours(text: str) -> int:
    return int(text.removesuffix("h"))


def test_systemd_finds_nothing_to_complain_about_in_the_installed_units(tmp_path: Path) -> None:
    systemd_analyze = shutil.which("systemd-analyze")
    assert systemd_analyze, "systemd-analyze is missing: apt-get install systemd"
    home = tmp_path / "home"
    home.mkdir()
    words = ["--root", str(tmp_path), "--home", str(home), "--user", "somebody", "--program", "/bin/true"]
    assert main(["install", "--system", "linux", *words]) == 0
    installed = [tmp_path / "etc/systemd/system" / name for name in (AGENT, DEADMAN, TIMER)]

    done = subprocess.run(
        [systemd_analyze, "verify", *map(str, installed)], capture_output=True, text=True, check=False
    )

    # It ends with 0 even where it has found a misspelt setting.
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_systemd_would_complain_about_a_misspelt_setting(tmp_path: Path) -> None:
    systemd_analyze = shutil.which("systemd-analyze")
    assert systemd_analyze, "systemd-analyze is missing: apt-get install systemd"
    broken = tmp_path / "broken.service"
    broken.write_text("[Service]\nExecStart=/bin/true\nKilMode=mixed\n")

    done = subprocess.run([systemd_analyze, "verify", str(broken)], capture_output=True, text=True, check=False)

    assert "KilMode" in done.stderr


def test_the_machine_ends_when_the_agent_does_however_that_is() -> None:
    agent = values(AGENT)

    assert agent["SuccessAction"] == "poweroff"
    assert agent["FailureAction"] == "poweroff-force"
    assert (agent["Restart"], agent["KillMode"], agent["Delegate"]) == ("no", "mixed", "yes")
    assert (agent["OOMScoreAdjust"], agent["OOMPolicy"]) == ("-900", "continue")
    assert agent["TimeoutStopSec"] == "45"


def test_a_stuck_agent_is_missed_soon() -> None:
    agent = values(AGENT)

    assert (agent["Type"], agent["NotifyAccess"]) == ("notify", "main")
    assert agent["WatchdogSec"] == "30"


@pytest.mark.parametrize("longest", [1, 6, 72])
def test_the_dead_mans_timer_strikes_after_everything_else_should_have(longest: int) -> None:
    layout = Layout(LAYOUT.home, LAYOUT.user, LAYOUT.program, longest)

    agent, strikes = values(AGENT, layout), values(TIMER, layout)

    assert longest < hours(agent["RuntimeMaxSec"]) < hours(strikes["OnBootSec"])
    assert strikes["Unit"] == DEADMAN
    assert "poweroff --force" in values(DEADMAN)["ExecStart"]


def test_an_image_gets_its_units_enabled_without_a_running_systemd(tmp_path: Path) -> None:
    carry_out(on_linux(LAYOUT, tmp_path))

    folder = tmp_path / "etc/systemd/system"
    assert (folder / "multi-user.target.wants" / AGENT).resolve() == (folder / AGENT).resolve()
    assert (folder / "timers.target.wants" / TIMER).resolve() == (folder / TIMER).resolve()
    assert (folder / AGENT).stat().st_mode & 0o777 == 0o644
    assert "ExecStart=/opt/spotrunner/bin/agent run\n" in (folder / AGENT).read_text()


def test_installing_twice_is_installing_once(tmp_path: Path) -> None:
    carry_out(on_linux(LAYOUT, tmp_path))
    before = sorted(path for path in tmp_path.rglob("*"))

    carry_out(on_linux(LAYOUT, tmp_path))

    assert sorted(path for path in tmp_path.rglob("*")) == before


def test_uninstalling_leaves_nothing_behind_and_works_twice(tmp_path: Path) -> None:
    carry_out(on_linux(LAYOUT, tmp_path))

    carry_out(off_linux(tmp_path))
    carry_out(off_linux(tmp_path))

    assert [path for path in tmp_path.rglob("*") if not path.is_dir()] == []


def test_a_dry_run_shows_every_step_and_does_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["install", "--system", "linux", "--root", str(tmp_path), "--dry-run"]) == 0

    shown = capsys.readouterr().out
    assert f"write {tmp_path}/etc/systemd/system/{AGENT}" in shown
    assert "WatchdogSec=" in shown
    assert list(tmp_path.iterdir()) == []


def test_the_steps_can_be_read_by_a_machine(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["uninstall", "--system", "linux", "--root", str(tmp_path), "--dry-run", "--json"])

    steps = json.loads(capsys.readouterr().out)

    assert {step["step"] for step in steps} == {"remove"}


def test_a_step_that_fails_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(StepFailed, match=r"write .*file/unit"):
        carry_out([Write(tmp_path / "file" / "unit", "")])


def test_a_command_that_fails_is_named_unless_it_may() -> None:
    tried: list[tuple[str, ...]] = []

    def refuse(argv: tuple[str, ...]) -> int:
        tried.append(argv)
        return 5

    carry_out([Run(("systemctl", "stop", TIMER), may_fail=True)], refuse)
    with pytest.raises(StepFailed, match="systemctl daemon-reload: ended with 5"):
        carry_out([Run(("systemctl", "daemon-reload")), Remove(Path("/never"))], refuse)

    assert len(tried) == 2


@pytest.mark.parametrize("hours_given", ["0", "121", "six"])
def test_a_life_without_sense_is_refused(hours_given: str) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["install", "--dry-run", "--longest-job", hours_given])

    assert ended.value.code == 2
