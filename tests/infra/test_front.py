"""The address that GitHub calls: AWS's own, a name, or CloudFront with a firewall; claims always go straight."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping

import pytest

from infra import config
from infra.values import BadConfig
from tests.infra.conftest import FRONT_SECRET
from tests.infra.deployed import Deployed

SMALLEST = {
    "aws:region": "eu-west-1",
    "spotrunner:account": "123456789012",
    "spotrunner:appId": "1",
    "spotrunner:images": '{"linux/x64": "ami-0a"}',
}
SECRET = "spotrunner:frontSecret"
FIREWALL = {"spotrunner:webhookFrom": "192.30.252.0/22", SECRET: FRONT_SECRET}


@pytest.fixture
def behind(runs: Mapping[str, Deployed]) -> Deployed:
    return runs["private"]


def test_the_firewall_lets_through_webhooks_from_the_named_addresses_and_nothing_else(behind: Deployed) -> None:
    firewall = behind.one("wafv2/webAcl:WebAcl").inputs
    sources = behind.of("wafv2/ipSet:IpSet")

    assert firewall["defaultAction"] == {"block": {}}
    assert (firewall["scope"], firewall["region"]) == ("CLOUDFRONT", "us-east-1")
    assert {one.inputs["ipAddressVersion"]: one.inputs["addresses"] for one in sources.values()} == {
        "IPV4": ["192.30.252.0/22"],
        "IPV6": ["2a0a:a440::/29"],
    }
    for rule in firewall["rules"]:
        address, path, method = rule["statement"]["andStatement"]["statements"]
        assert rule["action"] == {"allow": {}}
        assert address["ipSetReferenceStatement"]["arn"] in {one.made["arn"] for one in sources.values()}
        assert path["byteMatchStatement"]["searchString"] == "/webhook/github"
        assert method["byteMatchStatement"]["searchString"] == "POST"
    assert len(firewall["rules"]) == len(sources)


def test_cloudfront_stands_before_the_api_caches_nothing_and_shows_the_secret(behind: Deployed) -> None:
    inputs = behind.one("cloudfront/distribution:Distribution").inputs
    (origin,) = inputs["origins"]["secret"]

    assert inputs["webAclId"] == behind.one("wafv2/webAcl:WebAcl").made["arn"]
    assert inputs["defaultCacheBehavior"]["viewerProtocolPolicy"] == "https-only"
    assert inputs["defaultCacheBehavior"]["cachePolicyId"] == "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"
    assert inputs["viewerCertificate"]["minimumProtocolVersion"] == "TLSv1.2_2021"
    assert origin["customOriginConfig"]["originProtocolPolicy"] == "https-only"
    assert origin["customHeaders"] == [{"name": "x-spotrunner-front", "value": FRONT_SECRET}]


def test_the_secret_is_in_the_one_value_that_pulumi_keeps_encrypted_and_nowhere_else(behind: Deployed) -> None:
    seen = [str(found) for found in behind.resources if FRONT_SECRET in json.dumps(found.inputs)]

    variables = behind.of("lambda/function:Function")["webhook"].inputs["environment"]["variables"]
    assert seen == ["aws:cloudfront/distribution:Distribution front"]
    assert behind.one("cloudfront/distribution:Distribution").inputs["origins"].keys() == {"secret"}
    assert FRONT_SECRET not in json.dumps(behind.outputs) + str(behind.messages)
    assert variables["SPOTRUNNER_FRONT_DIGESTS"] == hashlib.sha256(FRONT_SECRET.encode()).hexdigest()


def test_machines_claim_at_the_api_itself_whatever_stands_before_the_webhook(runs: Mapping[str, Deployed]) -> None:
    for run in runs.values():
        if "claim_url" in run.outputs and run is not runs["preview"]:
            assert ".execute-api.us-east-1.amazonaws.com/claim" in run.outputs["claim_url"]


def test_a_name_has_a_certificate_where_it_is_used_and_leads_there(behind: Deployed) -> None:
    records = behind.of("route53/record:Record")

    assert behind.outputs["webhook_url"] == "https://runners.example.com/webhook/github"
    assert behind.one("acm/certificate:Certificate").inputs["region"] == "us-east-1"
    assert records.keys() == {"proof", "name-A", "name-AAAA"}
    (there,) = records["name-A"].inputs["aliases"]
    assert there["name"].endswith(".cloudfront.net")
    assert "point_your_domain_at" not in behind.outputs


def test_without_a_zone_the_operator_is_told_where_the_name_must_lead(runs: Mapping[str, Deployed]) -> None:
    named = runs["given network"]

    name = named.one("apigatewayv2/domainName:DomainName").inputs["domainNameConfiguration"]
    assert named.outputs["webhook_url"] == "https://runners.example.com/webhook/github"
    assert named.outputs["point_your_domain_at"].endswith(".execute-api.us-east-1.amazonaws.com")
    assert name["securityPolicy"] == "TLS_1_2"
    assert not named.of("route53/record:Record")


def test_by_default_nothing_stands_before_the_api(stack: Deployed) -> None:
    kinds = ("aws:cloudfront", "aws:wafv2", "aws:route53", "aws:acm", "aws:apigatewayv2/domainName")

    assert [str(found) for found in stack.resources if found.type.startswith(kinds)] == []


@pytest.mark.parametrize(
    ("values", "fault"),
    [
        ({"spotrunner:webhookFrom": "192.30.252.0/22"}, "frontSecret: missing"),
        ({SECRET: FRONT_SECRET}, "webhookFrom: missing"),
        ({**FIREWALL, "spotrunner:webhookFrom": "0.0.0.0/0"}, "webhookFrom: 0.0.0.0/0 is the whole internet"),
        ({**FIREWALL, "spotrunner:webhookFrom": "github"}, "webhookFrom: 'github' is not a range"),
        ({**FIREWALL, SECRET: "short"}, "frontSecret: not 32 characters or more"),
        ({"spotrunner:hostedZone": "Z1"}, "domain: missing"),
        ({"spotrunner:domain": "a.example.com"}, "hostedZone: name either it, or the certificate's ARN"),
        (
            {
                "spotrunner:domain": "a.example.com",
                "spotrunner:certificate": "arn:aws:acm:us-east-1:123456789012:certificate/0",
            },
            "certificate: it must lie in eu-west-1",
        ),
    ],
)
def test_what_does_not_fit_together_is_a_fault(values: Mapping[str, object], fault: str) -> None:
    with pytest.raises(BadConfig) as caught:
        config.read("test-eu-west-1", {**SMALLEST, **values}, {SECRET})

    assert f"spotrunner:{fault}" in str(caught.value)


def test_a_secret_in_plain_text_is_refused_and_not_shown() -> None:
    with pytest.raises(BadConfig) as caught:
        config.read("test-eu-west-1", {**SMALLEST, **FIREWALL})

    assert "frontSecret: in plain text; set it with `pulumi config set --secret" in str(caught.value)
    assert FRONT_SECRET not in str(caught.value)


def test_a_configuration_does_not_show_its_secret() -> None:
    stack = config.read("test-eu-west-1", {**SMALLEST, **FIREWALL}, {SECRET})

    assert FRONT_SECRET not in repr(stack)
