"""What a new stack's file says: the answers of its owner as settings, each with a word on what it is for."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """What is decided for an environment; each of its regions gets a file of its own."""

    environment: str
    regions: tuple[str, ...]
    account: str
    app_id: str
    owner: str = ""
    """The organisation that owns the App; empty: a user does."""
    images: Mapping[str, Mapping[str, str]]
    """By region: platform to AMI."""
    github_api_url: str = "https://api.github.com"
    egress: str = "public"
    vpc: str = ""
    subnets: Mapping[str, str] = field(default_factory=dict)
    """Zone to subnet, of a VPC that is there already."""
    emails: tuple[str, ...] = ()
    budget: int = 0


FIRST_RANGE = 80
"""Regions of one environment get ranges of their own, so that their networks can be joined one day."""


def name_of(answers: Answers, region: str) -> str:
    """The stack's name."""
    return f"{answers.environment}-{region}"


def text_of(answers: Answers, region: str) -> str:
    """The file of one region's stack."""
    return "\n".join((*_head(answers, region), *_network(answers, region), *_watching(answers), ""))


def _head(answers: Answers, region: str) -> Iterator[str]:
    yield f"# The stack `{name_of(answers, region)}`: all that it makes carries this name and touches no other stack."
    yield "# Nothing in this file is secret. Every other setting is explained in Pulumi.dev-us-east-1.yaml."
    yield "config:"
    yield f"  aws:region: {region}"
    if len(answers.regions) > 1:
        yield "  # All stacks of an environment say the same; the first region is in charge of jobs that name none,"
        yield "  # and its stack makes the tables: deploy it first, and destroy it last."
        yield f"  spotrunner:regions: {', '.join(answers.regions)}"
        yield f"  spotrunner:tables: {answers.regions[0]}"
    # What is not known is left out, and missed by whoever checks the file.
    if answers.account:
        yield "  # With credentials of any other account nothing is deployed."
        yield f"  spotrunner:account: {_quoted(answers.account)}"
    yield "  # The GitHub App's id, from its settings page, and the REST API of its server."
    if answers.app_id:
        yield f"  spotrunner:appId: {_quoted(answers.app_id)}"
    yield f"  spotrunner:githubApiUrl: {answers.github_api_url}"
    if images := answers.images.get(region):
        yield "  # The machine image of each platform, built with `packer build packer/` in this region."
        yield "  spotrunner:images:"
        yield from (f"    {platform}: {image}" for platform, image in images.items())


def _network(answers: Answers, region: str) -> Iterator[str]:
    if answers.vpc or answers.subnets:
        yield "  # Your own VPC; its subnets must reach the internet."
        yield f"  spotrunner:vpc: {answers.vpc}"
        yield "  spotrunner:subnets:"
        for zone, subnet in answers.subnets.items():
            yield f"    {zone}: {subnet}"
        return
    number = FIRST_RANGE + answers.regions.index(region)
    yield "  # A VPC of the stack's own, without any way in."
    yield f"  spotrunner:vpcCidr: 10.{number}.0.0/16"
    yield "  # public: each machine has an address of its own. nat, nat-per-zone: private machines behind fixed"
    yield "  # addresses, for about $33 a month each and $0.045 a GB."
    yield f"  spotrunner:egress: {answers.egress}"


def _watching(answers: Answers) -> Iterator[str]:
    if answers.emails:
        yield "  # Who hears of alarms and of money; each address confirms once by e-mail."
        yield f"  spotrunner:alertEmails: {', '.join(answers.emails)}"
    if answers.budget:
        yield "  # Dollars a month; told at 80 % spent, and when more than all is forecast."
        yield f"  spotrunner:monthlyBudget: {answers.budget}"
    yield "  # true in one stack of an account that has never used spot machines."
    yield "  spotrunner:serviceRoles: false"
    yield "  # Whether tables, secrets and the bucket survive a `pulumi destroy`."
    yield "  spotrunner:protect: true"
    yield "  # Filled with `python -m infra.package build/lambda`."
    yield "  spotrunner:build: build/lambda"


def _quoted(text: str) -> str:
    """As JSON has it, which YAML reads as text even where it looks like a number."""
    return json.dumps(text)
