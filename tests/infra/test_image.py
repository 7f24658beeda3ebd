"""The machine image in `packer/`: what can be checked of it without building it."""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import PurePosixPath
from typing import Any

import hcl2
import pytest

from infra.runners import ROOT_DEVICE
from runner_agent.commands.parser import parse
from runner_agent.commands.units import AGENT, Layout, units
from runner_agent.settings import Settings
from tests.infra.deployed import ROOT

PACKER = ROOT / "packer"
FILES = PACKER / "files"
PROGRAM = PurePosixPath("/opt/spotrunner/agent/bin/spotrunner-agent")


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
    settings = Settings.read({})
    agent = units(Layout(PurePosixPath(settings.home), settings.runner_user, PROGRAM, 6))[AGENT]

    assert f"HOME_DIR={settings.home}\n" in text
    assert 'RUNNER_DIR="${HOME_DIR}/runner/${RUNNER_VERSION}"' in text
    assert f"ExecStart={PROGRAM} run\n" in agent
    assert 'python3 -m venv "${HOME_DIR}/agent"' in text
    assert f"useradd --create-home --shell /bin/bash --user-group {settings.runner_user}" in text


def test_the_image_lets_the_agent_install_itself_with_options_that_it_knows() -> None:
    text = (FILES / "provision.sh").read_text()

    (install,) = re.findall(r'spotrunner-agent" (install .+)', text)

    assert parse(shlex.split(install.replace("${HOME_DIR}", "/opt/spotrunner"))) is not None
    assert [path.name for path in FILES.iterdir()] == ["provision.sh"]


def test_a_runner_that_breaks_its_contract_makes_no_image() -> None:
    text = (FILES / "provision.sh").read_text()

    (verify,) = re.findall(r'spotrunner-agent" (verify-runner .+)', text)

    assert parse(shlex.split(verify.replace("${RUNNER_DIR}", "/opt/spotrunner/runner/2.337.0"))) is not None
    assert "set -euo pipefail" in text
    assert text.index("tar --extract") < text.index("chown -R runner") < text.index("verify-runner")
    steps = text[text.index("install_packages\nmake_user") :].split()
    assert steps.index("make_user") < steps.index("install_agent") < steps.index("install_runner")


def test_the_image_gets_the_agents_own_wheel_and_nothing_from_an_index() -> None:
    text = (FILES / "provision.sh").read_text()

    assert '--no-index --no-deps "${UPLOADS}"/spotrunner_agent-*.whl' in text
    assert "make agent-wheel" in (PACKER / "linux.pkr.hcl").read_text()


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
