"""A stack's file by answering questions; the Pulumi program itself says whether it is one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner, Result

from controller.cli.__main__ import app

GOOD = (
    *("test", "--account", "123456789012", "--app-id", "12", "--image", "linux/x64=ami-0a"),
    *("--email", "on-call@example.com", "--budget", "100"),
)


def new(folder: Path, *words: str, answers: str | None = None) -> Result:
    return CliRunner().invoke(app, ["stack", "new", *words, "--folder", str(folder)], input=answers)


def settings(file: Path) -> dict[str, object]:
    found: dict[str, object] = yaml.safe_load(file.read_text())["config"]
    return found


def test_with_options_for_all_nothing_is_asked(tmp_path: Path) -> None:
    done = new(tmp_path, *GOOD, "--yes")

    assert done.exit_code == 0, done.output
    assert settings(tmp_path / "Pulumi.test-us-east-1.yaml") == {
        "aws:region": "us-east-1",
        "spotrunner:account": "123456789012",
        "spotrunner:appId": "12",
        "spotrunner:githubApiUrl": "https://api.github.com",
        "spotrunner:images": {"linux/x64": "ami-0a"},
        "spotrunner:vpcCidr": "10.80.0.0/16",
        "spotrunner:egress": "public",
        "spotrunner:alertEmails": "on-call@example.com",
        "spotrunner:monthlyBudget": 100,
        "spotrunner:serviceRoles": False,
        "spotrunner:protect": True,
        "spotrunner:build": "build/lambda",
    }
    assert "pulumi up --stack test-us-east-1" in done.output


def test_what_no_option_says_is_asked_with_a_guess(tmp_path: Path) -> None:
    answers = "us-west-2\nnight\n123456789012\n12\nocto\nami-0a\nnat\nme@example.com\n50\n"

    done = new(tmp_path, answers=answers)

    assert done.exit_code == 0, done.output
    written = settings(tmp_path / "Pulumi.night-us-west-2.yaml")
    assert (written["aws:region"], written["spotrunner:egress"]) == ("us-west-2", "nat")
    assert written["spotrunner:images"] == {"linux/x64": "ami-0a"}
    assert "organizations/octo/settings/apps" in done.output


def test_several_regions_are_several_files_that_agree(tmp_path: Path) -> None:
    regions = ("--region", "us-east-1", "--region", "eu-west-1", "--image", "eu-west-1:linux/arm64=ami-0b")

    done = new(tmp_path, *GOOD, *regions, "--json")

    files = [Path(file) for file in json.loads(done.output)["files"]]
    first, second = (settings(file) for file in files)
    assert [file.name for file in files] == ["Pulumi.test-us-east-1.yaml", "Pulumi.test-eu-west-1.yaml"]
    assert first["spotrunner:regions"] == second["spotrunner:regions"] == "us-east-1, eu-west-1"
    assert first["spotrunner:tables"] == second["spotrunner:tables"] == "us-east-1"
    assert (first["spotrunner:vpcCidr"], second["spotrunner:vpcCidr"]) == ("10.80.0.0/16", "10.81.0.0/16")
    assert second["spotrunner:images"] == {"linux/x64": "ami-0a", "linux/arm64": "ami-0b"}


def test_a_vpc_that_is_there_takes_the_place_of_one_of_its_own(tmp_path: Path) -> None:
    done = new(tmp_path, *GOOD, "--vpc", "vpc-0a", "--subnet", "us-east-1a=subnet-0a", "--yes")

    written = settings(tmp_path / "Pulumi.test-us-east-1.yaml")
    assert done.exit_code == 0, done.output
    assert (written["spotrunner:vpc"], written["spotrunner:subnets"]) == ("vpc-0a", {"us-east-1a": "subnet-0a"})
    assert "spotrunner:vpcCidr" not in written


def test_everything_that_is_wrong_is_told_at_once_and_nothing_is_written(tmp_path: Path) -> None:
    done = new(tmp_path, "x", "--account", "12", "--network", "tunnel", "--email", "me", "--yes")

    assert done.exit_code == 1
    assert list(tmp_path.iterdir()) == []
    for word in ("stack 'x-us-east-1'", "account", "appId: missing", "images: missing", "egress", "alertEmails"):
        assert word in done.output


def test_a_file_that_is_there_is_replaced_only_by_force(tmp_path: Path) -> None:
    file = tmp_path / "Pulumi.test-us-east-1.yaml"
    file.write_text("config: {}\n")

    refused = new(tmp_path, *GOOD, "--yes")
    kept = file.read_text()
    forced = new(tmp_path, *GOOD, "--yes", "--force")

    assert (refused.exit_code, kept) == (1, "config: {}\n")
    assert "--force" in refused.output
    assert forced.exit_code == 0
    assert settings(file)["spotrunner:appId"] == "12"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--image", "ami-0a"), "has no `=`"),
        (("--image", "moon:linux/x64=ami-0a"), "'moon' is not one of us-east-1"),
        (("--subnet", "us-east-1a"), "has no `=`"),
    ],
)
def test_an_option_that_can_not_be_read_is_a_wrong_command_line(
    tmp_path: Path, words: tuple[str, ...], told: str
) -> None:
    done = new(tmp_path, *GOOD, *words, "--yes")

    assert done.exit_code == 2
    assert told in " ".join(done.output.split())
