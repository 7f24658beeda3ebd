"""The policies in docs/operate.md are those that the commands are judged by in these tests."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path

import pytest

from controller import policies, schema
from controller.cli import rights
from controller.policies import Names
from controller.region import Place
from controller.wiring import Grant

PAGE = Path(__file__).resolve().parents[3] / "docs" / "operate.md"
PLACE = Place("REGION", "ACCOUNT")
NAMES = Names(
    place=PLACE,
    stack="STACK",
    tables={table.name: PLACE.arn("dynamodb", f"table/ENVIRONMENT-{table.name}") for table in schema.TABLES},
    queues={},
    secrets={},
    config_prefix="",
    templates=(),
    subnets=(),
    security_group="",
    images=(),
    runner_role="",
    cache="",
    archive="",
    claim_route="",
    log_role="",
    runner_log="",
)


@pytest.mark.parametrize("grants", [rights.LOOK, rights.ACT[len(rights.LOOK) :]], ids=["look", "act"])
def test_the_page_has_the_policy_that_the_commands_need(grants: Sequence[Grant]) -> None:
    found = [json.loads(block) for block in re.findall(r"```json\n(.*?)```", PAGE.read_text(), re.DOTALL)]

    assert policies.document(grants, NAMES) in found


def test_whoever_acts_may_look_and_nobody_sees_a_secret() -> None:
    assert set(rights.LOOK) < set(rights.ACT)
    assert not any("secret" in action for grant in rights.ACT for action in grant.actions)
