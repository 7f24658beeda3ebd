"""A role of a configuration's own is for jobs of the repositories that the stack's file names, and for no others."""

from __future__ import annotations

import pytest

from controller.domain import own_roles, routing
from controller.domain.labels import parse
from controller.domain.own_roles import OwnRoles
from controller.domain.policy import Policy, Rule
from controller.domain.rules import Rules
from controller.errors import Rejected
from tests.fakes import samples

ROLES = own_roles.read({"deploy": "octo/deployer corp:octo/*", "gpu": "*"}, {"linux/x64/deploy": "lt-1"})


def refusal(repository: str, config: str, server: str = "") -> str:
    """Why a job of a repository gets no machine of a configuration; empty where it does."""
    rules = Rules().with_rules(ROLES.rules())
    try:
        limits = rules.policy.rules_for(repository, server)
        routing.resolve(parse((f"spotrunner/{config}",)), samples.config, limits)
    except Rejected as no:
        return str(no)
    return ""


@pytest.mark.parametrize(
    ("server", "repository"),
    [("", "octo/deployer"), ("", "Octo/Deployer"), ("corp", "octo/anything")],
)
def test_the_repositories_that_are_named_get_its_machines(server: str, repository: str) -> None:
    assert refusal(repository, "deploy", server) == ""


@pytest.mark.parametrize(
    ("server", "repository"),
    [("", "octo/deployer-2"), ("", "octo/anything"), ("corp", "other/deployer"), ("eu", "octo/deployer")],
)
def test_no_other_repository_does_and_the_refusal_names_none(server: str, repository: str) -> None:
    no = refusal(repository, "deploy", server)

    assert no == "rule 'role of deploy' of this stack does not allow configuration deploy for this repository"


def test_a_role_for_all_and_a_configuration_without_one_are_open_to_anybody() -> None:
    assert [refusal("cat/any", config) for config in ("gpu", "linux-2cpu")] == ["", ""]


def test_a_pool_of_such_a_configuration_may_be_filled_ahead_of_any_repository() -> None:
    assert Policy(rules=(Rule("all"), *ROLES.rules())).rules_for_all == (Rule("all"),)


def test_no_document_takes_the_stacks_own_rules_away() -> None:
    written = Rules(policy=Policy(rules=(Rule("open", configs=("*",)),)))

    kept = written.with_rules(ROLES.rules())

    assert [rule.name for rule in kept.policy.rules] == ["open", "role of deploy", "role of gpu"]


def test_a_platform_without_an_image_is_refused_rather_than_served_without_the_role() -> None:
    config = samples.config("deploy")

    assert ROLES.template(config, "linux/x64") == "lt-1"
    with pytest.raises(Rejected, match="no launch template for linux/arm64 with the role of deploy"):
        ROLES.template(config, "linux/arm64")


@pytest.mark.parametrize(
    ("group", "is_refused"), [({}, True), ({"runner_group": "deployers"}, False), ({"runner_group_id": 7}, False)]
)
def test_where_github_could_hand_the_machine_to_any_repository_of_the_organisation_there_is_none(
    group: dict[str, object], *, is_refused: bool
) -> None:
    config = samples.config("deploy", organization=True, **group)

    if is_refused:
        with pytest.raises(Rejected, match=r"'deploy' has a role that is not for all .* name a runner_group"):
            ROLES.template(config, "linux/x64")
    else:
        assert ROLES.template(config, "linux/x64") == "lt-1"


def test_a_role_for_all_needs_no_group() -> None:
    roles = OwnRoles({"gpu": ("*",)}, {"linux/x64/gpu": "lt-2"})

    assert roles.template(samples.config("gpu", organization=True), "linux/x64") == "lt-2"
