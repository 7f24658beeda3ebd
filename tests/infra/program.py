"""Runs the Pulumi program as `pulumi up` would, against an engine that only writes down; prints what it was told.

    python -I program.py <infra folder> <stack> <preview: yes or no>      with the configuration in PULUMI_CONFIG
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import runpy
import sys
import warnings
from pathlib import Path
from typing import Any

import pulumi
from pulumi.runtime import rpc
from pulumi.runtime.mocks import MockMonitor

ACCOUNT, REGION = "123456789012", "us-east-1"


def made(kind: str, inputs: dict[str, Any], token: str) -> dict[str, str]:
    """What AWS adds to a resource; as close to the real shapes as the program can notice."""
    name = str(inputs.get("name") or inputs.get("bucket") or token)
    match kind:
        case "aws:dynamodb/table:Table":
            return {"arn": f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{name}"}
        case "aws:sqs/queue:Queue":
            url = f"https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/{name}"
            return {"arn": f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}", "url": url}
        case "aws:s3/bucket:Bucket":
            return {"arn": f"arn:aws:s3:::{name}"}
        case "aws:secretsmanager/secret:Secret":
            return {"arn": f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:{name}-{token[:6]}"}
        case "aws:iam/role:Role" | "aws:iam/instanceProfile:InstanceProfile":
            return {"arn": f"arn:aws:iam::{ACCOUNT}:{kind.split('/')[0][8:]}{inputs['path']}{name}"}
        case "aws:lambda/function:Function":
            return {"arn": f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{name}"}
        case "aws:cloudwatch/logGroup:LogGroup":
            return {"arn": f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{name}"}
        case "aws:apigatewayv2/api:Api":
            return {
                "apiEndpoint": f"https://{token}.execute-api.{REGION}.amazonaws.com",
                "executionArn": f"arn:aws:execute-api:{REGION}:{ACCOUNT}:{token}",
            }
        case "aws:ec2/launchTemplate:LaunchTemplate":
            return {"arn": f"arn:aws:ec2:{REGION}:{ACCOUNT}:launch-template/lt-{token}"}
        case _:
            return {"arn": f"arn:aws:made-up:{REGION}:{ACCOUNT}:{name}"}


PREFIXES = {"launchTemplate": "lt-", "subnet": "subnet-", "securityGroup": "sg-", "vpc": "vpc-"}


class Cloud(pulumi.runtime.Mocks):
    """Makes whatever it is asked for; in a preview nothing is known of it yet."""

    def __init__(self, *, preview: bool) -> None:
        self.preview = preview
        self.resources: list[dict[str, Any]] = []

    def new_resource(self, args: pulumi.runtime.MockResourceArgs) -> tuple[str | None, dict[str, Any]]:
        kind = args.typ.rpartition(":")[2][:1].lower() + args.typ.rpartition(":")[2][1:]
        inputs = plain(args.inputs)
        self.resources.append(
            {"type": args.typ, "name": args.name, "inputs": inputs, "provider": args.provider, "custom": args.custom}
        )
        token = hashlib.sha256(f"{args.typ} {args.name}".encode()).hexdigest()[:17]
        if self.preview:
            return None, dict(args.inputs)
        return f"{PREFIXES.get(kind, '')}{token}", {**args.inputs, **made(args.typ, inputs, token)}

    def call(self, args: pulumi.runtime.MockCallArgs) -> tuple[dict[str, Any], None]:
        raise RuntimeError(f"{args.token}: the program asks AWS nothing, so that a preview needs no answers")


class Monitor(MockMonitor):
    """Keeps the program's outputs and what each resource was registered with, beside its inputs."""

    def __init__(self, cloud: Cloud) -> None:
        super().__init__(cloud)
        self.outputs: dict[str, Any] = {}
        self.options: dict[str, dict[str, Any]] = {}

    def RegisterResource(self, request: Any) -> Any:  # noqa: ANN401, N802 - the engine's own interface
        answer = super().RegisterResource(request)
        self.options[f"{request.type} {request.name}"] = {
            "protect": bool(request.protect),
            "dependencies": sorted(request.dependencies),
            "parent": request.parent,
            "urn": answer.urn,
        }
        return answer

    def RegisterResourceOutputs(self, request: Any) -> Any:  # noqa: ANN401, N802 - the same
        if "pulumi:pulumi:Stack" in request.urn:
            self.outputs = plain(rpc.deserialize_properties(request.outputs))
        return super().RegisterResourceOutputs(request)


def plain(value: Any) -> Any:  # noqa: ANN401 - any JSON
    """The value as JSON can hold it: a file by its path, what is not known yet by a mark."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, pulumi.FileArchive):
        return {"archive": str(value.path)}
    return value if isinstance(value, str | int | float | bool | None) else "<not known yet>"


def main(infra: Path, stack: str, *, preview: bool) -> None:
    """Run the program; its resources and outputs go to standard output."""
    cloud = Cloud(preview=preview)
    monitor = Monitor(cloud)
    pulumi.runtime.set_mocks(cloud, project="spotrunner", stack=stack, preview=preview, monitor=monitor)
    os.chdir(infra)

    def program() -> None:
        runpy.run_path(str(infra), run_name="__main__")

    asyncio.run(pulumi.runtime.run_in_stack(program))
    for resource in cloud.resources:
        resource["options"] = monitor.options[f"{resource['type']} {resource['name']}"]
    told = sorted(cloud.resources, key=lambda resource: (resource["type"], resource["name"]))
    json.dump({"resources": told, "outputs": monitor.outputs}, sys.stdout)


if __name__ == "__main__":
    warnings.simplefilter("error")
    main(Path(sys.argv[1]), sys.argv[2], preview=sys.argv[3] == "yes")
