"""Runs the Pulumi program as `pulumi up` would, against an engine that only writes down; prints what it was told.

python -I program.py <infra folder> <stack> <preview: yes or no>      with the configuration in PULUMI_CONFIG
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import runpy
import sys
from pathlib import Path
from typing import Any

import pulumi
from pulumi.runtime.mocks import MockMonitor

ACCOUNT, REGION = "123456789012", "us-east-1"


_HERE = f"{REGION}:{ACCOUNT}"

MADE = {
    "aws:dynamodb/table:Table": {"arn": f"arn:aws:dynamodb:{_HERE}:table/{{name}}"},
    "aws:sqs/queue:Queue": {
        "arn": f"arn:aws:sqs:{_HERE}:{{name}}",
        "url": f"https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/{{name}}",
    },
    "aws:s3/bucket:Bucket": {"arn": "arn:aws:s3:::{bucket}"},
    "aws:secretsmanager/secret:Secret": {"arn": f"arn:aws:secretsmanager:{_HERE}:secret:{{name}}-{{token:.6}}"},
    "aws:kms/key:Key": {"arn": f"arn:aws:kms:{_HERE}:key/{{token}}", "keyId": "{token}"},
    "aws:kms/replicaKey:ReplicaKey": {
        "arn": f"arn:aws:kms:{{region}}:{ACCOUNT}:key/{{token}}",
        "keyId": "{token}",
    },
    "aws:wafv2/ipSet:IpSet": {"arn": f"arn:aws:wafv2:us-east-1:{ACCOUNT}:global/ipset/{{name}}/{{token}}"},
    "aws:wafv2/webAcl:WebAcl": {"arn": f"arn:aws:wafv2:us-east-1:{ACCOUNT}:global/webacl/{{name}}/{{token}}"},
    "aws:cloudfront/distribution:Distribution": {
        "domainName": "d111111abcdef8.cloudfront.net",
        "hostedZoneId": "Z2FDTNDATAQYW2",
    },
    "aws:acm/certificate:Certificate": {"arn": f"arn:aws:acm:{{region}}:{ACCOUNT}:certificate/{{token}}"},
    "aws:acm/certificateValidation:CertificateValidation": {"certificateArn": "{certificateArn}"},
    "aws:iam/role:Role": {"arn": f"arn:aws:iam::{ACCOUNT}:role{{path}}{{name}}"},
    "aws:iam/instanceProfile:InstanceProfile": {"arn": f"arn:aws:iam::{ACCOUNT}:instance-profile{{path}}{{name}}"},
    "aws:lambda/function:Function": {"arn": f"arn:aws:lambda:{_HERE}:function:{{name}}"},
    "aws:cloudwatch/logGroup:LogGroup": {"arn": f"arn:aws:logs:{_HERE}:log-group:{{name}}"},
    "aws:apigatewayv2/api:Api": {
        "apiEndpoint": f"https://{{token}}.execute-api.{REGION}.amazonaws.com",
        "executionArn": f"arn:aws:execute-api:{_HERE}:{{token}}",
    },
    "aws:sns/topic:Topic": {"arn": f"arn:aws:sns:{_HERE}:{{name}}"},
    "aws:ec2/vpc:Vpc": {"ipv6CidrBlock": "2001:db8:80:100::/56"},
    "aws:ec2/eip:Eip": {"publicIp": "198.51.100.7", "allocationId": "eipalloc-{token}"},
    "aws:ec2/launchTemplate:LaunchTemplate": {"arn": f"arn:aws:ec2:{_HERE}:launch-template/lt-{{token}}"},
}
"""What AWS adds to a resource, where the program uses it; in AWS's own shapes."""

SHAPES: dict[str, dict[str, Any]] = {
    "aws:acm/certificate:Certificate": {
        "domainValidationOptions": [
            {
                "domainName": "runners.example.com",
                "resourceRecordName": "_proof.runners.example.com.",
                "resourceRecordType": "CNAME",
                "resourceRecordValue": "_proof.acm-validations.aws.",
            }
        ]
    },
    "aws:route53/record:Record": {"fqdn": "_proof.runners.example.com"},
    "aws:apigatewayv2/domainName:DomainName": {
        "domainNameConfiguration": {
            "targetDomainName": "d-abc.execute-api.us-east-1.amazonaws.com",
            "hostedZoneId": "Z1UJRXOUMOOFQ8",
        }
    },
}
"""The same, where it is more than text."""

_SECRET = "4dabf18193072939515e22adb298388d"
"""The key by which Pulumi's engine knows a value that it keeps encrypted."""

PREFIXES = {"LaunchTemplate": "lt-", "Subnet": "subnet-", "SecurityGroup": "sg-", "Vpc": "vpc-"}


class Cloud(pulumi.runtime.Mocks):
    """Makes whatever it is asked for; in a preview nothing is known of it yet."""

    def __init__(self, region: str, account: str, *, preview: bool) -> None:
        self.region, self.account = region, account
        self.preview = preview
        self.resources: list[dict[str, Any]] = []

    def new_resource(self, args: pulumi.runtime.MockResourceArgs) -> tuple[str | None, dict[str, Any]]:
        kind = args.typ.rpartition(":")[2]
        inputs = plain(args.inputs)
        token = hashlib.sha256(f"{args.typ} {args.name}".encode()).hexdigest()[:17]
        made = {key: self._here(text) for key, text in MADE.get(args.typ, {}).items()}
        added = {key: text.format(**inputs, token=token) for key, text in made.items()}
        seen = {"type": args.typ, "name": args.name, "inputs": inputs, "provider": args.provider, "custom": args.custom}
        # Several resources are made at the same time: each is written down whole.
        self.resources.append(seen | {"made": {"id": f"{PREFIXES.get(kind, '')}{token}", **added}})
        if self.preview:
            return None, dict(args.inputs)
        return f"{PREFIXES.get(kind, '')}{token}", {**args.inputs, **added, **SHAPES.get(args.typ, {})}

    def _here(self, text: str) -> str:
        return text.replace(REGION, self.region).replace(ACCOUNT, self.account)

    def call(self, args: pulumi.runtime.MockCallArgs) -> tuple[dict[str, Any], None]:
        raise RuntimeError(f"{args.token}: the program asks AWS nothing, so that a preview needs no answers")


class Monitor(MockMonitor):
    """Keeps what each resource was registered with beside its inputs."""

    def __init__(self, cloud: Cloud) -> None:
        super().__init__(cloud)
        self.options: dict[str, dict[str, Any]] = {}

    def RegisterResource(self, request: Any) -> Any:  # noqa: ANN401, N802 - the engine's own interface
        answer = super().RegisterResource(request)  # type: ignore[no-untyped-call]  # Pulumi's own, untyped
        self.options[f"{request.type} {request.name}"] = {
            "protect": bool(request.protect),
            "dependencies": sorted(request.dependencies),
            "parent": request.parent,
            "urn": answer.urn,
        }
        return answer


class Messages(logging.Handler):
    """What the program, or a deprecated argument in it, tells the operator."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[list[str]] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.told.append([record.levelname, record.getMessage()])


def plain(value: Any) -> Any:  # noqa: ANN401 - any JSON
    """The value as JSON can hold it: a file by its path, what is not known yet by a mark."""
    if isinstance(value, dict) and _SECRET in value:
        return {"secret": plain(value["value"])}
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, pulumi.FileArchive):
        return {"archive": str(value.path)}
    return value if isinstance(value, str | int | float | bool | None) else "<not known yet>"


def run(infra: Path, stack: str, place: tuple[str, str], *, preview: bool) -> dict[str, Any]:
    """Run the program once: its resources, its outputs, and what it told the operator."""
    cloud = Cloud(*place, preview=preview)
    monitor = Monitor(cloud)
    log, messages = logging.getLogger("engine"), Messages()
    log.setLevel(logging.INFO)
    log.handlers = [messages]
    pulumi.runtime.set_mocks(cloud, project="spotrunner", stack=stack, preview=preview, logger=log, monitor=monitor)
    outputs: dict[str, Any] = {}

    @pulumi.runtime.test  # type: ignore[untyped-decorator]  # the same
    def program() -> pulumi.Output[None]:
        told: dict[str, Any] = getattr(pulumi.runtime.get_root_resource(), "outputs", {})
        # The stack outlives a run, and so would what an earlier one has told.
        told.clear()
        runpy.run_path(str(infra), run_name="__main__")
        return pulumi.Output.from_input(told).apply(outputs.update)

    program()
    for resource in cloud.resources:
        resource["options"] = monitor.options[f"{resource['type']} {resource['name']}"]
    resources = sorted(cloud.resources, key=lambda resource: (resource["type"], resource["name"]))
    return {"resources": resources, "outputs": outputs, "messages": messages.told}


def main(infra: Path) -> None:
    """Make the runs that standard input lists; what came of each goes to standard output."""
    os.chdir(infra)
    told = []
    for wanted in json.load(sys.stdin):
        os.environ["PULUMI_CONFIG"] = json.dumps(wanted["config"])
        os.environ["PULUMI_CONFIG_SECRET_KEYS"] = json.dumps(wanted["secrets"])
        place = wanted["config"]["aws:region"], wanted["config"]["spotrunner:account"]
        told.append(run(infra, wanted["stack"], place, preview=wanted["preview"]))
    json.dump(told, sys.stdout)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
