"""The program is run a few times, side by side, and every test looks at what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.infra.deployed import Deployed, Runs, Wanted, example


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
        "spotrunner:images": {"windows/x64": "ami-0b"},
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
def stack(runs: Mapping[str, Deployed]) -> Deployed:
    """The example stack."""
    return runs["up"]


def build_folder(folder: Path) -> Path:
    """A folder as `python -m infra.package` leaves it, with one small package in it."""
    package = folder / "dependencies" / "somebody"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("x = 1\n")
    return folder
