"""Every captured resource is made in moto, through boto3: what AWS would refuse for its form is refused here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

import pytest
from moto import mock_aws

from tests.infra.deployed import Deployed
from tests.infra.deployer import MAKERS, Deployer

NOT_MADE = {
    "aws:acm/certificate:Certificate": "nothing but a name and a method; its proof needs a DNS that answers",
    "aws:acm/certificateValidation:CertificateValidation": "no resource of AWS: Pulumi waits in it",
    "aws:apigatewayv2/apiMapping:ApiMapping": "moto makes a mapping only for a name of its own certificate",
    "aws:apigatewayv2/domainName:DomainName": "the same",
    "aws:budgets/budget:Budget": "the request's dates are the provider's to fill in",
    "aws:chatbot/slackChannelConfiguration:SlackChannelConfiguration": "moto has no such service",
    "aws:cloudfront/distribution:Distribution": "the request counts every list, which is the provider's to write",
    "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup": "adopted and emptied by the provider, never made",
    "aws:iam/serviceLinkedRole:ServiceLinkedRole": "named by its service alone",
    "aws:kms/replicaKey:ReplicaKey": "lies in another region",
    "aws:route53/record:Record": "the zone is the operator's",
}
"""Types of resources that are not made, with the reason."""


@pytest.fixture(autouse=True)
def cloud(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    with mock_aws():
        yield


@pytest.mark.parametrize("name", ["up", "private", "given network"])
def test_every_resource_is_as_aws_wants_it(name: str, runs: Mapping[str, Deployed]) -> None:
    at = Deployer()
    if name == "given network":
        at.ids |= {"vpc-0abc": at.client("ec2").describe_vpcs()["Vpcs"][0]["VpcId"]}

    at.deploy(runs[name])

    assert len(at.client("sqs").list_queues()["QueueUrls"]) == len(runs[name].of("sqs/queue:Queue"))
    templates = at.client("ec2").describe_launch_templates()["LaunchTemplates"]
    assert len(templates) == len(runs[name].of("ec2/launchTemplate:LaunchTemplate"))


@pytest.mark.parametrize(
    ("kind", "name", "changed", "refusal"),
    [
        ("dynamodb/table:Table", "memory", {"billingMode": "LATER"}, "'LATER' is not one of PROVISIONED"),
        ("scheduler/schedule:Schedule", "wake", {"flexibleTimeWindow": {"mode": "SOMETIMES"}}, "is not one of"),
        ("lambda/function:Function", "claim", {"memorySize": 64}, "64 is not from 128"),
        ("cloudwatch/eventRule:EventRule", "rebalance", {"eventPattern": "{"}, "Event pattern is not valid"),
        ("ec2/launchTemplate:LaunchTemplate", "linux-x64", {"instanceInitiatedShutdownBehavior": "end"}, "is not one"),
    ],
)
def test_what_aws_would_refuse_is_refused(
    kind: str, name: str, changed: Mapping[str, object], refusal: str, stack: Deployed
) -> None:
    wanted = stack.of(kind)[name]
    wrong = replace(wanted, inputs={**wanted.inputs, **changed})

    with pytest.raises(AssertionError, match=refusal):
        Deployer().deploy(replace(stack, resources=(wrong,)))


def test_a_type_is_made_or_stands_in_the_table_with_its_reason(runs: Mapping[str, Deployed]) -> None:
    seen = {found.type for run in runs.values() for found in run.resources if found.type.startswith("aws:")}

    assert sorted(seen - MAKERS.keys() - NOT_MADE.keys()) == []
    assert not MAKERS.keys() & NOT_MADE.keys()
