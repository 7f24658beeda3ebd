"""The doors: every function of `controller.wiring`, with its own role, log and trigger."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pulumi
import pulumi_aws as aws

from controller import policies, wiring
from controller.settings import Settings
from infra import access, package, roles
from infra.config import StackConfig
from infra.http_api import HttpApi
from infra.messaging import Messaging

_ROOT = Path(__file__).parent.parent


class Functions(pulumi.ComponentResource):
    """All functions read one environment; what each may do with it is its role's matter."""

    deployed: Mapping[str, aws.lambda_.Function]

    def __init__(
        self,
        config: StackConfig,
        environment: pulumi.Output[Settings],
        names: pulumi.Output[policies.Names],
        messaging: Messaging,
        api: HttpApi,
        opts: pulumi.ResourceOptions,
    ) -> None:
        super().__init__("spotrunner:infra:Functions", "functions", None, opts)
        self._config = config
        self._variables = environment.apply(Settings.environ)
        self._names = names
        build = _ROOT / config.build
        alone, others = package.webhook(build), package.functions(build)
        pulumi.log.info(f"{alone}; {others}")
        self.deployed = {
            function.name: self._deploy(function, alone if function is wiring.WEBHOOK else others, messaging, api)
            for function in wiring.FUNCTIONS
        }
        self.register_outputs({})

    def _deploy(
        self, function: wiring.Function, archive: package.Archive, messaging: Messaging, api: HttpApi
    ) -> aws.lambda_.Function:
        inside = pulumi.ResourceOptions(parent=self)
        name = f"{self._config.stack}-{function.name}"
        log = aws.cloudwatch.LogGroup(
            function.name,
            name=f"/aws/lambda/{name}",
            retention_in_days=self._config.log_days,
            kms_key_id=self._names.apply(lambda known: known.key or None),
            opts=inside,
        )
        role = roles.role(self._config, function.name, "lambda", f"The {function.name} function", inside)
        rights = access.allow(
            function.name, role, function.grants, self._names, log.arn.apply(policies.own_log), opts=inside
        )
        deployed = aws.lambda_.Function(
            function.name,
            name=name,
            description=f"SpotRunner's {function.name} door",
            runtime=package.RUNTIME,
            architectures=[package.ARCHITECTURE],
            handler=function.handler,
            code=pulumi.FileArchive(str(archive.path)),
            source_code_hash=archive.sha256,
            role=role.arn,
            timeout=function.timeout_s,
            memory_size=function.memory_mb,
            reserved_concurrent_executions=self._config.reserved.get(function.name),
            environment=aws.lambda_.FunctionEnvironmentArgs(variables=self._variables),
            logging_config=aws.lambda_.FunctionLoggingConfigArgs(log_format="Text", log_group=log.name),
            # Its first call must find the log group and the rights there.
            opts=pulumi.ResourceOptions(parent=self, depends_on=[rights, log]),
        )
        self._trigger(function, deployed, messaging, api)
        return deployed

    def _trigger(
        self, function: wiring.Function, deployed: aws.lambda_.Function, messaging: Messaging, api: HttpApi
    ) -> None:
        match function.trigger:
            case wiring.Route():
                api.serve(function, deployed)
            case wiring.Poll() as poll:
                aws.lambda_.EventSourceMapping(
                    function.name,
                    function_name=deployed.arn,
                    event_source_arn=messaging.queues[poll.queue.name].arn,
                    batch_size=poll.batch,
                    maximum_batching_window_in_seconds=poll.window_s,
                    scaling_config=aws.lambda_.EventSourceMappingScalingConfigArgs(
                        maximum_concurrency=poll.max_concurrency
                    ),
                    function_response_types=["ReportBatchItemFailures"],
                    opts=pulumi.ResourceOptions(parent=self),
                )
