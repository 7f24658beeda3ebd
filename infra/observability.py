"""What is watched in a stack: the dashboard, the alarms and the log filters, each as CloudWatch takes it."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pulumi
import pulumi_aws as aws

from infra import alarms, charts, log_filters
from infra.config import StackConfig
from infra.functions import Functions
from infra.http_api import HttpApi


class Observability(pulumi.ComponentResource):
    """A dashboard, alarms that tell the given topics, and metrics out of the logs of functions and API."""

    dashboard_url: str

    def __init__(
        self,
        config: StackConfig,
        topics: list[pulumi.Input[str]],
        logging: tuple[Functions, HttpApi],
        opts: pulumi.ResourceOptions,
    ) -> None:
        super().__init__("spotrunner:infra:Observability", "observability", None, opts)
        inside = pulumi.ResourceOptions(parent=self)
        region = config.place.region
        aws.cloudwatch.Dashboard(
            "dashboard",
            dashboard_name=config.stack,
            dashboard_body=json.dumps(charts.dashboard(config.stack, region), sort_keys=True),
            opts=inside,
        )
        self.dashboard_url = (
            f"https://{region}.console.aws.amazon.com/cloudwatch/home?region={region}#dashboards:name={config.stack}"
        )
        for alarm in alarms.alarms(config.stack):
            _raise(alarm, topics, inside)
        # The groups must be there before a filter is put on them.
        later = pulumi.ResourceOptions(parent=self, depends_on=list(logging))
        for found in log_filters.log_filters():
            _filter(found, config.stack, later)
        self.register_outputs({})


def _raise(alarm: alarms.Alarm, topics: list[pulumi.Input[str]], inside: pulumi.ResourceOptions) -> None:
    (one, *_) = alarm.series
    alone = not alarm.expression
    aws.cloudwatch.MetricAlarm(
        alarm.name,
        name=alarm.name,
        alarm_description=alarm.description,
        namespace=one.namespace if alone else None,
        metric_name=one.metric if alone else None,
        dimensions=one.dimensions if alone else None,
        statistic=one.statistic if alone else None,
        period=alarm.period_s if alone else None,
        metric_queries=None if alone else _queries(alarm),
        evaluation_periods=alarm.of_periods,
        datapoints_to_alarm=alarm.periods,
        threshold=alarm.threshold,
        comparison_operator=alarm.compare,
        treat_missing_data=alarm.missing,
        alarm_actions=topics,
        ok_actions=topics,
        opts=inside,
    )


def _queries(alarm: alarms.Alarm) -> Sequence[aws.cloudwatch.MetricAlarmMetricQueryArgs]:
    """The series, and the expression over them: the one whose data is compared."""
    query = aws.cloudwatch.MetricAlarmMetricQueryArgs
    answer = query(id="answer", expression=alarm.expression, label=alarm.name, return_data=True)
    return [
        *(
            query(
                id=one.id,
                metric=aws.cloudwatch.MetricAlarmMetricQueryMetricArgs(
                    namespace=one.namespace,
                    metric_name=one.metric,
                    dimensions=one.dimensions,
                    stat=one.statistic,
                    period=alarm.period_s,
                ),
                return_data=False,
            )
            for one in alarm.series
        ),
        answer,
    ]


def _filter(found: log_filters.LogFilter, stack: str, later: pulumi.ResourceOptions) -> None:
    name = f"{stack}-{found.function}"
    aws.cloudwatch.LogMetricFilter(
        found.name,
        name=f"{stack}-{found.name}",
        log_group_name=f"/aws/lambda/{name}" if found.function else f"/aws/vendedlogs/{stack}-api",
        pattern=found.pattern,
        metric_transformation=aws.cloudwatch.LogMetricFilterMetricTransformationArgs(
            name=found.metric, namespace=log_filters.namespace(stack), value="1", unit="Count"
        ),
        opts=later,
    )
