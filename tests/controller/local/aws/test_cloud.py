from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from pathlib import Path
from typing import Any

import psutil
import pytest

from controller import wiring
from controller.local.aws.cloud import LocalCloud, Options, Stopped
from controller.local.aws.principals import PrincipalKind
from controller.local.aws.provision import GitHubApp
from tests.controller.local.aws.rig import GITHUB, eventually

pytestmark = pytest.mark.local_cloud


DOORS = """
import json, os

def client(name):
    import boto3
    return boto3.client(name)

def webhook(event, context):
    client("sqs").send_message(QueueUrl=os.environ["SPOTRUNNER_JOBS_QUEUE_URL"], MessageBody=event["body"])
    return {"statusCode": 202, "body": "queued"}

def dispatch(event, context):
    jobs = [record for record in event["Records"] if "job" in record["body"]]
    if not jobs:
        return
    templates = dict(pair.split("=") for pair in os.environ["SPOTRUNNER_LAUNCH_TEMPLATES"].split(","))
    subnets = dict(pair.split("=") for pair in os.environ["SPOTRUNNER_SUBNETS"].split(","))
    client("ec2").create_fleet(
        Type="instant",
        ClientToken=jobs[0]["messageId"],
        LaunchTemplateConfigs=[{
            "LaunchTemplateSpecification": {"LaunchTemplateId": templates["linux/x64"], "Version": "$Default"},
            "Overrides": [{"InstanceType": "m7i.large", "SubnetId": subnet} for subnet in subnets.values()],
        }],
        TargetCapacitySpecification={"TotalTargetCapacity": len(jobs), "DefaultTargetCapacityType": "spot"},
        TagSpecifications=[
            {"ResourceType": kind, "Tags": [
                {"Key": "spotrunner:launch", "Value": "L1"},
                {"Key": "spotrunner:stack", "Value": os.environ["SPOTRUNNER_STACK"]},
            ]}
            for kind in ("fleet", "instance", "volume", "network-interface")
        ],
    )

def claim(event, context):
    who = event["requestContext"]["authorizer"]["iam"]["userId"]
    return {"statusCode": 200, "body": json.dumps({"reports": os.environ["SPOTRUNNER_REPORTS_QUEUE_URL"], "you": who})}

def reports(event, context):
    for record in event["Records"]:
        print(record["attributes"]["SenderId"] == json.loads(record["body"])["you"], record["body"], flush=True)

def housekeeping(event, context):
    print(event["Records"][0]["body"], flush=True)

def events(event, context):
    for record in event["Records"]:
        told = json.loads(record["body"])["detail"]
        print(record["attributes"]["SenderId"], told["instance-id"], told["state"], flush=True)
"""

AGENT = """
import json, os, shlex, subprocess, time
from runner_agent.aws import Imds, Signer
from runner_agent.web import Request, exchange

imds = Imds(os.environ["AWS_EC2_METADATA_SERVICE_ENDPOINT"])
signer = Signer(imds.identity().region, imds.credentials, os.environ["AWS_ENDPOINT_URL"])
work = json.loads(imds.user_data())
answer = exchange(signer.request(Request("POST", work["claim_url"], {}, b"{}"), "execute-api"), 30)
bundle = json.loads(answer.body)
subprocess.Popen(["sh", "-c", "sleep 1000 & sleep 1000"], start_new_session=True)
told = {**bundle, "launch": imds.tag("spotrunner:launch")}
message = json.dumps({"QueueUrl": bundle["reports"], "MessageBody": json.dumps(told)}).encode()
exchange(signer.message(bundle["reports"], message), 30)
subprocess.run(shlex.split(os.environ["SPOTRUNNER_POWER_OFF"]), check=True)
time.sleep(1000)
"""


def post(url: str, body: bytes) -> int:
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"})  # noqa: S310 - our own server
    with urllib.request.urlopen(request) as answer:  # noqa: S310 - our own server
        return int(answer.status)


def options(folder: Path, doors: str = DOORS, **more: object) -> Options:
    (folder / "doors.py").write_text(doors)
    (folder / "agent.py").write_text(AGENT)
    given: dict[str, Any] = {"agent_command": (sys.executable, str(folder / "agent.py")), "schedules": (), **more}
    return Options(handlers="doors", task_root=folder, **given)


def threads() -> set[str]:
    return {thread.name for thread in threading.enumerate()}


def ports(cloud: LocalCloud) -> list[int]:
    return [int(url.rsplit(":", 1)[1]) for url in (cloud.front_url, cloud.api_url, cloud.otlp_url)]


def is_closed(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


def test_from_the_webhook_to_power_off_and_nothing_is_left(tmp_path: Path) -> None:
    before = threads()
    cloud = LocalCloud(tmp_path / "run", GITHUB, {"linux": "{}"}, options(tmp_path)).start()

    statuses = [post(cloud.webhook_url, json.dumps({"job": number}).encode()) for number in range(3)]
    eventually(lambda: cloud.function_log("reports").count("\n") == 3)
    eventually(lambda: [instance.state for instance in cloud.instances()] == ["terminated"] * 3)
    left = cloud.processes()
    cloud.stop()
    began = time.monotonic()
    cloud.stop()

    assert statuses == [202, 202, 202]
    lines = cloud.function_log("reports").splitlines()
    assert all(line.startswith("True ") and '"launch": "L1"' in line for line in lines)
    assert {instance.id for instance in cloud.instances()} == {
        call.principal for call in cloud.calls if (call.action, call.kind) == ("Invoke", PrincipalKind.INSTANCE)
    }
    assert {instance.reason for instance in cloud.instances()} == {"Client.InstanceInitiatedShutdown"}
    assert left == cloud.processes() == ()
    assert all(is_closed(port) for port in ports(cloud))
    assert threads() == before
    assert time.monotonic() - began < 2


def test_schedules_put_their_messages_on_their_queues(tmp_path: Path) -> None:
    chore = wiring.Schedule("audit", 100, wiring.HOUSEKEEPING, {"kind": "chore", "task": "audit"})
    cloud = LocalCloud(tmp_path / "run", GITHUB, {}, options(tmp_path, schedules=(chore,), speed=1000.0))

    with cloud:
        eventually(lambda: cloud.function_log("housekeeping").count("\n") >= 2)

    assert set(cloud.function_log("housekeeping").splitlines()) == {'{"kind": "chore", "task": "audit"}'}
    senders = {call.principal for call in cloud.calls if call.kind is PrincipalKind.SERVICE}
    assert "schedule:audit" in senders


def test_traces_are_collected_in_the_run_folder(tmp_path: Path) -> None:
    with LocalCloud(tmp_path / "run", GITHUB, {}, options(tmp_path)) as cloud:
        status = post(f"{cloud.otlp_url}/v1/traces", b'{"resourceSpans":[]}')

    assert status == 200
    assert (tmp_path / "run" / "traces.jsonl").read_text() == '{"resourceSpans": []}\n'


def test_stopping_takes_running_machines_and_functions_down(tmp_path: Path) -> None:
    doors = DOORS.replace('return {"statusCode": 200', 'import time; time.sleep(1000)\n    return {"statusCode": 200')
    cloud = LocalCloud(tmp_path / "run", GITHUB, {}, options(tmp_path, doors)).start()
    post(cloud.webhook_url, b'{"job":1}')
    eventually(lambda: cloud.functions()["claim"].environments == 1 and len(cloud.processes()) == 2)
    below = psutil.Process().children(recursive=True)

    began = time.monotonic()
    cloud.stop()
    took = time.monotonic() - began

    assert cloud.processes() == ()
    assert not [process for process in below if process.is_running()]
    assert took < 2


def test_a_cloud_stopped_while_it_starts_leaves_nothing(tmp_path: Path) -> None:
    before = threads()
    cloud = LocalCloud(tmp_path / "run", GITHUB, {}, options(tmp_path))
    raised: list[BaseException] = []

    def start() -> None:
        try:
            cloud.start()
        except Stopped as stopped:
            raised.append(stopped)

    starting = threading.Thread(target=start)
    starting.start()
    eventually(lambda: "front-accept" in threads() or not starting.is_alive())
    cloud.stop()
    starting.join()

    assert len(raised) == 1
    assert threads() == before


def test_a_cloud_that_cannot_start_leaves_nothing(tmp_path: Path) -> None:
    before = threads()
    cloud = LocalCloud(tmp_path / "run", GITHUB, {}, options(tmp_path, settings={"nonsense": 1}))

    with pytest.raises(TypeError, match="nonsense"):
        cloud.start()

    assert threads() == before
    with LocalCloud(tmp_path / "again", GITHUB, {}, options(tmp_path)):
        pass


def test_no_secret_is_in_anything_the_cloud_writes(tmp_path: Path) -> None:
    canary = "canary-b7d1"
    github = GitHubApp("http://127.0.0.1:9", "1", f"key {canary}", f"secret {canary}")
    with LocalCloud(tmp_path / "run", github, {}, options(tmp_path)) as cloud:
        post(cloud.webhook_url, b'{"job":1}')
        eventually(lambda: [instance.state for instance in cloud.instances()] == ["terminated"])
        key = cloud._admin.secret_key
        told = repr((cloud.calls, cloud.instances(), cloud.settings, github, cloud.functions()))

    written = "".join(path.read_text() for path in (tmp_path / "run").rglob("*") if path.is_file()) + told
    assert canary not in written
    assert key not in written


CHILD = """
import signal, sys, time, urllib.request
from pathlib import Path
from controller.local.aws.cloud import LocalCloud, Options
from controller.local.aws.provision import GitHubApp

def main():
    signal.alarm(60)
    folder = Path(sys.argv[1])
    agent = "import subprocess, time; subprocess.Popen(['sleep', '1000'], start_new_session=True); time.sleep(1000)"
    options = Options(handlers="doors", task_root=folder, agent_command=(sys.executable, "-c", agent), schedules=())
    cloud = LocalCloud(folder / "run", GitHubApp("http://127.0.0.1:9", "1", "k", "s"), {}, options).start()
    asked = urllib.request.Request(cloud.webhook_url, b'{"job":1}', {"Content-Type": "application/json"})
    urllib.request.urlopen(asked).read()
    while len(cloud.processes()) < 3:
        time.sleep(0.01)
    cloud.client("sqs").send_message(QueueUrl=cloud.settings.housekeeping_queue_url, MessageBody="hang")
    while "hanging" not in cloud.function_log("housekeeping"):
        time.sleep(0.01)
    print("up", flush=True)
    time.sleep(1000)

main()
"""


def test_when_the_cloud_is_killed_its_machines_and_functions_die_too(tmp_path: Path) -> None:
    hang = 'print("hanging", flush=True)\n    while True: pass'
    options(tmp_path, DOORS.replace('print(event["Records"][0]["body"], flush=True)', hang))
    (tmp_path / "child.py").write_text(CHILD)
    with subprocess.Popen([sys.executable, str(tmp_path / "child.py"), str(tmp_path)], stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"up\n"
        family = psutil.Process(child.pid).children(recursive=True)

        os.kill(child.pid, signal.SIGKILL)

        assert len(family) >= 7
        eventually(lambda: not [p for p in family if p.is_running() and p.status() != psutil.STATUS_ZOMBIE])
