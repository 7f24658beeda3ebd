"""The program is run a few times, side by side, and every test looks at what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.infra.deployed import ROOT, Deployed, Runs, Wanted, example

STACKS = sorted(path.stem.removeprefix("Pulumi.") for path in (ROOT / "stacks").glob("Pulumi.*.yaml"))
FRONT_SECRET = "made-up-" * 5


@pytest.fixture(scope="session")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Any]:
    return {**example(), "spotrunner:build": str(build_folder(tmp_path_factory.mktemp("build")))}


@pytest.fixture(scope="session")
def runs(settings: Mapping[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Deployed]:
    other = {**settings, "spotrunner:build": str(build_folder(tmp_path_factory.mktemp("build")))}
    given = {key: value for key, value in other.items() if key not in {"spotrunner:vpcCidr", "spotrunner:zones"}}
    given |= {
        "spotrunner:vpc": "vpc-0abc",
        "spotrunner:subnets": {"us-east-1a": "subnet-0a", "us-east-1b": "subnet-0b"},
        "spotrunner:images": {"linux/x64": "ami-0a"},
        "spotrunner:alarmTopic": "arn:aws:sns:us-east-1:123456789012:on-call",
        "spotrunner:serviceRoles": True,
        "spotrunner:protect": False,
        "spotrunner:domain": "runners.example.com",
        "spotrunner:certificate": "arn:aws:acm:us-east-1:123456789012:certificate/0123",
    }
    del given["spotrunner:alertEmails"]
    private = settings | {
        "spotrunner:egress": "nat-per-zone",
        "spotrunner:ipv6": True,
        "spotrunner:endpoints": ["sqs", "execute-api"],
        "spotrunner:flowLogs": True,
        "spotrunner:sessionManager": False,
        "spotrunner:sshFrom": "192.0.2.0/24, 2001:db8::/32",
        "spotrunner:sshKey": "on-call",
        "spotrunner:slackTeam": "T0123ABCD",
        "spotrunner:slackChannel": "C0123ABCD",
        "spotrunner:permissionsBoundary": "arn:aws:iam::123456789012:policy/boundary",
        "spotrunner:diskInitialization": 300,
        "spotrunner:encryption": "own",
        "spotrunner:domain": "runners.example.com",
        "spotrunner:hostedZone": "Z0123456789",
        "spotrunner:webhookFrom": "192.30.252.0/22, 2a0a:a440::/29",
        "spotrunner:frontSecret": FRONT_SECRET,
        "spotrunner:reservedConcurrency": {"dispatch": 5},
        "spotrunner:images": {"windows/x64": "ami-0b"},
        "spotrunner:appId": "1234567, 2345678",
        "spotrunner:githubServers": {"corp": "https://ghe.example/api/v3"},
        "spotrunner:githubApps": {"corp": "12"},
        "spotrunner:machineRoles": {
            "deploy": {
                "repositories": ["octo/deployer", "octo/infra-*"],
                "policies": "arn:aws:iam::123456789012:policy/team/deploy",
                "artifacts": True,
            },
            "gpu": {"repositories": "*", "policies": "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"},
        },
        "spotrunner:artifactDays": 14,
    }
    several = Runs.start(
        Wanted(settings), Wanted(given), Wanted(private), Wanted({**private, "spotrunner:egress": "nat"})
    )
    # In a process of its own, where sets come in another order.
    alone = Runs.start(Wanted(settings), Wanted(settings, preview=True))
    up, given_network, many_gateways, one_gateway = several.end()
    again, preview = alone.end()
    return {
        "up": up,
        "given network": given_network,
        "private": many_gateways,
        "one gateway": one_gateway,
        "preview": preview,
        "again": again,
    }


@pytest.fixture(scope="session")
def examples_build(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Where the packages of the example stacks lie."""
    return str(build_folder(tmp_path_factory.mktemp("build")))


@pytest.fixture(scope="session")
def examples(examples_build: str) -> Mapping[str, Deployed]:
    """Every example stack, by its name."""
    return _examples(examples_build)


@pytest.fixture(scope="session")
def examples_again(examples_build: str) -> Mapping[str, Deployed]:
    """The same once more, by a process in which sets come in another order."""
    return _examples(examples_build)


def _examples(build: str) -> Mapping[str, Deployed]:
    wanted = [Wanted({**example(name), "spotrunner:build": build}, name) for name in STACKS]
    return dict(zip(STACKS, Runs.start(*wanted).end(), strict=True))


@pytest.fixture(scope="session")
def stack(runs: Mapping[str, Deployed]) -> Deployed:
    """The example stack."""
    return runs["up"]


def build_folder(folder: Path) -> Path:
    """A folder as `python -m infra.package` leaves it, with one small package in it."""
    package = folder / "dependencies" / "somebody"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("x = 1\n")
    return folder
