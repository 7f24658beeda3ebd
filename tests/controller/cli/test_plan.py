"""`spotrunner plan`: the resolver of production, asked by an operator."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

import controller
from controller.cli import show, sources
from controller.cli.__main__ import app
from controller.cli.plan import Question, plan
from controller.domain import market, places
from controller.domain.capacity import Terms
from controller.domain.launch import LaunchAnswer, Offering, Refusal
from controller.domain.policy import Policy, Rule
from controller.domain.refusal import RefusalKind
from controller.domain.rules import Forks, Rules, Trust
from controller.domain.runner import Lifecycle
from controller.errors import Unavailable
from controller.usecases.capacity_book import CapacityBook
from controller.usecases.count_quotas import CountQuotas
from controller.usecases.learn_market import LearnMarket
from tests.fakes import samples
from tests.fakes.memory import FakeMemory
from tests.fakes.offerings import FakeAllowance, FakeOfferings
from tests.fakes.stack import FakeConfigs
from tests.fakes.telling import Told

NOW = 1_790_000_000.0

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
    assert "c6a.2xlarge        8 vCPU    16 GiB  $0.1193/h        us-east-1a, b, c" in words
    assert "Prices         shipped: " in words
    assert "Known          nothing live without --stack" in words
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


@pytest.mark.parametrize("width", [80, 120])
def test_no_line_is_longer_than_the_terminal_is_wide(width: int) -> None:
    ended = CliRunner().invoke(app, ["plan", "build-8cpu", "--configs", CONFIGS], env={"COLUMNS": str(width)})

    assert max(len(line) for line in ended.stdout.splitlines()) <= width


def test_every_rung_has_its_own_machines_and_prices_and_the_last_is_another_region() -> None:
    configs = FakeConfigs(samples.config(families=("c7a",), widen=("m7a",), elsewhere_after_s=600.0))

    found = plan(question("spotrunner/linux-4cpu"), configs)

    assert found.machine is not None
    ladder = {one.rung: one for one in reversed(found.machine.candidates)}
    spot, wider, on_demand = (ladder[name] for name in ("spot", "spot, wider families", "on-demand"))
    assert [one.instance_type for one in (spot, wider, on_demand)] == ["c7a.xlarge", "m7a.xlarge", "c7a.xlarge"]
    assert spot.usd_per_hour is not None
    assert on_demand.usd_per_hour is not None
    assert spot.usd_per_hour < on_demand.usd_per_hour
    assert "4. Another region, once a job has waited 600 s" in list(show.lines(found))


def remembered() -> FakeMemory:
    """What the dispatchers of a stack have met: a pool that refused, a breaker, a quota, and live prices."""
    memory = FakeMemory()
    allowance = FakeAllowance({"L-34B43A08": 64.0})
    allowance.machines = {("c7a.xlarge", Lifecycle.SPOT): 2}
    LearnMarket(FakeOfferings(), memory, Told(), lambda: NOW)(False)
    CountQuotas(allowance, market.shipped, memory, Told(), lambda: NOW)(False)
    book = CapacityBook(memory, Terms(), lambda: NOW, lambda: "stamp")
    turn = book.turn(Lifecycle.SPOT, (Offering("c7a.xlarge", "us-east-1a", "subnet-a"),), 1)
    code = "InsufficientInstanceCapacity"
    refusal = Refusal(RefusalKind.CAPACITY, code, "", "c7a.xlarge", "us-east-1a")
    book.answered(Lifecycle.SPOT, turn, LaunchAnswer(refusals=(refusal,)))
    there = {"instance_type": "m7a.xlarge", "zone": "us-east-1b"}
    book.heed([samples.runner(f"i-{n}", **there) for n in range(places.POLICY.failures)])
    return memory


def test_with_a_stack_a_plan_shows_what_its_dispatchers_know_at_this_moment() -> None:
    known = sources.known("dev-us-east-1", remembered(), NOW + 60.0)
    configs = FakeConfigs(samples.config(families=("c7a", "m7a")))

    found = plan(question("spotrunner/linux-4cpu", zones=known.zones()), configs, known)

    assert found.machine is not None
    closed = {(one.rung, one.instance_type, one.zone): one.closed for one in found.machine.candidates if one.closed}
    assert closed == {
        ("spot", "c7a.xlarge", "us-east-1a"): "InsufficientInstanceCapacity",
        ("spot", "m7a.xlarge", "us-east-1b"): "breaker: interruption",
    }
    words = "\n".join(show.lines(found))
    assert "Prices         learnt from EC2 on " in words
    assert "Known          refusals, breakers and limits of dev-us-east-1 now" in words
    assert "Quota          spot standard: 8 of 64 vCPU in use (L-34B43A08)" in words
    assert "      not us-east-1a: InsufficientInstanceCapacity" in words
    assert "us-east-1b, c" in words


def test_a_stack_whose_memory_can_not_be_read_is_not_taken_for_one_where_all_is_well() -> None:
    memory = remembered()
    memory.faults.plan(Unavailable("throttled"))

    with pytest.raises(Unavailable):
        sources.known("dev-us-east-1", memory, NOW)


def test_what_a_stack_has_not_learnt_yet_is_what_this_package_knows() -> None:
    known = sources.known("dev-us-east-1", FakeMemory(), NOW)

    assert known.market == market.shipped()
    assert known.zones() == ()
