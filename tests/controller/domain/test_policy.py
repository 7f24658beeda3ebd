"""Policy: every rule about a repository must be kept, and a refusal names the one that is not."""

from __future__ import annotations

import pytest

from controller.domain.labels import parse
from controller.domain.policy import Policy, Rule, check
from controller.errors import Rejected

RULE = Rule(
    "modest",
    repositories=("octo/*",),
    configs=("linux-*",),
    keys=("cpu", "ram", "family", "image", "disk"),
    families=("c7*", "m7g.large"),
    images=("ubuntu*",),
    most={"cpu": 16, "ram": 64, "disk": 200},
)


@pytest.mark.parametrize(
    "label",
    [
        "linux-4cpu",
        "linux-4cpu/cpu=16/ram=64/disk=200",
        "linux-4cpu/cpu=4+64",
        "linux-4cpu/family=c7g+c7a.large",
        "linux-4cpu/family=m7g.large",
        "linux-4cpu/family=m7g",
        "linux-4cpu/family=r*",
        "linux-4cpu/image=ubuntu24/run=7/env=dev/retry=run",
    ],
)
def test_what_a_rule_allows_passes(label: str) -> None:
    check(parse((f"spotrunner/{label}",)), [RULE])


@pytest.mark.parametrize(
    ("label", "words"),
    [
        ("windows-4cpu", "configuration windows-4cpu; it allows linux-*"),
        ("linux-4cpu/spot=false", "the key 'spot'; it allows cpu, ram, family, image, disk"),
        ("linux-4cpu/arch=arm64", "the key 'arch'"),
        ("linux-4cpu/cpu=17", "cpu=17; it allows at most 16"),
        ("linux-4cpu/cpu=32+64", "cpu=32; it allows at most 16"),
        ("linux-4cpu/ram=128", "ram=128; it allows at most 64"),
        ("linux-4cpu/disk=201", "disk=201; it allows at most 200"),
        ("linux-4cpu/family=c7g+r7i", "family=r7i; it allows c7*, m7g.large"),
        ("linux-4cpu/family=m7g.xlarge", "family=m7g.xlarge"),
        ("linux-4cpu/image=debian", "image=debian; it allows ubuntu*"),
    ],
)
def test_a_refusal_names_the_rule_and_what_it_allows(label: str, words: str) -> None:
    with pytest.raises(Rejected) as refusal:
        check(parse((f"spotrunner/{label}",)), [Rule("open"), RULE])

    assert str(refusal.value).startswith("rule 'modest' of this stack does not allow ")
    assert words in str(refusal.value)


def test_only_the_rules_about_a_repository_count() -> None:
    policy = Policy(rules=(RULE, Rule("all")))

    assert [rule.name for rule in policy.rules_for("Octo/Hello")] == ["modest", "all"]
    assert [rule.name for rule in policy.rules_for("other/hello")] == ["all"]


def test_a_repository_that_is_not_on_the_list_is_refused_by_its_name() -> None:
    policy = Policy(repositories=("octo/*", "cat/one"))

    assert policy.rules_for("cat/one") == ()
    with pytest.raises(Rejected, match="repository cat/two is not on this stack's list"):
        policy.rules_for("cat/two")


def test_a_further_servers_repository_is_on_the_list_only_by_its_servers_name() -> None:
    policy = Policy(repositories=("octo/*", "corp:tools/*"), rules=(Rule("small", ("octo/*", "tools/*")),))

    allowed = policy.rules_for("tools/one", "corp")

    assert [rule.name for rule in allowed] == ["small"]
    with pytest.raises(Rejected, match="repository corp:octo/one is not on this stack's list"):
        policy.rules_for("octo/one", "corp")


@pytest.mark.parametrize(
    ("fields", "words"), [({"most": {"cpus": 1}}, "most: 'cpus'"), ({"keys": ("spots",)}, "keys: 'spots'")]
)
def test_a_rule_with_a_slip_of_the_pen_can_not_be_made(fields: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Rule("bad", **fields)  # type: ignore[arg-type]  # a table of cases
