"""What stands before the webhook route by choice: a name of one's own, and CloudFront with a firewall for addresses."""

from __future__ import annotations

import pulumi
import pulumi_aws as aws

from controller import wiring
from controller.settings import FRONT_HEADER
from infra.config import StackConfig
from infra.front_settings import EDGE_REGION
from infra.http_api import HttpApi, route

_NO_CACHE = "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"
_ALL_BUT_HOST = "b689b0a8-53d0-40ab-baf2-68738e2966ac"
"""AWS's own policies: nothing is cached; every header is passed on but Host, by which the API knows itself."""

_EVERY_METHOD = ("GET", "HEAD", "OPTIONS", "PUT", "POST", "PATCH", "DELETE")
"""CloudFront takes POST with all the others only; the firewall lets POST through."""

_TTL_S = 300


class Front(pulumi.ComponentResource):
    """`webhook_url` is what the GitHub App is told; claims go to the API itself, whatever stands here."""

    webhook_url: pulumi.Output[str]
    point_at: pulumi.Output[str] | None = None
    """What the operator's own DNS must lead the name to; none where there is no name, or the stack enters it."""

    def __init__(self, config: StackConfig, api: HttpApi, opts: pulumi.ResourceOptions) -> None:
        super().__init__("spotrunner:infra:Front", "front", None, opts)
        self._config, self._front, self._api = config, config.front, api
        self._inside = pulumi.ResourceOptions(parent=self)
        self.webhook_url = api.url(wiring.WEBHOOK)
        if self._front.sources:
            self._through(self._distribution())
        elif self._front.domain:
            self._named_api()
        self.register_outputs({})

    def _named_api(self) -> None:
        name = aws.apigatewayv2.DomainName(
            "name",
            domain_name=self._front.domain,
            domain_name_configuration=aws.apigatewayv2.DomainNameDomainNameConfigurationArgs(
                certificate_arn=self._certificate(self._config.place.region),
                endpoint_type="REGIONAL",
                security_policy="TLS_1_2",
            ),
            opts=self._inside,
        )
        aws.apigatewayv2.ApiMapping(
            "name", api_id=self._api.id, domain_name=name.id, stage=self._api.stage, opts=self._inside
        )
        there = name.domain_name_configuration
        self._lead_to(there.target_domain_name, there.hosted_zone_id)

    def _through(self, distribution: aws.cloudfront.Distribution) -> None:
        if self._front.domain:
            self._lead_to(distribution.domain_name, distribution.hosted_zone_id)
        else:
            path = route(wiring.WEBHOOK).path
            self.webhook_url = pulumi.Output.concat("https://", distribution.domain_name, path)

    def _lead_to(self, target: pulumi.Output[str], zone_of_target: pulumi.Output[str]) -> None:
        front = self._front
        self.webhook_url = pulumi.Output.from_input(f"https://{front.domain}{route(wiring.WEBHOOK).path}")
        if not front.zone:
            self.point_at = target
            return
        for kind in ("A", "AAAA"):
            aws.route53.Record(
                f"name-{kind}",
                zone_id=front.zone,
                name=front.domain,
                type=kind,
                aliases=[
                    aws.route53.RecordAliasArgs(name=target, zone_id=zone_of_target, evaluate_target_health=False)
                ],
                opts=self._inside,
            )

    def _certificate(self, region: str) -> pulumi.Input[str]:
        front = self._front
        if front.certificate:
            return front.certificate
        asked = aws.acm.Certificate(
            "name", domain_name=front.domain, validation_method="DNS", region=region, opts=self._inside
        )
        proof = asked.domain_validation_options[0]
        entered = aws.route53.Record(
            "proof",
            zone_id=front.zone,
            name=proof.resource_record_name,
            type=proof.resource_record_type,
            records=[proof.resource_record_value],
            ttl=_TTL_S,
            opts=self._inside,
        )
        proved = aws.acm.CertificateValidation(
            "name", certificate_arn=asked.arn, region=region, validation_record_fqdns=[entered.fqdn], opts=self._inside
        )
        return proved.certificate_arn

    def _distribution(self) -> aws.cloudfront.Distribution:
        config, front = self._config, self._front
        named = aws.cloudfront.DistributionViewerCertificateArgs
        return aws.cloudfront.Distribution(
            "front",
            comment=f"{config.stack}: webhooks from known addresses",
            enabled=True,
            is_ipv6_enabled=True,
            # Webhooks come from few places; fewer of CloudFront's cost nothing in speed.
            price_class="PriceClass_100",
            aliases=[front.domain] if front.domain else None,
            web_acl_id=self._firewall().arn,
            origins=[self._origin()],
            default_cache_behavior=aws.cloudfront.DistributionDefaultCacheBehaviorArgs(
                target_origin_id="api",
                viewer_protocol_policy="https-only",
                allowed_methods=list(_EVERY_METHOD),
                cached_methods=["GET", "HEAD"],
                cache_policy_id=_NO_CACHE,
                origin_request_policy_id=_ALL_BUT_HOST,
            ),
            restrictions=aws.cloudfront.DistributionRestrictionsArgs(
                geo_restriction=aws.cloudfront.DistributionRestrictionsGeoRestrictionArgs(restriction_type="none")
            ),
            viewer_certificate=named(
                acm_certificate_arn=self._certificate(EDGE_REGION),
                minimum_protocol_version="TLSv1.2_2021",
                ssl_support_method="sni-only",
            )
            if front.domain
            else named(cloudfront_default_certificate=True),
            opts=self._inside,
        )

    def _origin(self) -> aws.cloudfront.DistributionOriginArgs:
        return aws.cloudfront.DistributionOriginArgs(
            origin_id="api",
            domain_name=self._api.address.apply(lambda address: address.removeprefix("https://")),
            custom_origin_config=aws.cloudfront.DistributionOriginCustomOriginConfigArgs(
                http_port=80, https_port=443, origin_protocol_policy="https-only", origin_ssl_protocols=["TLSv1.2"]
            ),
            custom_headers=[
                aws.cloudfront.DistributionOriginCustomHeaderArgs(
                    name=FRONT_HEADER, value=pulumi.Output.secret(self._front.secret)
                )
            ],
        )

    def _firewall(self) -> aws.wafv2.WebAcl:
        config = self._config
        ranges = {kind: [one for one in self._front.sources if (":" in one) == (kind == "6")] for kind in ("4", "6")}
        lists = [
            aws.wafv2.IpSet(
                f"sources-{kind}",
                name=f"{config.stack}-sources-{kind}",
                description="Who may call the webhook",
                scope="CLOUDFRONT",
                ip_address_version=f"IPV{kind}",
                addresses=found,
                region=EDGE_REGION,
                opts=self._inside,
            )
            for kind, found in ranges.items()
            if found
        ]
        return aws.wafv2.WebAcl(
            "front",
            name=f"{config.stack}-front",
            description="Webhooks from known addresses, and nothing else",
            scope="CLOUDFRONT",
            default_action=aws.wafv2.WebAclDefaultActionArgs(block=aws.wafv2.WebAclDefaultActionBlockArgs()),
            rules=[_let_in(config.stack, place, found) for place, found in enumerate(lists)],
            visibility_config=aws.wafv2.WebAclVisibilityConfigArgs(
                cloudwatch_metrics_enabled=True, metric_name=f"{config.stack}-front", sampled_requests_enabled=False
            ),
            region=EDGE_REGION,
            opts=self._inside,
        )


def _let_in(stack: str, priority: int, sources: aws.wafv2.IpSet) -> aws.wafv2.WebAclRuleArgsDict:
    """Webhooks from these addresses; everything else is refused before it reaches the API."""
    webhook = route(wiring.WEBHOOK)
    name = f"webhooks-{priority}"
    return {
        "name": name,
        "priority": priority,
        "action": {"allow": {}},
        "statement": {
            "and_statement": {
                "statements": [
                    {"ip_set_reference_statement": {"arn": sources.arn}},
                    {"byte_match_statement": _exactly({"uri_path": {}}, webhook.path)},
                    {"byte_match_statement": _exactly({"method": {}}, webhook.method)},
                ]
            }
        },
        "visibility_config": _seen(f"{stack}-{name}"),
    }


def _exactly(
    part: aws.wafv2.WebAclRuleStatementByteMatchStatementFieldToMatchArgsDict, text: str
) -> aws.wafv2.WebAclRuleStatementByteMatchStatementArgsDict:
    return {
        "field_to_match": part,
        "search_string": text,
        "positional_constraint": "EXACTLY",
        "text_transformations": [{"priority": 0, "type": "NONE"}],
    }


def _seen(metric: str) -> aws.wafv2.WebAclRuleVisibilityConfigArgsDict:
    return {"cloudwatch_metrics_enabled": True, "metric_name": metric, "sampled_requests_enabled": False}
