"""The machine image in `packer/`: what can be checked of it without building it."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import hcl2
import pytest

from infra.runners import ROOT_DEVICE
from tests.infra.deployed import ROOT

PACKER = ROOT / "packer"
FILES = PACKER / "files"
UNITS = ("spotrunner-agent.service", "spotrunner-deadman.service", "spotrunner-deadman.timer")


def hcl(name: str) -> dict[str, Any]:
    with (PACKER / name).open() as file:
        read: dict[str, Any] = bare(hcl2.load(file))
    return read


def bare(value: Any) -> Any:  # noqa: ANN401 - any value of HCL
    """Without the quotation marks that the parser keeps."""
    if isinstance(value, dict):
        return {bare(key): bare(item) for key, item in value.items()}
    if isinstance(value, list):
        return [bare(item) for item in value]
    return value.strip('"') if isinstance(value, str) else value


def unit(name: str) -> dict[str, list[str]]:
    lines = (line.partition("=") for line in (FILES / name).read_text().splitlines() if re.match(r"\w+=", line))
    found: dict[str, list[str]] = {}
    for key, _, value in lines:
        found.setdefault(key, []).append(value)
    return found


def seconds(text: str) -> int:
    number, of = re.fullmatch(r"(\d+)(h|min|s|)", text).groups()  # type: ignore[union-attr]  # units are ours
    return int(number) * {"h": 3_600, "min": 60, "s": 1, "": 1}[of]


def test_systemd_finds_nothing_to_complain_about_in_the_units(tmp_path: Path) -> None:
    systemd_analyze = shutil.which("systemd-analyze")
    assert systemd_analyze, "systemd-analyze is missing: apt-get install systemd"
    for name in UNITS:
        # Only here is the agent's program not where the image has it.
        text = re.sub("ExecStart=/opt/spotrunner/\\S+", "ExecStart=/bin/true", (FILES / name).read_text())
        (tmp_path / name).write_text(text)

    done = subprocess.run(
        [systemd_analyze, "verify", *(str(tmp_path / name) for name in UNITS)],
        capture_output=True,
        text=True,
        check=False,
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
    agent = unit("spotrunner-agent.service")

    assert agent["SuccessAction"] == ["poweroff"]
    assert agent["FailureAction"] == ["poweroff-force"]
    assert agent["Restart"] == ["no"]
    assert agent["KillMode"] == ["mixed"]
    assert agent["OOMScoreAdjust"] == ["-900"]
    assert agent["OOMPolicy"] == ["continue"]
    assert agent["Delegate"] == ["yes"]
    assert agent["TimeoutStopSec"] == ["45"]


def test_the_dead_mans_timer_strikes_after_everything_else_should_have() -> None:
    longest = seconds(unit("spotrunner-agent.service")["RuntimeMaxSec"][0])

    strikes = seconds(unit("spotrunner-deadman.timer")["OnBootSec"][0])

    assert 6 * 3_600 < longest < strikes
    assert unit("spotrunner-deadman.timer")["Unit"] == ["spotrunner-deadman.service"]
    assert "poweroff --force" in unit("spotrunner-deadman.service")["ExecStart"][0]


def test_the_provision_script_is_sound_shell() -> None:
    script = FILES / "provision.sh"

    done = subprocess.run(["/bin/bash", "-n", str(script)], capture_output=True, text=True, check=False)

    assert (done.returncode, done.stderr) == (0, "")
    assert "set -euo pipefail" in script.read_text()
    assert script.stat().st_mode & 0o111


def test_the_provision_script_checks_the_runner_before_it_unpacks_it() -> None:
    text = (FILES / "provision.sh").read_text()

    assert text.index("curl --fail") < text.index("sha256sum --check --strict") < text.index("tar --extract")


def test_the_provision_script_puts_things_where_the_units_and_the_agent_look_for_them() -> None:
    text = (FILES / "provision.sh").read_text()
    environment = unit("spotrunner-agent.service")["Environment"]

    assert "HOME_DIR=/opt/spotrunner" in text
    assert 'RUNNER_DIR="${HOME_DIR}/runner/${RUNNER_VERSION}"' in text
    assert unit("spotrunner-agent.service")["ExecStart"] == ["/opt/spotrunner/agent/bin/spotrunner-agent run"]
    assert environment == ["SPOTRUNNER_HOME=/opt/spotrunner", "SPOTRUNNER_RUNNER_USER=runner"]
    assert "useradd" in text
    assert " runner" in text


def test_everything_the_image_enables_is_a_unit_it_has() -> None:
    text = (FILES / "provision.sh").read_text()

    (enabled,) = re.findall(r"systemctl enable (.+)", text)

    assert set(enabled.split()) <= set(UNITS)
    assert {path.name for path in FILES.iterdir()} == {*UNITS, "provision.sh"}


def test_an_image_is_built_for_each_architecture_from_canonicals_own() -> None:
    (build,) = hcl("linux.pkr.hcl")["build"]

    sources = {source["amazon-ebs.linux"]["name"]: source["amazon-ebs.linux"] for source in build["source"]}

    assert sources.keys() == {"x64", "arm64"}
    for source in sources.values():
        (image,) = source["source_ami_filter"]
        assert image["owners"] == ["099720109477"]
        assert image["filters"]["architecture"] == ("x86_64" if source["name"] == "x64" else "arm64")
    assert len({source["ami_name"] for source in sources.values()}) == 2


def test_the_images_disk_is_the_one_that_launch_templates_size_and_encrypt() -> None:
    (source,) = hcl("linux.pkr.hcl")["source"]
    (disk,) = source["amazon-ebs"]["linux"]["launch_block_device_mappings"]

    assert disk["device_name"] == ROOT_DEVICE
    assert source["amazon-ebs"]["linux"]["imds_support"] == "v2.0"


def test_every_variable_of_the_image_is_described_and_every_value_declared() -> None:
    variables = {name: body for block in hcl("linux.pkr.hcl")["variable"] for name, body in block.items()}

    values = hcl("runner.auto.pkrvars.hcl").keys() - {"__comments__"}

    assert [name for name, body in variables.items() if not body["description"].endswith(".")] == []
    assert values <= variables.keys()
    assert [name for name in variables if f"var.{name}" not in (PACKER / "linux.pkr.hcl").read_text()] == []


@pytest.mark.parametrize("arch", ["x64", "arm64"])
def test_the_runner_is_pinned_with_a_checksum(arch: str) -> None:
    pinned = hcl("runner.auto.pkrvars.hcl")

    assert re.fullmatch(r"2\.\d+\.\d+", pinned["runner_version"])
    assert re.fullmatch(r"[0-9a-f]{64}", pinned["runner_sha256"][arch])


def test_a_stacks_disk_holds_the_image() -> None:
    variables = {name: body for block in hcl("linux.pkr.hcl")["variable"] for name, body in block.items()}
    smallest = re.search(r'values\.number\("diskGib", (\d+)', (ROOT / "infra" / "config.py").read_text())

    assert smallest
    assert variables["disk_gib"]["default"] <= int(smallest[1])
