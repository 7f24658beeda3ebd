from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from controller.adapters.aws.clients import Clients
from controller.adapters.aws.configs import SsmConfigs
from controller.domain.fleet_config import Arch, Os, RunnerConfig, Span
from controller.domain.grammars.aliases import Alias
from controller.domain.policy import Rule
from controller.domain.rules import Rules
from controller.errors import Rejected, Unavailable
from controller.ports import AllConfigs, Configs
from tests.fakes.stack import FakeConfigs

FULL = RunnerConfig(
    name="big",
    cpu=Span(4, 8),
    os=Os.WINDOWS,
    arch=Arch.ARM64,
    ram=Span(16, 16),
    families=("c7g", "m7g.large"),
    spot=False,
    extra_labels=("fast",),
    runner_group_id=3,
    organization=True,
    claim_deadline_s=300.0,
    job_limit_s=60.0,
)
DOCUMENT = {
    "cpu": "4+8",
    "os": "windows",
    "arch": "arm64",
    "ram": 16,
    "families": ["c7g", "m7g.large"],
    "spot": False,
    "extra_labels": ["fast"],
    "runner_group_id": 3,
    "organization": True,
    "claim_deadline_s": 300,
    "job_limit_s": 60.0,
}

Put = Callable[[str, str], None]


@pytest.fixture
def put(clients: Clients, stack: str) -> Put:
    """Writes a parameter, as the stack or its operator does."""

    def write(name: str, text: str) -> None:
        clients.ssm.put_parameter(Name=f"/{stack}/configs/{name}", Value=text, Type="String", Overwrite=True)

    return write


@pytest.fixture
def ssm(clients: Clients, stack: str) -> SsmConfigs:
    return SsmConfigs(clients, f"/{stack}/configs/", ttl_s=60)


@pytest.fixture(params=["fake", "ssm"])
def configs(request: pytest.FixtureRequest) -> AllConfigs:
    if request.param == "fake":
        return FakeConfigs(FULL)
    put: Put = request.getfixturevalue("put")
    put("big", json.dumps(DOCUMENT))
    configs: SsmConfigs = request.getfixturevalue("ssm")
    return configs


def test_a_configuration_is_found_with_every_field(configs: Configs) -> None:
    assert configs.find("big", now=0.0) == FULL


@pytest.mark.parametrize("name", ["small", "", "../jobs", "a/b", "a b", "x" * 200])
def test_an_unknown_or_impossible_name_is_none(configs: Configs, name: str) -> None:
    assert configs.find(name, now=0.0) is None


@pytest.mark.parametrize(
    ("cpu", "span"),
    [
        (4, Span(4, 4)),
        (2.5, Span(2.5, 2.5)),
        ("4", Span(4, 4)),
        ("2+8", Span(2, 8)),
        ({"low": 1, "high": 2}, Span(1, 2)),
    ],
)
def test_a_size_is_a_number_or_a_range(put: Put, ssm: SsmConfigs, cpu: object, span: Span) -> None:
    put("c", json.dumps({"cpu": cpu}))

    assert ssm.find("c", now=0.0) == RunnerConfig("c", span)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("{", "document"),
        ("[]", "document"),
        ("{}", "cpu: missing"),
        ('{"cpu": "8+4"}', "cpu: 8[+]4"),
        ('{"cpu": "many"}', "cpu: 'many'"),
        ('{"cpu": true}', "cpu"),
        ('{"cpu": NaN}', "cpu"),
        ('{"cpu": 4, "ram": []}', "ram"),
        ('{"cpu": 4, "os": "beos"}', "os: 'beos'"),
        ('{"cpu": 4, "familys": ["c7g"]}', "familys: there is no such field"),
        ('{"cpu": 4, "families": "c7g"}', "families: expected a list"),
        ('{"cpu": 4, "spot": "no"}', "spot: expected bool"),
    ],
)
def test_an_unusable_document_is_rejected_with_its_parameter_and_field(
    put: Put, ssm: SsmConfigs, stack: str, text: str, names: str
) -> None:
    put("broken", text)

    with pytest.raises(Rejected, match=f"parameter /{stack}/configs/broken: {names}"):
        ssm.find("broken", now=0.0)


def test_every_answer_is_kept_for_its_time(put: Put, ssm: SsmConfigs) -> None:
    put("broken", "{")
    assert ssm.find("late", now=0.0) is None
    with pytest.raises(Rejected):
        ssm.find("broken", now=0.0)

    put("late", '{"cpu": 1}')
    put("broken", '{"cpu": 1}')

    assert ssm.find("late", now=59.0) is None
    with pytest.raises(Rejected):
        ssm.find("broken", now=59.0)
    assert ssm.find("late", now=60.0) == RunnerConfig("late", Span(1, 1))
    assert ssm.find("broken", now=60.0) == RunnerConfig("broken", Span(1, 1))


def test_a_stack_without_a_routing_document_has_no_rules(configs: Configs) -> None:
    assert configs.rules(now=0.0) == Rules()


ROUTED = Rules(aliases=(Alias("a", "spotrunner/b"),))


def test_the_routing_document_is_kept_and_a_bad_one_changes_nothing(put: Put, clients: Clients, stack: str) -> None:
    configs = SsmConfigs(clients, f"/{stack}/configs/", ttl_s=60, routing=f"/{stack}/configs/_routing")
    assert configs.rules(now=0.0) == Rules()

    put("_routing", '{"aliases": [{"match": "a", "to": "spotrunner/b"}]}')
    assert configs.rules(now=59.0) == Rules()
    assert configs.rules(now=60.0) == ROUTED

    put("_routing", '{"alias": []}')
    assert configs.rules(now=100_000.0) == ROUTED


def test_rules_that_never_were_good_hold_everything_back(put: Put, clients: Clients, stack: str) -> None:
    configs = SsmConfigs(clients, f"/{stack}/configs/", ttl_s=60, routing=f"/{stack}/configs/_routing")
    put("_routing", '{"alias": []}')

    with pytest.raises(Unavailable, match=f"parameter /{stack}/configs/_routing: alias: there is no such field"):
        configs.rules(now=0.0)


def test_all_configurations_are_told_by_their_names(configs: AllConfigs) -> None:
    assert configs.every() == {"big": FULL}


def test_every_configuration_is_told_the_unusable_ones_too_and_nothing_else(put: Put, ssm: SsmConfigs) -> None:
    for number in range(12):
        put(f"c{number}", f'{{"cpu": 4, "pool": {number}}}')
    put("broken", '{"cpu": 4, "pool": 51}')
    put("_routing", "{}")

    found = ssm.every()

    assert {name: config.pool for name, config in found.items() if config} == {f"c{n}": n for n in range(12)}
    assert found["broken"] is None
    assert len(found) == 13


def test_no_label_can_ask_for_the_routing_document(put: Put, ssm: SsmConfigs) -> None:
    put("_routing", '{"cpu": 4}')

    assert ssm.find("_routing", now=0.0) is None


def test_a_configuration_tells_its_version_and_every_fault_of_it(put: Put, ssm: SsmConfigs) -> None:
    put("c", '{"cpu": 4}')
    put("c", '{"cpu": "many", "disk": 0, "oss": ""}')

    assert ssm.version("c", now=0.0) == 2
    with pytest.raises(Rejected, match=r"configs/c: oss: there is no such field; cpu: 'many' is not a number; disk: 0"):
        ssm.find("c", now=0.0)


@pytest.mark.parametrize("routing", ["_routing", ""])
def test_the_stacks_own_rules_hold_whatever_the_document_says(
    clients: Clients, stack: str, put: Put, routing: str
) -> None:
    put("_routing", '{"policy": {"rules": [{"name": "open"}]}}')
    always = (Rule("role of deploy", closed=("deploy",)),)

    configs = SsmConfigs(clients, f"/{stack}/configs/", 60, routing and f"/{stack}/configs/{routing}", always)

    assert [rule.name for rule in configs.rules(0.0).policy.rules] == [*(["open"] if routing else []), "role of deploy"]
