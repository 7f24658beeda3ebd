from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import boto3
import botocore.session
import pytest
from botocore.validate import ParamValidator
from moto import mock_aws

from controller import wiring
from controller.signals import NAMESPACE, SIGNALS
from infra import alarms, log_filters
from infra.alarms import Alarm, Missing
from tests.infra.deployed import ROOT, STACK, Deployed
from tests.watching.metric_math import evaluate

ALARMS = {alarm.name.removeprefix(f"{STACK}-"): alarm for alarm in alarms.alarms(STACK)}
METRICS = {metric.name: metric for signal in SIGNALS.values() for metric in signal.metrics}
every_alarm = pytest.mark.parametrize("alarm", ALARMS.values(), ids=ALARMS)


def request(found: Mapping[str, Any]) -> dict[str, Any]:
    """What the provider asks CloudWatch for."""
    names = {
        "name": "AlarmName",
        "alarmDescription": "AlarmDescription",
        "namespace": "Namespace",
        "metricName": "MetricName",
        "statistic": "Statistic",
        "period": "Period",
        "evaluationPeriods": "EvaluationPeriods",
        "datapointsToAlarm": "DatapointsToAlarm",
        "threshold": "Threshold",
        "comparisonOperator": "ComparisonOperator",
        "treatMissingData": "TreatMissingData",
        "alarmActions": "AlarmActions",
        "okActions": "OKActions",
    }
    asked = {theirs: _whole(found[ours]) for ours, theirs in names.items() if found.get(ours) is not None}
    if dimensions := found.get("dimensions"):
        asked["Dimensions"] = _dimensions(dimensions)
    if queries := found.get("metricQueries"):
        asked["Metrics"] = [_query(query) for query in queries]
    return asked


def _whole(value: object) -> object:
    """The engine knows no whole numbers."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _query(query: Mapping[str, Any]) -> dict[str, Any]:
    asked = {"Id": query["id"], "ReturnData": query["returnData"]}
    if metric := query.get("metric"):
        of = {"Namespace": metric["namespace"], "MetricName": metric["metricName"]}
        stat = {"Metric": of | {"Dimensions": _dimensions(metric["dimensions"])}}
        return asked | {"MetricStat": stat | {"Period": _whole(metric["period"]), "Stat": metric["stat"]}}
    return asked | {"Expression": query["expression"], "Label": query["label"]}


def _dimensions(given: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"Name": name, "Value": value} for name, value in given.items()]


@pytest.fixture
def cloudwatch(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    with mock_aws():
        client = boto3.client("cloudwatch", region_name="us-east-1")
        yield client
        client.close()


def test_every_event_that_must_alert_has_an_alarm_on_its_whole_count() -> None:
    for event, signal in SIGNALS.items():
        if signal.alert:
            (series,) = ALARMS[signal.metrics[0].name].series
            assert (series.namespace, series.dimensions) == (NAMESPACE, {"stack": STACK}), event


@every_alarm
def test_an_alarm_watches_what_somebody_tells_with_the_dimensions_it_is_told_with(alarm: Alarm) -> None:
    for series in alarm.series:
        if series.namespace == NAMESPACE:
            parts = set(series.dimensions) - {"stack"}
            assert parts in (set(), set(METRICS[series.metric].by))
        elif series.namespace == log_filters.namespace(STACK):
            assert series.metric in {each.metric for each in log_filters.log_filters()}
            assert series.dimensions == {}
        else:
            assert series.namespace in {"AWS/SQS", "AWS/Lambda"}


@every_alarm
def test_an_alarm_says_what_to_do_first_and_where_the_rest_stands(alarm: Alarm) -> None:
    headings = re.findall(r"^### (.*)$", (ROOT / alarms.PAGE).read_text(), re.MULTILINE)

    assert alarm.kind in headings
    assert alarm.description.endswith(f"More: docs/watching.md#{alarm.kind}")
    assert "First: " in alarm.description
    assert len(alarm.description) <= 1_024


@every_alarm
def test_an_alarm_is_fast_enough_to_be_raised_within_five_minutes(alarm: Alarm) -> None:
    assert alarm.periods <= alarm.of_periods
    assert alarm.period_s in {60, 300}
    assert alarm.periods * alarm.period_s <= 300


@every_alarm
def test_only_silence_alarms_where_nothing_is_told(alarm: Alarm) -> None:
    nothing = {series.id: [None] * 5 for series in alarm.series}

    assert (alarm.missing is Missing.BAD) == (alarm.kind == "silent")
    assert alarm.why_missing
    assert not alarm.expression or len(evaluate(alarm.expression, nothing, 5)) == 5


def test_every_queue_has_an_alarm_on_its_dead_letters_and_on_an_age_that_one_failure_does_not_reach() -> None:
    for queue in wiring.QUEUES:
        dead, age = ALARMS[f"{queue.name}-dead-letters"], ALARMS[f"{queue.name}-age"]
        assert dead.series[0].dimensions == {"QueueName": f"{STACK}-{queue.name}-dead"}
        assert age.series[0].dimensions == {"QueueName": f"{STACK}-{queue.name}"}
        assert age.threshold >= 300
        assert age.threshold > queue.visibility_s


def test_what_is_deployed_is_what_stands_here_and_what_cloudwatch_takes(
    stack: Deployed,
    cloudwatch: Any,  # noqa: ANN401 - a boto3 client
) -> None:
    deployed = stack.of("cloudwatch/metricAlarm:MetricAlarm")
    model = botocore.session.get_session().get_service_model("cloudwatch").operation_model("PutMetricAlarm")

    assert deployed.keys() == {alarm.name for alarm in ALARMS.values()}
    for alarm in ALARMS.values():
        asked = request(deployed[alarm.name].inputs)
        report = ParamValidator().validate(asked, model.input_shape)
        assert not report.has_errors(), report.generate_report()
        assert asked["AlarmDescription"] == alarm.description
        assert asked["TreatMissingData"] == alarm.missing
        assert (asked["DatapointsToAlarm"], asked["EvaluationPeriods"]) == (alarm.periods, alarm.of_periods)
        # Either one metric or queries, of which exactly one is compared.
        assert ("MetricName" in asked) != ("Metrics" in asked)
        assert [query["Id"] for query in asked.get("Metrics", ()) if query["ReturnData"]] in ([], ["answer"])
        cloudwatch.put_metric_alarm(**asked)


def test_a_log_filter_counts_lines_of_a_log_group_that_is_deployed(stack: Deployed) -> None:
    groups = {group.inputs["name"] for group in stack.of("cloudwatch/logGroup:LogGroup").values()}
    filters = stack.of("cloudwatch/logMetricFilter:LogMetricFilter")

    assert {found.inputs["logGroupName"] for found in filters.values()} <= groups
    assert len(filters) == 2 * len(wiring.FUNCTIONS) + 1
    for found in filters.values():
        assert found.inputs["metricTransformation"]["namespace"] == f"SpotRunner/{STACK}"
    webhook = filters["webhook-5xx"].inputs["pattern"]
    assert webhook == '{ $.route = "POST /webhook/github" && $.status = "5*" }'


def test_a_slack_channel_hears_of_alarms_and_may_do_nothing(runs: Mapping[str, Deployed]) -> None:
    channel = runs["private"].one("chatbot/slackChannelConfiguration:SlackChannelConfiguration").inputs
    rights = [name for name in runs["private"].of("iam/rolePolicy:RolePolicy") if "chat" in name]

    assert (channel["slackTeamId"], channel["slackChannelId"]) == ("T0123ABCD", "C0123ABCD")
    assert channel["guardrailPolicyArns"] == ["arn:aws:iam::aws:policy/AWSDenyAll"]
    assert channel["snsTopicArns"] == [f"arn:aws:sns:us-east-1:123456789012:{STACK}-alerts"]
    assert rights == []
    assert runs["up"].of("chatbot/slackChannelConfiguration:SlackChannelConfiguration") == {}


def test_stack_files_can_be_checked_without_deploying(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from infra import check  # noqa: PLC0415 - a command, used here as one

    good = sorted(str(file) for file in (ROOT / "stacks").glob("Pulumi.*.yaml"))
    bad, none = tmp_path / "Pulumi.x-moon.yaml", tmp_path / "Pulumi.none.yaml"
    bad.write_text("config:\n  aws:region: moon\n")
    none.write_text("- a list\n")

    assert check.main(good) == 0
    assert check.main([str(bad), str(none), str(tmp_path / "absent.yaml")]) == 1
    told = capsys.readouterr().out
    assert "aws:region: 'moon' is not a region" in told
    assert "there is no `config:`" in told
    assert "No such file" in told
