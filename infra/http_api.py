"""The stack's one address on the internet; `Functions` hangs the routes of `controller.wiring` on it."""

from __future__ import annotations

import json

import pulumi
import pulumi_aws as aws

from controller.wiring import Function, Route
from infra.config import StackConfig
from infra.keys import Keys

RATE = 500
"""Requests a second on each route: half of what EC2 can launch in a full burst, and machines ask again when refused."""
BURST = 1_000

_ACCESS_LOG = {
    "request": "$context.requestId",
    "time": "$context.requestTimeEpoch",
    "from": "$context.identity.sourceIp",
    "route": "$context.routeKey",
    "status": "$context.status",
    "bytes": "$context.responseLength",
    "ms": "$context.responseLatency",
    "error": "$context.error.message",
    "integration": "$context.integrationErrorMessage",
}
"""Neither headers nor bodies: a signature or a credential must not end up in a log."""


class HttpApi(pulumi.ComponentResource):
    """An HTTP API, throttled and logged, with no route of its own."""

    address: pulumi.Output[str]
    """Without a slash at its end."""
    id: pulumi.Output[str]
    stage: pulumi.Output[str]
    """The id of the one stage, served without a path."""

    def __init__(self, config: StackConfig, keys: Keys, opts: pulumi.ResourceOptions) -> None:
        super().__init__("spotrunner:infra:HttpApi", "http-api", None, opts)
        inside = pulumi.ResourceOptions(parent=self)
        self._config = config
        self._api = aws.apigatewayv2.Api(
            "api",
            name=f"{config.stack}-api",
            description="Webhooks from GitHub, claims from machines",
            protocol_type="HTTP",
            opts=inside,
        )
        # AWS lets API Gateway write to log groups of this name without a policy for each.
        log = aws.cloudwatch.LogGroup(
            "access",
            name=f"/aws/vendedlogs/{config.stack}-api",
            retention_in_days=config.log_days,
            kms_key_id=keys.stack,
            opts=inside,
        )
        self.id = self._api.id
        self.stage = aws.apigatewayv2.Stage(
            "live",
            api_id=self._api.id,
            name="$default",
            auto_deploy=True,
            default_route_settings=aws.apigatewayv2.StageDefaultRouteSettingsArgs(
                throttling_rate_limit=RATE, throttling_burst_limit=BURST
            ),
            access_log_settings=aws.apigatewayv2.StageAccessLogSettingsArgs(
                destination_arn=log.arn, format=json.dumps(_ACCESS_LOG)
            ),
            opts=inside,
        ).id
        self.address = self._api.api_endpoint
        self.register_outputs({})

    def url(self, function: Function) -> pulumi.Output[str]:
        """Where a function is called."""
        return pulumi.Output.concat(self.address, route(function).path)

    def arn(self, function: Function) -> pulumi.Output[str]:
        """The resource that calling a function is a right on."""
        way = route(function)
        return pulumi.Output.concat(self._api.execution_arn, "/$default/", way.method, way.path)

    def serve(self, function: Function, deployed: aws.lambda_.Function) -> None:
        """Let the function's route call it."""
        way = route(function)
        inside = pulumi.ResourceOptions(parent=self)
        integration = aws.apigatewayv2.Integration(
            function.name,
            api_id=self._api.id,
            integration_type="AWS_PROXY",
            integration_uri=deployed.arn,
            payload_format_version="2.0",
            timeout_milliseconds=(function.timeout_s + 1) * 1_000,
            opts=inside,
        )
        aws.apigatewayv2.Route(
            function.name,
            api_id=self._api.id,
            route_key=f"{way.method} {way.path}",
            authorization_type="AWS_IAM" if way.iam else "NONE",
            target=pulumi.Output.concat("integrations/", integration.id),
            opts=inside,
        )
        aws.lambda_.Permission(
            function.name,
            action="lambda:InvokeFunction",
            function=deployed.name,
            principal="apigateway.amazonaws.com",
            source_account=self._config.place.account,
            source_arn=self.arn(function),
            opts=inside,
        )


def route(function: Function) -> Route:
    """Where a function is called; raises `TypeError` for one that is not called over HTTP."""
    if not isinstance(function.trigger, Route):
        raise TypeError(f"{function.name} is not called over HTTP")
    return function.trigger
