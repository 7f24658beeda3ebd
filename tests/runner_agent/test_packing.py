"""The agent as it is handed out: a wheel in an empty virtual environment, and one executable file."""

from __future__ import annotations

import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

from runner_agent.packing import pack
from tests.runner_agent.conformance import rig

ROOT = Path(__file__).parents[2]
# Deaf to everything around it: what it can import is what the wheel brought.
ALONE = {"PATH": "/usr/bin:/bin", "AWS_EC2_METADATA_SERVICE_ENDPOINT": "http://127.0.0.1:9"}
STAGE_0 = """
import sys
before = set(sys.modules)
import runner_agent.__main__
loaded = {name.partition(".")[0] for name in set(sys.modules) - before}
print(*sorted(loaded - sys.stdlib_module_names - {"runner_agent"}))
print(*sorted(name for name in sys.modules if name.startswith(("runner_agent.commands", "runner_agent.conformance"))))
print(*sorted({"argparse", "tarfile", "zipfile"} & set(sys.modules)))
"""


def said(*command: str | Path, code: int = 0) -> str:
    done = subprocess.run(command, cwd="/", env=ALONE, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout


def wheel(folder: Path) -> Path:
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check")
    build = (*pip, "wheel", "--quiet", "--no-deps", "--no-index", "--no-build-isolation", "--wheel-dir", folder)
    subprocess.run((*build, ROOT / "runner_agent"), check=True, timeout=120)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The `bin` of an empty virtual environment with nothing but the wheel in it."""
    folder = tmp_path_factory.mktemp("empty")
    venv.create(folder / "venv", with_pip=False, symlinks=True)
    python = folder / "venv" / "bin" / "python"
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", python)
    install = (*pip, "install", "--quiet", "--no-deps", "--no-index", wheel(folder / "wheel"))
    subprocess.run(install, check=True, timeout=120)
    return python.parent


def test_the_installed_agent_explains_itself(installed: Path) -> None:
    agent = installed / "spotrunner-agent"

    assert "spotrunner-agent verify-runner" in said(agent, "--help")
    assert said(agent, "--version").startswith("spotrunner-agent 0.")
    assert said(installed / "python", "-c", "import controller", code=1) == ""


def test_the_installed_agents_doctor_finds_what_is_wrong(installed: Path) -> None:
    assert "things are wrong" in said(installed / "spotrunner-agent", "doctor", code=1)


def test_the_installed_agent_verifies_a_runner(installed: Path, tmp_path: Path) -> None:
    folder = rig.released(tmp_path / "runner")

    shown = said(installed / "spotrunner-agent", "verify-runner", "--dir", folder, "--only", "interrupt")

    assert "1 of 1 promises kept" in shown


def test_what_a_booting_machine_loads_is_the_standard_library_alone(installed: Path) -> None:
    foreign, ours, heavy = said(installed / "python", "-I", "-c", STAGE_0).split("\n")[:3]

    assert (foreign, ours, heavy) == ("", "", "")


def test_the_wheel_holds_the_whole_package_and_nothing_else(installed: Path) -> None:
    (built,) = (installed.parents[1] / "wheel").glob("*.whl")

    with zipfile.ZipFile(built) as archive:
        packed = {name for name in archive.namelist() if ".dist-info/" not in name}
        metadata = next(archive.read(name) for name in archive.namelist() if name.endswith("METADATA")).decode()

    there = {path.relative_to(ROOT).as_posix() for path in (ROOT / "runner_agent").rglob("*.py")}
    assert packed == there
    assert [line for line in metadata.splitlines() if line.startswith("Requires-Dist") and "extra" not in line] == []


def test_the_same_sources_give_the_same_wheel(installed: Path, tmp_path: Path) -> None:
    (first,) = (installed.parents[1] / "wheel").glob("*.whl")

    second = wheel(tmp_path)

    assert second.read_bytes() == first.read_bytes()


def test_the_one_file_runs_with_any_python_and_is_the_same_each_time(tmp_path: Path) -> None:
    first, second = pack(tmp_path / "one"), pack(tmp_path / "two")

    assert first.read_bytes() == second.read_bytes()
    assert first.read_bytes().startswith(b"#!/usr/bin/env python3\n")
    assert said(sys.executable, "-I", first, "--version").startswith("spotrunner-agent 0.")
