"""Parliament, a linter for IAM policies, reads every policy of every example stack; what it says is explained here."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any

import pytest

from tests.infra.conftest import STACKS
from tests.infra.deployed import Deployed, Resource

EXPLAINED: Mapping[tuple[str, str], str] = {
    ("RESOURCE_STAR", "kms/"): "in a key's policy, * is the key itself",
    ("RESOURCE_MISMATCH", "ec2:RunInstances"): "what a launch takes and what it makes stand in two statements, as the "
    "latter must carry the stack's tag; each names a part of what the action touches",
    ("UNKNOWN_CONDITION_FOR_ACTION", "kms:ResourceAliases"): "a condition of the key, not of one action",
    ("UNKNOWN_CONDITION_FOR_ACTION", "ec2:SourceInstanceARN"): "sent with every call that a machine's role makes",
    (
        "MISMATCHED_TYPE",
        "ArnLike",
    ): "the log group's ARN is text in the encryption context, as CloudWatch's guide has it",
}
"""What parliament finds, and a word of it, with the reason why it stays."""


@cache
def linter() -> Callable[[str], Any]:
    """Parliament leaves a file open while it is imported, which tests here take for an error."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        from parliament import analyze_policy_string  # noqa: PLC0415 - for the reason above
    return analyze_policy_string


def findings(stack: Deployed) -> Iterator[tuple[Resource, str, str]]:
    """Of each policy, what is found; who may take a role is no policy on resources, and is tested elsewhere."""
    for found in stack.resources:
        if "policy" in found.inputs and found.type.startswith("aws:"):
            for finding in linter()(found.inputs["policy"]).findings:
                yield found, finding.issue, str(finding.detail)


def explained(found: Resource, issue: str, detail: str) -> bool:
    return any(issue == known and (word in detail or word in found.type) for known, word in EXPLAINED)


@pytest.mark.parametrize("name", STACKS)
def test_a_linter_of_policies_finds_nothing_that_is_not_explained(name: str, examples: Mapping[str, Deployed]) -> None:
    left = [f"{found}: {issue} {detail}" for found, issue, detail in findings(examples[name])]
    found = [line for line, one in zip(left, findings(examples[name]), strict=True) if not explained(*one)]

    assert found == []


def test_no_explanation_is_left_without_its_finding(examples: Mapping[str, Deployed]) -> None:
    told = [one for stack in examples.values() for one in findings(stack)]

    idle = [key for key in EXPLAINED if not any(i == key[0] and (key[1] in d or key[1] in f.type) for f, i, d in told)]

    assert idle == []
