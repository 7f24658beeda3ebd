from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from typing import Any

import psutil
import pytest

from controller.local.aws.boots import Boot
from controller.local.aws.cloud import LocalCloud
from controller.local.aws.instance import Latencies
from controller.local.aws.metadata import Metadata
from controller.local.aws.principals import ACCOUNT
from tests.controller.local.aws.fleets import AGENT, described, fleet, ids, state_of
from tests.controller.local.aws.rig import eventually

pytestmark = pytest.mark.local_cloud

LONG_S = 1000.0

DOORS = """
import json

def webhook(event, context):
    return {"statusCode": 202, "body": "queued"}

def events(event, context):
    for record in event["Records"]:
        print(json.dumps([record["attributes"]["SenderId"], json.loads(record["body"])]), flush=True)

def dispatch(event, context):
    return None

claim = reports = housekeeping = webhook
"""


@pytest.fixture(scope="module")
def cloud(start_cloud: Callable[..., LocalCloud]) -> LocalCloud:
    return start_cloud(DOORS, agent_command=(sys.executable, "-I", "-S", "-c", AGENT))


@pytest.fixture(autouse=True)
def restore(cloud: LocalCloud) -> Iterator[None]:
    yield
    cloud._instances.latencies = Latencies()


def booted(cloud: LocalCloud, token: str, *types: str, count: int = 1, lifecycle: str = "spot") -> list[str]:
    names = ids(fleet(cloud, count, token, *types, lifecycle=lifecycle))
    eventually(lambda: all("booted" in cloud.console(name) for name in names))
    return names


def told_of(cloud: LocalCloud, name: str, kind: str = "State-change") -> list[dict[str, Any]]:
    return [
        event["detail"]
        for event in cloud.events
        if event["detail"]["instance-id"] == name and kind in event["detail-type"]
    ]


def delivered(cloud: LocalCloud, name: str) -> list[tuple[str, dict[str, Any]]]:
    found = [json.loads(line) for line in cloud.function_log("events").splitlines()]
    return [(sender, event) for sender, event in found if event["detail"]["instance-id"] == name]


def notice(metadata: Metadata, name: str) -> str:
    return metadata._facts[name].action


def test_a_spot_machine_is_warned_and_then_taken_away(cloud: LocalCloud) -> None:
    (name,) = booted(cloud, "taken")

    cloud.interrupt(name, notice_s=0.5)
    warned = state_of(cloud, name), json.loads(notice(cloud._metadata, name))["action"]
    eventually(lambda: state_of(cloud, name) == "terminated")

    assert warned == ("running", "terminate")
    told = described(cloud, InstanceIds=[name])[name]
    assert told["StateReason"]["Code"] == "Server.SpotInstanceTermination"
    assert not [process for process in cloud.processes() if process.machine == name]


def test_the_notice_is_two_minutes_unless_it_is_said_otherwise(cloud: LocalCloud) -> None:
    (name,) = booted(cloud, "minutes")

    cloud.interrupt(name)

    assert cloud._instances.latencies.notice_s == 120
    assert state_of(cloud, name) == "running"
    assert notice(cloud._metadata, name)


def test_events_are_exactly_those_of_ec2_and_come_from_eventbridge(cloud: LocalCloud) -> None:
    (name,) = booted(cloud, "events")
    zone = next(instance.zone for instance in cloud.instances() if instance.id == name)

    cloud.rebalance(name)
    cloud.interrupt(name, notice_s=0.1)
    eventually(lambda: state_of(cloud, name) == "terminated")
    eventually(lambda: len(delivered(cloud, name)) == 4)

    assert {sender for sender, _ in delivered(cloud, name)} == {"events.amazonaws.com"}
    arrived = {event["detail-type"]: event for _, event in delivered(cloud, name)}
    warning = arrived["EC2 Spot Instance Interruption Warning"]
    assert set(warning) == {
        "version",
        "id",
        "detail-type",
        "source",
        "account",
        "time",
        "region",
        "resources",
        "detail",
    }
    assert (warning["version"], warning["source"], warning["account"]) == ("0", "aws.ec2", ACCOUNT)
    assert warning["resources"] == [f"arn:aws:ec2:{zone}:instance/{name}"]
    assert warning["detail"] == {"instance-id": name, "instance-action": "terminate"}
    recommended = arrived["EC2 Instance Rebalance Recommendation"]
    assert recommended["resources"] == [f"arn:aws:ec2:us-east-1:{ACCOUNT}:instance/{name}"]
    assert recommended["detail"] == {"instance-id": name}
    assert cloud._metadata._facts[name].rebalance


def test_only_what_a_rule_asks_for_is_delivered_but_everything_can_be_seen(cloud: LocalCloud) -> None:
    (name,) = booted(cloud, "seen")
    cloud.client("ec2").terminate_instances(InstanceIds=[name])
    eventually(lambda: len(delivered(cloud, name)) == 2)

    states = [detail["state"] for detail in told_of(cloud, name)]

    assert states == ["pending", "running", "shutting-down", "terminated"]
    assert [event["detail"]["state"] for _, event in delivered(cloud, name)] == ["shutting-down", "terminated"]


def test_a_whole_pool_can_be_interrupted(cloud: LocalCloud) -> None:
    hit = booted(cloud, "pool", "c7i.large", count=3)
    others = [*booted(cloud, "other", "c7a.large"), *booted(cloud, "kept", "c7i.large", lifecycle="on-demand")]

    named = cloud.interrupt_pool("c7i.*", "us-east-1?", notice_s=0.1)
    eventually(lambda: {state_of(cloud, name) for name in hit} == {"terminated"})

    assert sorted(named) == sorted(hit)
    assert {state_of(cloud, name) for name in others} == {"running"}


def test_a_pool_of_one_zone_leaves_the_others_alone(cloud: LocalCloud) -> None:
    booted(cloud, "zones", "r7i.large", count=3)
    zones = {instance.id: instance.zone for instance in cloud.instances() if instance.type == "r7i.large"}

    named = cloud.interrupt_pool("r7i.large", "us-east-1b", notice_s=LONG_S)

    assert [zones[name] for name in named] == ["us-east-1b"]


def test_on_demand_machines_are_never_interrupted(cloud: LocalCloud) -> None:
    (name,) = booted(cloud, "safe", lifecycle="on-demand")

    with pytest.raises(ValueError, match=f"{name} is not a spot machine"):
        cloud.interrupt(name)


def test_what_has_ended_can_not_be_hit_again(cloud: LocalCloud) -> None:
    (name,) = booted(cloud, "ended")
    cloud.kill(name)
    eventually(lambda: state_of(cloud, name) == "terminated")
    before = len(cloud.events)

    cloud.interrupt(name)
    cloud.rebalance(name)
    cloud.kill(name)
    cloud.freeze(name)

    assert len(cloud.events) == before
    assert not notice(cloud._metadata, name)


def test_a_killed_machine_is_gone_without_a_warning(cloud: LocalCloud) -> None:
    (name,) = booted(cloud, "killed")

    cloud.kill(name)
    eventually(lambda: state_of(cloud, name) == "terminated")

    assert described(cloud, InstanceIds=[name])[name]["StateReason"]["Code"] == "Server.InternalError"
    assert not notice(cloud._metadata, name)
    assert not told_of(cloud, name, "Warning")


def test_a_frozen_machine_runs_for_ec2_while_all_of_it_stands_still_and_can_be_ended(cloud: LocalCloud) -> None:
    (name,) = booted(cloud, "frozen")

    cloud.freeze(name)
    mine = [process.pid for process in cloud.processes() if process.machine == name]
    eventually(lambda: {psutil.Process(pid).status() for pid in mine} == {psutil.STATUS_STOPPED})
    running = state_of(cloud, name)
    cloud.client("ec2").terminate_instances(InstanceIds=[name])

    assert running == "running"
    eventually(lambda: state_of(cloud, name) == "terminated")
    # An orphan that has ended may lie as a zombie until the first process looks.
    eventually(lambda: not {process.pid for process in psutil.process_iter() if _runs(process)} & set(mine))


def test_a_machine_frozen_before_it_boots_never_does(cloud: LocalCloud) -> None:
    cloud._instances.latencies = Latencies(boot_s=1.5)
    (name,) = ids(fleet(cloud, 1, "early"))

    cloud.freeze(name)
    (later,) = booted(cloud, "later")

    assert state_of(cloud, name) == state_of(cloud, later) == "running"
    assert cloud.console(name) == ""


def test_a_silent_machine_runs_without_a_process_and_can_be_ended(cloud: LocalCloud) -> None:
    cloud.next_boot(Boot.SILENT)
    (silent,) = ids(fleet(cloud, 1, "silent"))
    booted(cloud, "after-silent")

    running = state_of(cloud, silent), {process.machine for process in cloud.processes()}
    cloud.client("ec2").terminate_instances(InstanceIds=[silent])

    assert running[0] == "running"
    assert silent not in running[1]
    assert state_of(cloud, silent) == "terminated"


def test_a_slow_machine_comes_up_after_the_others(cloud: LocalCloud) -> None:
    cloud.next_boot(Boot.SLOW, extra_s=LONG_S)
    cloud.next_boot(Boot.SLOW, extra_s=0.2)
    (very_slow,) = ids(fleet(cloud, 1, "very-slow"))

    booted(cloud, "slow")
    booted(cloud, "quick")

    assert (state_of(cloud, very_slow), cloud.console(very_slow)) == ("running", "")


def test_a_boot_that_fails_ends_before_it_runs(cloud: LocalCloud) -> None:
    cloud.next_boot(Boot.FAILS, times=2)
    names = ids(fleet(cloud, 2, "fails"))

    eventually(lambda: {state_of(cloud, name) for name in names} == {"terminated"})

    assert {instance.reason for instance in cloud.instances() if instance.id in names} == {"Server.InternalError"}
    states = [detail["state"] for detail in told_of(cloud, names[0])]
    assert states == ["pending", "shutting-down", "terminated"]


def test_machines_give_their_place_in_the_pool_back_however_they_end(cloud: LocalCloud) -> None:
    cloud.next_boot(Boot.FAILS)
    names = ids(fleet(cloud, 4, "places", "m7a.large"))
    held = [instance.zone for instance in cloud.instances() if instance.id in names]
    eventually(lambda: [state_of(cloud, name) for name in names].count("running") == 3)

    cloud.kill(names[1])
    cloud.interrupt(names[2], notice_s=0.0)
    cloud.client("ec2").terminate_instances(InstanceIds=[names[3]])
    eventually(lambda: {state_of(cloud, name) for name in names} == {"terminated"})

    assert len(held) == 4
    assert [cloud.pools.in_use("spot", "m7a.large", zone) for zone in set(held)] == [0] * len(set(held))


def _runs(process: psutil.Process) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
