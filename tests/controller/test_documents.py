"""What operators write: every fault at once, each by its field."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from controller.cli import make_schema
from controller.documents import BadDocument, rules, runner_config
from controller.domain.fleet_config import Retry, RunnerConfig, Span
from controller.domain.grammars.aliases import Alias
from controller.domain.rules import Forks, Rules, Trust

DOCS = Path(__file__).resolve().parents[2] / "docs"


def faults(read: Any, *arguments: str) -> tuple[str, ...]:  # noqa: ANN401 - either reader
    with pytest.raises(BadDocument) as bad:
        read(*arguments)
    return bad.value.faults


def test_every_fault_of_a_configuration_is_told_at_once_by_its_field() -> None:
    document = {
        "ram": "8+4",
        "oss": "linux",
        "arch": "riscv",
        "families": ["c7g!"],
        "images": {"u": "latest"},
        "image": "v",
        "disk": 0,
        "job_limit_s": -1,
        "extra_labels": ["a,b"],
        "root_device": "sda1",
        "retry": "twice",
    }

    assert faults(runner_config, "c", json.dumps(document)) == (
        "oss: there is no such field",
        "cpu: missing",
        "arch: 'riscv' is not one of x64, arm64",
        "ram: 8+4 is an empty range",
        "retry: 'twice' is not one of false, job, run",
        "families: 'c7g!' is not one like c7g, c7* or c7g.large",
        "images: 'latest' is not the id of an AMI",
        "disk: 0 is not between 1 and 16384",
        "root_device: 'sda1' is not one like /dev/sda1",
        "extra_labels: 'a,b' is not a label",
        "job_limit_s: -1 is not between 1 and 432000",
        "image: 'v' is not one of images",
    )


def test_a_runner_group_by_name_is_an_organisations() -> None:
    group = {"cpu": 2, "runner_group": "trusted builds"}

    assert faults(runner_config, "c", json.dumps(group)) == (
        "runner_group: only an organisation has groups; set organization to true",
    )
    assert runner_config("c", json.dumps({**group, "organization": True})).runner_group == "trusted builds"


def test_runners_of_an_enterprise_are_refused_with_the_reason_and_the_cure() -> None:
    (fault,) = faults(runner_config, "c", '{"cpu": 2, "enterprise": "acme"}')

    assert fault == (
        "enterprise: GitHub lets no App register runners of an enterprise, only a person's classic token; "
        "set organization to true, and install the App in each of its organisations"
    )


def test_a_whole_configuration_is_read() -> None:
    found = runner_config("c", '{"cpu": "2+4", "images": {"u": "ami-1"}, "image": "u", "disk": 80, "retry": "run"}')

    assert (found.cpu, found.images, found.image, found.disk) == (Span(2, 4), {"u": "ami-1"}, "u", 80)
    assert found.retry is Retry.RUN


@pytest.mark.parametrize("cpu", ["0", 0, "-1", "1e3", "\u0664"])
def test_a_machine_without_processors_is_none(cpu: object) -> None:
    assert faults(runner_config, "c", json.dumps({"cpu": cpu}))[0].startswith("cpu:")


def test_the_rules_are_read_whole() -> None:
    found = rules(
        json.dumps(
            {
                "grammars": {"runs-on": "small"},
                "aliases": [{"match": "^a-(b)$", "to": "spotrunner/$1", "regex": True}],
                "policy": {"repositories": ["octo/*"], "rules": [{"name": "r", "most": {"cpu": 4}}]},
                "forks": {"trust": "route", "config": "small"},
                "matchers": [{"matcher": {"key": "spotrunner/a", "sets": [["x", "y"]], "mode": "loose"}}],
            }
        )
    )

    assert found.aliases == (Alias("^a-(b)$", "spotrunner/$1", regex=True),)
    assert found.policy.rules[0].most == {"cpu": 4.0}
    assert found.forks == Forks(Trust.ROUTE, "small")
    assert found.matchers[0].matcher.sets == (("x", "y"),)
    assert rules("{}") == Rules()


def test_every_fault_of_the_rules_is_told_at_once() -> None:
    document = {
        "grammar": {},
        "aliases": [{"match": "(a+)+", "to": "spotrunner/a", "regex": True}],
        "policy": {"rules": [{"name": "r", "mots": {"cpu": 4}}]},
        "forks": {"trust": "perhaps"},
    }

    found = faults(rules, json.dumps(document))

    assert found[0] == "grammar: there is no such field"
    assert {fault.partition(":")[0] for fault in found[1:]} == {"aliases[0]", "policy.rules[0].mots", "forks.trust"}


@pytest.mark.parametrize("text", ["", "[]", "{", "null", "[" * 100_000])
def test_a_text_that_is_no_object_is_one_fault(text: str) -> None:
    assert faults(rules, text)[0].startswith("document: ")
    assert faults(runner_config, "c", text)[0].startswith("document: ")


@pytest.mark.parametrize("name", list(make_schema.schemas()))
def test_the_published_schema_is_the_one_that_is_made(name: str) -> None:
    assert (DOCS / "schema" / name).read_text() == make_schema.schemas()[name], (
        "run python -m controller.cli.make_schema"
    )


EXAMPLES: dict[str, Any] = json.loads((DOCS / "configs.json").read_text())
SCHEMAS = {name: json.loads(text) for name, text in make_schema.schemas().items()}


def schema_of(name: str) -> Any:  # noqa: ANN401 - a JSON Schema
    return SCHEMAS["routing.schema.json" if name == "_routing" else "runner-config.schema.json"]


@pytest.mark.parametrize("name", list(EXAMPLES))
def test_the_examples_fit_the_schema_and_are_read(name: str) -> None:
    jsonschema.validate(EXAMPLES[name], schema_of(name))

    text = json.dumps(EXAMPLES[name])
    assert isinstance(rules(text) if name == "_routing" else runner_config(name, text), Rules | RunnerConfig)


@pytest.mark.parametrize(
    "document",
    [{}, {"cpu": "many"}, {"cpu": 4, "cpus": 4}, {"cpu": 4, "disk": 0}, {"cpu": 4, "families": ["!"]}, {"cpu": 0}],
)
def test_what_the_schema_refuses_the_reader_refuses(document: dict[str, Any]) -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(document, schema_of("c"))

    assert faults(runner_config, "c", json.dumps(document))
