"""What is watched in a stack: `charts` as a CloudWatch dashboard and its alarms."""

from __future__ import annotations

import json

import pulumi
import pulumi_aws as aws

from infra import charts
from infra.config import StackConfig


class Observability(pulumi.ComponentResource):
    """A dashboard, and alarms that tell the given topics."""

    dashboard_url: str

    def __init__(self, config: StackConfig, topics: list[pulumi.Input[str]], opts: pulumi.ResourceOptions) -> None:
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
        for alarm in charts.alarms(config.stack):
            _raise(alarm, topics, inside)
        self.register_outputs({})


def _raise(alarm: charts.Alarm, topics: list[pulumi.Input[str]], inside: pulumi.ResourceOptions) -> None:
    aws.cloudwatch.MetricAlarm(
        alarm.name,
        name=alarm.name,
        alarm_description=alarm.text,
        namespace=alarm.namespace,
        metric_name=alarm.metric,
        dimensions=alarm.dimensions,
        statistic=alarm.statistic,
        period=charts.MINUTE_S,
        evaluation_periods=alarm.of_minutes,
        datapoints_to_alarm=alarm.minutes,
        threshold=alarm.above,
        comparison_operator="GreaterThanThreshold",
        # No data means that nothing happened, which for each of these is how it should be.
        treat_missing_data="notBreaching",
        alarm_actions=topics,
        ok_actions=topics,
        opts=inside,
    )
