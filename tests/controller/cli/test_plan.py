"""`spotrunner plan`: the resolver of production, asked by an operator."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

import controller
from controller.cli.__main__ import app
from controller.cli.plan import Question, plan
from controller.domain.policy import Policy, Rule
from controller.domain.rules import Forks, Rules, Trust
from tests.fakes import samples
from tests.fakes.stack import FakeConfigs

CONFIGS = str(Path(__file__).resolve().parents[3] / "docs" / "configs.json")


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments), env={"COLUMNS": "200"})


def asked(*arguments: str) -> Any:  # noqa: ANN401 - a JSON document
    return json.loads(run("plan", *arguments, "--configs", CONFIGS, "--json").stdout)


def question(*labels: str, **changes: Any) -> Question:  # noqa: ANN401 - fields of the question
    usual: dict[str, Any] = {
        "repository": "octo/hello",
        "environment": "dev",
        "region": "us-east-1",
        "zones": ("us-east-1a", "us-east-1b"),
    }
    return Question(labels, **(usual | changes))


@pytest.mark.parametrize(
    ("labels", "status"),
    [
        (["spotrunner/linux-4cpu"], 0),
        (["self-hosted", "ubuntu-latest"], 0),
        (["build-8cpu"], 0),
        (["runs-on=1/cpu=4"], 0),
        (["spotrunner/linux-4cpu/cpu=64"], 1),
        (["spotrunner/linux-5cpu"], 1),
        (["spotrunner/linux-4cpu/rma=4"], 1),
        (["ubuntu-22.04"], 3),
        (["spotrunner/linux-4cpu/region=eu-west-1"], 3),
    ],
)
def test_a_script_learns_from_the_exit_code(labels: list[str], status: int) -> None:
    assert run("plan", *labels, "--configs", CONFIGS).exit_code == status


def test_a_plan_says_machines_prices_refusals_and_the_labels_to_register() -> None:
    words = run("plan", "self-hosted", "build-8cpu", "--configs", CONFIGS).stdout

    assert "Reads as       spotrunner/linux-4cpu/cpu=8  (alias build-8cpu)" in words
    assert "Rules          no-giants: nothing against it" in words
    assert "c6a.2xlarge      8 vCPU, 16 GiB     $0.1193/h" in words
    assert "us-east-1a, us-east-1b, us-east-1c" in words
    assert "for not common, so only by name: " in words
    assert words.endswith("Registers as   self-hosted, build-8cpu\n")


def test_the_same_as_json() -> None:
    answer = asked("spotrunner/linux-4cpu/disk=100/spot=false")

    machine = answer["machine"]
    assert answer["register"] == ["spotrunner/linux-4cpu/disk=100/spot=false"]
    assert (machine["config"], machine["platform"], machine["disk"]) == ("linux-4cpu", "linux/x64", 100)
    assert {one["rung"] for one in machine["candidates"]} == {"on-demand"}
    assert all(one["usd_per_hour"] > 0 for one in machine["candidates"])


def test_a_price_that_is_not_known_is_not_made_up() -> None:
    candidates = asked("spotrunner/linux-4cpu/family=g5/ram=16")["machine"]["candidates"]

    assert {one["instance_type"] for one in candidates} == {"g5.xlarge"}
    assert not any("usd_per_hour" in one for one in candidates)


def test_a_refusal_stands_first_with_its_rule() -> None:
    words = run("plan", "spotrunner/linux-4cpu/disk=501", "--configs", CONFIGS).stdout

    assert words.startswith("Refused: rule 'no-giants' of this stack does not allow disk=501; it allows at most 500\n")


def test_a_folder_of_documents_is_a_stack_too(tmp_path: Path) -> None:
    (tmp_path / "big.json").write_text('{"cpu": 16}')
    (tmp_path / "bad.json").write_text('{"cpus": 16}')

    assert run("plan", "spotrunner/big", "--configs", str(tmp_path)).exit_code == 0
    broken = run("plan", "spotrunner/bad", "--configs", str(tmp_path))
    assert broken.exit_code == 1
    assert "bad: cpus: there is no such field; cpu: missing" in broken.stdout


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (["spotrunner/a"], 2, "--configs or --stack"),
        (["spotrunner/a", "--stack", "dev"], 1, "stack 'dev' is not <environment>-<region>"),
        (["spotrunner/a", "--configs", "no/such/file"], 2, "does not exist"),
        ([], 2, "Missing argument"),
    ],
)
def test_a_wrong_command_line_says_what_is_wrong(arguments: list[str], status: int, words: str) -> None:
    ended = run("plan", *arguments)

    assert ended.exit_code == status
    assert words in ended.output


def test_a_routing_document_that_is_wrong_is_told_with_its_fields(tmp_path: Path) -> None:
    (tmp_path / "_routing.json").write_text('{"grammar": {}}')

    ended = run("plan", "spotrunner/a", "--configs", str(tmp_path))

    assert ended.exit_code == 1
    assert "_routing: grammar: there is no such field" in ended.output


def test_help_shows_examples_and_the_version_is_told() -> None:
    assert "spotrunner plan spotrunner/linux-4cpu/ram=16" in run("plan", "--help").stdout
    assert run("--version").stdout == f"spotrunner {controller.__version__}\n"


def test_a_fork_is_shown_what_the_policy_makes_of_it() -> None:
    configs = FakeConfigs(samples.config(), samples.config("fork"))
    configs.stack_rules = Rules(forks=Forks(Trust.ROUTE, "fork"))

    trusted = plan(question("spotrunner/linux-4cpu"), configs)
    forked = plan(question("spotrunner/linux-4cpu", fork=True), configs)

    assert trusted.machine is not None
    assert forked.machine is not None
    assert (trusted.machine.config, forked.machine.config) == ("linux-4cpu", "fork")


def test_every_filter_that_was_asked_is_listed_with_what_it_took() -> None:
    configs = FakeConfigs(samples.config(extra_labels=("fast",)))
    configs.stack_rules = Rules(policy=Policy(rules=(Rule("amd-only", families=("c?a", "m?a")),)))

    found = plan(question("spotrunner/linux-4cpu"), configs)

    assert found.machine is not None
    assert {one.instance_type.partition(".")[0] for one in found.machine.candidates} == {"c6a", "c7a", "m7a"}
    assert [one.filter for one in found.machine.refused][-1] == "rule 'amd-only'"
    assert found.register == ("spotrunner/linux-4cpu", "fast")
